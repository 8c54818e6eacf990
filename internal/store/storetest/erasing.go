package storetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// erase erases an organization at a time.
func (f *fixture) erase(organization uuid.UUID, n int) (had store.Erasure) {
	f.Helper()
	f.write(func(tx store.Tx) (err error) {
		had, err = tx.EraseOrganization(organization, at(n))
		return err
	})
	return had
}

// testErasing is long: it is a table, whose rows are the cases.
func testErasing(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for an organization that is not known": func(f *fixture) {
			for _, id := range []uuid.UUID{uuid.New(), uuid.Nil} {
				f.refused(f.try(func(tx store.Tx) error { _, err := tx.EraseOrganization(id, at(1)); return err }), store.ErrNotFound)
				_, err := f.Organization(f.Context(), id)
				f.refused(err, store.ErrNotFound)
			}
		},
		"organizations are listed in order, erased ones too": func(f *fixture) {
			first, second := f.organization(), f.organization()
			f.erase(first, 7)
			want := []store.Organization{{ID: first, CreatedAt: at(0), ErasedAt: pointer(at(7))}, {ID: second, CreatedAt: at(0)}}
			all, err := f.Organizations(f.Context())
			f.must(err)
			f.equal(all, want)
			one, err := f.Organization(f.Context(), first)
			f.must(err)
			f.equal(one, want[0])
		},
		"everything that it owned is gone, and another's is as it was": func(f *fixture) {
			gone, stays := f.property(), f.property()
			f.sealedOf(gone.organization, 1)
			client := f.client(gone.organization, "box")
			flow := f.flow(gone.organization, at(1))
			had := f.erase(gone.organization, 9)
			f.equal(had, store.Erasure{Keys: 1, Credentials: 4, OAuthClients: 2, Accounts: 1, APIKeys: 1})
			f.wantErased(gone)
			_, err := f.OAuthClient(f.Context(), gone.organization, client.Provider)
			f.refused(err, store.ErrNotFound)
			_, err = f.OAuthFlow(f.Context(), flow.StateHash)
			f.refused(err, store.ErrNotFound)
			f.unchanged(stays)
		},
		"ErrErased to erase it again": func(f *fixture) {
			organization := f.organization()
			f.erase(organization, 3)
			f.refused(f.try(func(tx store.Tx) error { _, err := tx.EraseOrganization(organization, at(4)); return err }), store.ErrErased)
			got, err := f.Organization(f.Context(), organization)
			f.must(err)
			f.equal(got.ErasedAt, pointer(at(3)))
		},
		"ErrErased for whatever is to be made for it": func(f *fixture) {
			p := f.property()
			f.erase(p.organization, 9)
			credential, account, client, flow := f.newCredential(p.organization), f.newAccount(&p.organization), f.newClient(p.organization, "box"), f.newFlow(p.organization, at(1))
			for name, step := range map[string]func(tx store.Tx) error{
				"EnsureOrganization":    func(tx store.Tx) error { return tx.EnsureOrganization(p.organization, at(10)) },
				"CreateOrganizationKey": func(tx store.Tx) error { return tx.CreateOrganizationKey(organizationKey(p.organization, 8)) },
				"CreateCredential":      func(tx store.Tx) error { return tx.CreateCredential(credential, store.CredentialLimits{}) },
				"CreateAccount":         func(tx store.Tx) error { return tx.CreateAccount(account) },
				"SaveOAuthClient":       func(tx store.Tx) error { return tx.SaveOAuthClient(client) },
				"CreateOAuthFlow":       func(tx store.Tx) error { return tx.CreateOAuthFlow(flow, 9) },
			} {
				f.Run(name, func(t *testing.T) { (&fixture{T: t}).refused(f.try(step), store.ErrErased) })
			}
			for name, step := range map[string]func(tx store.Tx) error{
				"UpdateCredential": func(tx store.Tx) error { return tx.UpdateCredential(p.organization, change(p.credential)) },
				"RestoreCredential": func(tx store.Tx) error {
					_, err := tx.RestoreCredential(p.organization, p.deleted.ID, at(11), uuid.New(), store.CredentialLimits{})
					return err
				},
				"CreateRotation": func(tx store.Tx) error { return tx.CreateRotation(f.newRotation(p.credential)) },
				"CreateAPIKey":   func(tx store.Tx) error { return tx.CreateAPIKey(p.key, [32]byte{7}) },
				"SaveAccount":    func(tx store.Tx) error { return tx.SaveAccount(p.account) },
			} {
				f.Run(name, func(t *testing.T) { (&fixture{T: t}).refused(f.try(step), store.ErrNotFound) })
			}
		},
		"nothing is erased where the transaction is taken back": func(f *fixture) {
			p := f.property()
			failed := errors.New("taken back")
			f.refused(f.try(func(tx store.Tx) error {
				_, err := tx.EraseOrganization(p.organization, at(9))
				return errors.Join(err, failed)
			}), failed)
			f.unchanged(p)
		},
		"of what is made while it is erased nothing is left": func(f *fixture) {
			for range 10 {
				organization := f.organization()
				stores := []store.Store{f.Store, f.another()}
				c := f.newCredential(organization)
				var group sync.WaitGroup
				group.Go(func() {
					err := stores[0].Write(f.Context(), func(tx store.Tx) error { return tx.CreateCredential(c, store.CredentialLimits{}) })
					if err != nil && !errors.Is(err, store.ErrErased) {
						f.Errorf("create: %v", err)
					}
				})
				group.Go(func() {
					err := stores[1].Write(f.Context(), func(tx store.Tx) error { _, err := tx.EraseOrganization(organization, at(9)); return err })
					if err != nil {
						f.Errorf("erase: %v", err)
					}
				})
				group.Wait()
				f.nothing(organization, c.ID)
			}
		},
		"scrubbing is for everybody's files": func(f *fixture) {
			f.property()
			_, err := f.Scrub(f.Context())
			f.must(err)
		},
	})
}

// wantErased checks that of all of it only the audit log's event is there.
func (f *fixture) wantErased(p property) {
	f.Helper()
	for name, err := range foreignReads(f, p, p.organization) {
		if !errors.Is(err, store.ErrNotFound) {
			f.Errorf("%s: got %v, want ErrNotFound", name, err)
		}
	}
	_, err := f.KeyByHash(f.Context(), p.hash)
	f.refused(err, store.ErrNotFound)
	_, err = f.LocateCredential(f.Context(), p.deleted.ID)
	f.refused(err, store.ErrNotFound)
	for _, kind := range store.SealedKinds {
		f.equal(len(f.records(p.organization, store.SealedQuery{Kind: kind, Limit: 9})), 0)
	}
	events, err := f.ListEvents(f.Context(), p.organization, strongroom.EventQuery{Limit: 9})
	f.must(err)
	f.equal(len(events), 1)
}
