package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func signingKey(n int) store.SigningKey {
	return store.SigningKey{ID: uuid.Must(uuid.NewV7()), Public: []byte{byte(n)}, WrappedPrivate: []byte{0, byte(n)}, RootFingerprint: "c0ffee", CreatedAt: at(n)}
}

// rooted is an installation with the root key c0ffee, three keys of two organizations and
// two signing keys.
func (f *fixture) rooted() (keys []strongroom.OrganizationKey, signing []store.SigningKey) {
	f.Helper()
	organizations := []uuid.UUID{f.organization(), f.organization()}
	keys = []strongroom.OrganizationKey{organizationKey(organizations[0], 1), organizationKey(organizations[0], 2), organizationKey(organizations[1], 1)}
	signing = []store.SigningKey{signingKey(2), signingKey(1)}
	f.write(func(tx store.Tx) error {
		err := tx.CreateInstallation(store.Installation{ID: uuid.New(), RootFingerprint: "c0ffee", CreatedAt: at(0)})
		for _, k := range keys {
			err = errors.Join(err, tx.CreateOrganizationKey(k))
		}
		for _, k := range signing {
			err = errors.Join(err, tx.CreateSigningKey(k))
		}
		return err
	})
	return keys, signing
}

// move rewraps the keys for another root key.
func move(keys []strongroom.OrganizationKey, signing []store.SigningKey) store.RootMove {
	m := store.RootMove{From: "c0ffee", To: "decade"}
	for _, k := range keys {
		m.Organizations = append(m.Organizations, store.Rewrapped{ID: k.OrganizationID, Version: k.Version, Old: k.Wrapped, New: append([]byte("new"), k.Wrapped...)})
	}
	for _, k := range signing {
		m.Signing = append(m.Signing, store.Rewrapped{ID: k.ID, Old: k.WrappedPrivate, New: append([]byte("new"), k.WrappedPrivate...)})
	}
	return m
}

// wantKeys checks every key there is.
func (f *fixture) wantKeys(root string, keys []strongroom.OrganizationKey, signing []store.SigningKey) {
	f.Helper()
	i, err := f.Installation(f.Context())
	f.must(err)
	f.equal(i.RootFingerprint, root)
	gotKeys, err := f.OrganizationKeys(f.Context())
	f.must(err)
	f.equal(gotKeys, keys)
	gotSigning, err := f.SigningKeys(f.Context())
	f.must(err)
	f.equal(gotSigning, signing)
}

// testRoots is long: it is a table, whose rows are the cases.
func testRoots(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"every key is moved, and the installation": func(f *fixture) {
			keys, signing := f.rooted()
			f.wantKeys("c0ffee", keys, signing)
			m := move(keys, signing)
			f.write(func(tx store.Tx) error { return tx.MoveRoot(m) })
			for i := range keys {
				keys[i].Wrapped, keys[i].RootFingerprint = m.Organizations[i].New, "decade"
			}
			for i := range signing {
				signing[i].WrappedPrivate, signing[i].RootFingerprint = m.Signing[i].New, "decade"
			}
			f.wantKeys("decade", keys, signing)
		},
		"an installation without keys is moved": func(f *fixture) {
			f.write(func(tx store.Tx) error {
				return tx.CreateInstallation(store.Installation{ID: uuid.New(), RootFingerprint: "c0ffee", CreatedAt: at(0)})
			})
			f.write(func(tx store.Tx) error { return tx.MoveRoot(move(nil, nil)) })
			f.wantKeys("decade", nil, nil)
		},
		"ErrStale where not all of it is as it was, and nothing is moved": func(f *fixture) {
			keys, signing := f.rooted()
			whole := move(keys, signing)
			for name, change := range map[string]func(*store.RootMove){
				"another root key":            func(m *store.RootMove) { m.From = "facade" },
				"a key is missing":            func(m *store.RootMove) { m.Organizations = m.Organizations[1:] },
				"a signing key is missing":    func(m *store.RootMove) { m.Signing = m.Signing[1:] },
				"none is given":               func(m *store.RootMove) { m.Organizations, m.Signing = nil, nil },
				"a key was changed":           func(m *store.RootMove) { m.Organizations[1].Old = []byte("else") },
				"a signing key was changed":   func(m *store.RootMove) { m.Signing[1].Old = []byte("else") },
				"a version is another":        func(m *store.RootMove) { m.Organizations[1].Version = 9 },
				"an organization is another":  func(m *store.RootMove) { m.Organizations[1].ID = uuid.New() },
				"the id of a signing key too": func(m *store.RootMove) { m.Signing[0].ID = uuid.New() },
			} {
				f.Run(name, func(t *testing.T) {
					m := whole
					m.Organizations, m.Signing = slices.Clone(whole.Organizations), slices.Clone(whole.Signing)
					change(&m)
					(&fixture{T: t}).refused(f.try(func(tx store.Tx) error { return tx.MoveRoot(m) }), store.ErrStale)
				})
			}
			f.wantKeys("c0ffee", keys, signing)
		},
		"nothing is moved where the transaction is taken back": func(f *fixture) {
			keys, signing := f.rooted()
			failed := errors.New("taken back")
			f.refused(f.try(func(tx store.Tx) error {
				f.refused(tx.Nested(func() error { return errors.Join(tx.MoveRoot(move(keys, signing)), failed) }), failed)
				return nil
			}), nil)
			f.wantKeys("c0ffee", keys, signing)
		},
		"ErrOtherRoot for a key that the old root key has wrapped": func(f *fixture) {
			keys, signing := f.rooted()
			f.write(func(tx store.Tx) error { return tx.MoveRoot(move(keys, signing)) })
			organization := f.organization()
			for _, s := range []store.Store{f.Store, f.another()} {
				f.refused(s.Write(f.Context(), func(tx store.Tx) error { return tx.CreateOrganizationKey(organizationKey(organization, 1)) }), store.ErrOtherRoot)
				f.refused(s.Write(f.Context(), func(tx store.Tx) error { return tx.CreateSigningKey(signingKey(9)) }), store.ErrOtherRoot)
			}
			now := organizationKey(organization, 1)
			now.RootFingerprint = "decade"
			f.write(func(tx store.Tx) error { return tx.CreateOrganizationKey(now) })
		},
		"however a key is made while the root moves, none is left that only the old one opens": func(f *fixture) {
			keys, signing := f.rooted()
			organization := f.organization()
			stores := []store.Store{f.Store, f.another()}
			var made, moved error
			var group sync.WaitGroup
			group.Go(func() {
				made = stores[0].Write(f.Context(), func(tx store.Tx) error { return tx.CreateOrganizationKey(organizationKey(organization, 1)) })
			})
			group.Go(func() {
				moved = stores[1].Write(f.Context(), func(tx store.Tx) error { return tx.MoveRoot(move(keys, signing)) })
			})
			group.Wait()
			switch {
			case made == nil:
				f.refused(moved, store.ErrStale)
			case moved == nil:
				f.refused(made, store.ErrOtherRoot)
			default:
				f.Fatalf("neither was done: %v, %v", made, moved)
			}
		},
		"every signing key but one is retired, once": func(f *fixture) {
			keys, signing := f.rooted()
			for n, want := range []int{1, 0} {
				f.write(func(tx store.Tx) error {
					retired, err := tx.RetireSigningKeys(signing[0].ID, at(50+n))
					f.equal(retired, want)
					return err
				})
			}
			signing[1].RetiredAt = pointer(at(50))
			f.wantKeys("c0ffee", keys, signing)
		},
	})
}
