package storetest

import (
	"sync"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// testCredentialLimits is long: it is a table, whose rows are the cases.
func testCredentialLimits(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrProviderLimit when the organization has as many of the provider": func(f *fixture) {
			organization, limits := f.organization(), store.CredentialLimits{PerProvider: 2}
			f.credential(organization)
			f.credential(organization)
			c := f.newCredential(organization)
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateCredential(c, limits) }), store.ErrProviderLimit)
			_, err := f.Credential(f.Context(), organization, c.ID)
			f.refused(err, store.ErrNotFound)

			c.Provider = "google"
			f.write(func(tx store.Tx) error { return tx.CreateCredential(c, limits) })
		},
		"ErrUserLimit when the user has as many in the organization": func(f *fixture) {
			organization, limits, user := f.organization(), store.CredentialLimits{PerUser: 1}, uuid.New()
			f.credential(organization, func(c *store.SealedCredential) { c.UserID, c.Provider = &user, "google" })
			c := f.newCredential(organization)
			c.UserID = &user
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateCredential(c, limits) }), store.ErrUserLimit)

			c.UserID = pointer(uuid.New())
			f.write(func(tx store.Tx) error { return tx.CreateCredential(c, limits) })
		},
		"a restored one counts like a new one": func(f *fixture) {
			organization, user := f.organization(), uuid.New()
			mine := func(c *store.SealedCredential) { c.UserID = &user }
			deleted := f.credential(organization, mine)
			f.write(func(tx store.Tx) error { return tx.DeleteCredential(organization, deleted.ID, at(1), user) })
			f.credential(organization, mine)
			restore := func(limits store.CredentialLimits) error {
				return f.try(func(tx store.Tx) error {
					_, err := tx.RestoreCredential(organization, deleted.ID, at(2), user, limits)
					return err
				})
			}
			f.refused(restore(store.CredentialLimits{PerProvider: 1}), store.ErrProviderLimit)
			f.refused(restore(store.CredentialLimits{PerUser: 1}), store.ErrUserLimit)
			_, err := f.Credential(f.Context(), organization, deleted.ID)
			f.refused(err, store.ErrNotFound)
			f.must(restore(store.CredentialLimits{PerProvider: 2, PerUser: 2}))
		},
		"deleted ones, other organizations and credentials without an owner do not count": func(f *fixture) {
			organization, user, limits := f.organization(), uuid.New(), store.CredentialLimits{PerProvider: 3, PerUser: 1}
			mine := func(c *store.SealedCredential) { c.UserID = &user }
			deleted := f.credential(organization, mine)
			f.write(func(tx store.Tx) error { return tx.DeleteCredential(organization, deleted.ID, at(1), user) })
			f.credential(f.organization(), mine)
			nobodys := func(c *store.SealedCredential) { c.UserID = nil }
			f.credential(organization, nobodys)

			for _, owner := range []func(*store.SealedCredential){mine, nobodys} {
				c := f.newCredential(organization)
				owner(&c)
				f.write(func(tx store.Tx) error { return tx.CreateCredential(c, limits) })
			}
		},
		"a limit holds when many create at once": func(f *fixture) {
			const limit, writers = 5, 20
			organization := f.organization()
			stores := []store.Store{f.Store, f.another()}
			errs := make([]error, writers)
			var group sync.WaitGroup
			for i := range writers {
				c := f.newCredential(organization)
				group.Go(func() {
					errs[i] = stores[i%len(stores)].Write(f.Context(), func(tx store.Tx) error {
						return tx.CreateCredential(c, store.CredentialLimits{PerProvider: limit})
					})
				})
			}
			group.Wait()
			made := 0
			for _, err := range errs {
				if err == nil {
					made++
					continue
				}
				f.refused(err, store.ErrProviderLimit)
			}
			f.equal(made, limit)
		},
	})
}
