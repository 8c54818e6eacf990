package storetest

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// errChanged is an error of the caller's own.
var errChanged = errors.New("changed my mind")

// testTransactions is long: it is a table, whose rows are the cases.
func testTransactions(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"an error keeps nothing and is returned": func(f *fixture) {
			organization := f.organization()
			c, a := f.newCredential(organization), f.newAccount(&organization)
			log := newChain()
			f.refused(f.try(func(tx store.Tx) error {
				return errors.Join(
					tx.CreateCredential(c, store.CredentialLimits{}), tx.CreateAccount(a),
					tx.AppendAudit(log.events(organization, 1), log.head()), errChanged)
			}), errChanged)
			f.nothing(organization, c.ID)
			_, err := f.Account(f.Context(), organization, a.ID)
			f.refused(err, store.ErrNotFound)
			f.equal(len(f.stored()), 0)
		},
		"a panic keeps nothing, and the next write succeeds": func(f *fixture) {
			organization := f.organization()
			c := f.newCredential(organization)
			func() {
				defer func() { f.equal(recover(), "broken") }()
				_ = f.try(func(tx store.Tx) error {
					f.must(tx.CreateCredential(c, store.CredentialLimits{}))
					panic("broken")
				})
			}()
			f.nothing(organization, c.ID)
			f.credential(organization)
		},
		"what one step wrote, the next one sees": func(f *fixture) {
			organization := f.organization()
			a := f.newAccount(&organization)
			k, hash := f.newKey(a)
			f.write(func(tx store.Tx) error {
				f.must(tx.CreateAccount(a))
				got, err := tx.Account(organization, a.ID)
				f.must(err)
				f.equal(got, a)
				f.must(tx.CreateAPIKey(k, hash))
				key, err := tx.APIKey(&organization, a.ID, k.ID)
				f.equal(key, k)
				return err
			})
		},
		"what is not committed, nobody else sees": func(f *fixture) {
			organization := f.organization()
			c := f.newCredential(organization)
			other := f.another()
			f.write(func(tx store.Tx) error {
				f.must(tx.CreateCredential(c, store.CredentialLimits{}))
				f.nothing(organization, c.ID)
				_, err := other.Credential(f.Context(), organization, c.ID)
				f.refused(err, store.ErrNotFound)
				return nil
			})
			got, err := other.SealedCredential(f.Context(), organization, c.ID)
			f.must(err)
			f.equal(got, c)
		},
		"a transaction is of no use after its function": func(f *fixture) {
			organization := f.organization()
			var leaked store.Tx
			f.write(func(tx store.Tx) error { leaked = tx; return nil })
			c := f.newCredential(organization)
			if err := leaked.CreateCredential(c, store.CredentialLimits{}); err == nil {
				f.Fatal("it wrote")
			}
			if _, err := leaked.Account(organization, c.ID); err == nil || errors.Is(err, store.ErrNotFound) {
				f.Fatalf("it read: %v", err)
			}
			f.nothing(organization, c.ID)
		},
		"a nested error takes back its part and no other": func(f *fixture) {
			organization := f.organization()
			before, within, after := f.newCredential(organization), f.newCredential(organization), f.newCredential(organization)
			f.write(func(tx store.Tx) error {
				f.must(tx.CreateCredential(before, store.CredentialLimits{}))
				f.refused(tx.Nested(func() error {
					f.must(tx.CreateCredential(within, store.CredentialLimits{}))
					return errChanged
				}), errChanged)
				return tx.CreateCredential(after, store.CredentialLimits{})
			})
			f.equal(f.sealed(organization, before.ID), before)
			f.nothing(organization, within.ID)
			f.equal(f.sealed(organization, after.ID), after)
		},
		"a nested refusal by the database takes back its part and no other": func(f *fixture) {
			organization := f.organization()
			taken, before, within := f.credential(organization), f.newCredential(organization), f.newCredential(organization)
			f.write(func(tx store.Tx) error {
				f.must(tx.CreateCredential(before, store.CredentialLimits{}))
				f.refused(tx.Nested(func() error {
					f.must(tx.CreateCredential(within, store.CredentialLimits{}))
					return tx.CreateCredential(taken, store.CredentialLimits{})
				}), store.ErrDuplicate)
				return nil
			})
			f.equal(f.sealed(organization, before.ID), before)
			f.nothing(organization, within.ID)
		},
		"nesting goes deep: an inner part stays though an outer sibling goes, and goes with its outer one": func(f *fixture) {
			organization := f.organization()
			kept, gone, inner := f.newCredential(organization), f.newCredential(organization), f.newCredential(organization)
			f.write(func(tx store.Tx) error {
				f.must(tx.Nested(func() error {
					f.must(tx.CreateCredential(kept, store.CredentialLimits{}))
					f.refused(tx.Nested(func() error {
						f.must(tx.CreateCredential(gone, store.CredentialLimits{}))
						return errChanged
					}), errChanged)
					return nil
				}))
				f.refused(tx.Nested(func() error {
					f.must(tx.Nested(func() error { return tx.CreateCredential(inner, store.CredentialLimits{}) }))
					return errChanged
				}), errChanged)
				return nil
			})
			f.equal(f.sealed(organization, kept.ID), kept)
			f.nothing(organization, gone.ID)
			f.nothing(organization, inner.ID)
		},
		"a nested success goes when the whole does": func(f *fixture) {
			organization := f.organization()
			c := f.newCredential(organization)
			f.refused(f.try(func(tx store.Tx) error {
				f.must(tx.Nested(func() error { return tx.CreateCredential(c, store.CredentialLimits{}) }))
				return errChanged
			}), errChanged)
			f.nothing(organization, c.ID)
		},
	})
}

// nothing checks that the credential is not there.
func (f *fixture) nothing(organization, id uuid.UUID) {
	f.Helper()
	_, err := f.Credential(f.Context(), organization, id)
	f.refused(err, store.ErrNotFound)
}
