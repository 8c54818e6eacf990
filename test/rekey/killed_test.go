package rekey_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/store"
)

func TestARotationOfAnOrganizationsKeyIsKilledAtEveryStep(t *testing.T) {
	overBoth(t, func(s *scene) {
		s.serve()
		organization := s.organization()
		deleted := s.create(organization, "deleted")
		s.server.Do(apptest.Request{Method: http.MethodDelete, Path: credentials + "/" + deleted, Token: s.user(organization)}).Want(s, http.StatusNoContent)
		busy := s.begin(organization, 6)
		rotate := func(int) order {
			return order{Operation: "organization", Organization: organization, Arguments: s.arguments}
		}
		everyStep(s.T, rotate, func() {}, func() {})
		held := busy.end()
		run(s.T, rotate(0)) // a write may have begun before the last key was there, and ended after
		s.look(func(db store.Store) {
			newest, err := db.CurrentOrganizationKey(s.Context(), organization)
			s.must(err)
			counts, err := db.CountSealed(s.Context(), organization)
			s.must(err)
			for _, c := range counts {
				if c.KeyVersion != newest.Version {
					s.Errorf("%d of %s are under version %d, the newest is %d", c.Count, c.Kind, c.KeyVersion, newest.Version)
				}
			}
		})
		s.stop()

		// A process that has no key in its memory opens everything, what was deleted too.
		s.restore(organization, deleted)
		s.serve()
		held[deleted] = "deleted"
		for id, label := range held {
			s.wantData(organization, id, label)
		}
		s.stop()
		s.wantVerified()
	})
}

// restore brings a deleted credential back, as the command line does.
func (s *scene) restore(organization uuid.UUID, id string) {
	s.Helper()
	c, err := configure(s.arguments)
	s.must(err)
	a, err := app.Open(s.Context(), c, "credential restore", slog.New(slog.DiscardHandler))
	s.must(err)
	_, err = a.Credentials.Restore(s.Context(), strongroom.Operator(organization, ""), uuid.MustParse(id))
	s.must(err)
	s.must(a.Close(context.Background()))
}

func TestAReplacementOfTheRootKeyIsKilledAtEveryStep(t *testing.T) {
	overBoth(t, func(s *scene) {
		// The server has both root keys, so that it does not notice which one it is.
		from, next := "file:"+app.RootKeyPath(s.dir), s.newRoot()
		both := []string{"--root-key", from, "--next-root-key", next}
		s.serve(both...)
		organization := s.organization()
		busy := s.begin(organization, 2)
		young := map[uuid.UUID]string{}
		replace := func(int) order {
			return order{Operation: "root", Arguments: append(s.arguments, "--root-key", from, "--next-root-key", next)}
		}
		everyStep(s.T, replace, func() { s.wantOneRoot("") }, func() {
			s.wantOneRoot(fingerprint(s, next))
			from, next = next, from
			id := s.organization() // whose key is made under the root key of now
			young[id] = s.create(id, "young")
			s.wantOneRoot(fingerprint(s, from))
		})
		held := busy.end()
		s.stop()

		// A process with the root key of now alone opens everything.
		s.serve("--root-key", from)
		for id, label := range held {
			s.wantData(organization, id, label)
		}
		for of, id := range young {
			s.wantData(of, id, "young")
		}
		s.stop()
		s.wantVerified("--root-key", from)
	})
}

func fingerprint(s *scene, root string) string {
	s.Helper()
	key, err := os.ReadFile(strings.TrimPrefix(root, "file:"))
	s.must(err)
	return rootFingerprint(s, key)
}

// wantOneRoot checks that every key is wrapped by the root key that the installation names.
func (s *scene) wantOneRoot(want string) {
	s.Helper()
	s.look(func(db store.Store) {
		known, err := db.Installation(s.Context())
		s.must(err)
		if want != "" && known.RootFingerprint != want {
			s.Errorf("the root key is %s, want %s", known.RootFingerprint, want)
		}
		keys, err := db.OrganizationKeys(s.Context())
		s.must(err)
		for _, k := range keys {
			if k.RootFingerprint != known.RootFingerprint {
				s.Errorf("a key of %s is wrapped by %s, the installation has %s", k.OrganizationID, k.RootFingerprint, known.RootFingerprint)
			}
		}
		signing, err := db.SigningKeys(s.Context())
		s.must(err)
		for _, k := range signing {
			if k.RootFingerprint != known.RootFingerprint {
				s.Errorf("signing key %s is wrapped by %s, the installation has %s", k.ID, k.RootFingerprint, known.RootFingerprint)
			}
		}
	})
}

func TestAReplacementOfTheSigningKeyIsKilledAtEveryStep(t *testing.T) {
	overBoth(t, func(s *scene) {
		s.serve()
		organization := s.organization()
		id := s.create(organization, "x")
		sign := func(int) order { return order{Operation: "signing", Arguments: s.arguments} }
		everyStep(s.T, sign, func() { s.wantVerified() }, func() {
			s.wantData(organization, id, "x")
			s.wantVerified()
			s.look(func(db store.Store) {
				keys, err := db.SigningKeys(s.Context())
				s.must(err)
				for i, k := range keys {
					if (k.RetiredAt == nil) != (i == 0) {
						s.Errorf("of %d keys number %d is retired at %v", len(keys), i, k.RetiredAt)
					}
				}
			})
		})
		s.stop()
		s.wantVerified()
	})
}

func TestAnErasureIsKilledAtEveryStep(t *testing.T) {
	overBoth(t, func(s *scene) {
		s.serve()
		stays := s.organization()
		kept := s.create(stays, "stays")
		var gone uuid.UUID
		var id string
		var wrapped [][]byte
		erase := func(int) order {
			gone = s.organization()
			id = s.create(gone, "secret")
			s.wantData(gone, id, "secret") // the server has the key in its memory
			s.look(func(db store.Store) {
				key, err := db.CurrentOrganizationKey(s.Context(), gone)
				s.must(err)
				wrapped = append(wrapped, key.Wrapped)
			})
			return order{Operation: "erase", Organization: gone, Arguments: s.arguments}
		}
		everyStep(s.T, erase, func() {
			// All of it is there, or nothing.
			if s.erased(gone) {
				s.wantErased(gone, id)
			} else {
				s.wantData(gone, id, "secret")
			}
		}, func() {
			s.wantErased(gone, id)
			s.wantNoRemnants(wrapped)
			s.wantData(stays, kept, "stays")
		})
		s.stop()
		s.wantVerified()
		s.wantNoRemnants(wrapped)
	})
}

func (s *scene) erased(organization uuid.UUID) (erased bool) {
	s.Helper()
	s.look(func(db store.Store) {
		o, err := db.Organization(s.Context(), organization)
		s.must(err)
		erased = o.ErasedAt != nil
	})
	return erased
}

// wantErased checks that the running server gives nothing out, and makes nothing, from the
// next request on.
func (s *scene) wantErased(organization uuid.UUID, id string) {
	s.Helper()
	s.read(organization, id).WantError(s, http.StatusUnauthorized, "unauthorized")
	for _, r := range []apptest.Request{
		{Method: http.MethodGet, Path: credentials},
		{Method: http.MethodGet, Path: credentials + "/" + id},
		{Method: http.MethodPost, Path: credentials, Body: map[string]any{"name": "n", "provider": "sftp", "credential_type": "user_password", "credentials": map[string]any{}}},
	} {
		r.Token = s.user(organization)
		s.server.Do(r).WantError(s, http.StatusGone, "organization_erased")
	}
	s.look(func(db store.Store) {
		if _, err := db.CurrentOrganizationKey(s.Context(), organization); err == nil {
			s.Error("the organization has a key")
		}
		counts, err := db.CountSealed(s.Context(), organization)
		s.must(err)
		if len(counts) > 0 {
			s.Errorf("it has %+v", counts)
		}
	})
}

// wantNoRemnants looks for wrapped keys in every file of the directory, where SQLite's are.
func (s *scene) wantNoRemnants(wrapped [][]byte) {
	s.Helper()
	names, err := filepath.Glob(filepath.Join(s.dir, "*"))
	s.must(err)
	for _, name := range names {
		content, err := os.ReadFile(name)
		s.must(err)
		for _, key := range wrapped {
			if bytes.Contains(content, key) {
				s.Errorf("%s holds the wrapped key of an organization that was erased", filepath.Base(name))
			}
		}
	}
}
