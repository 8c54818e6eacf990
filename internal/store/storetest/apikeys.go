package storetest

import (
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// testAPIKeys is long: it is a table, whose rows are the cases.
func testAPIKeys(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for a hash that no key has": func(f *fixture) {
			_, err := f.KeyByHash(f.Context(), [32]byte{1})
			f.refused(err, store.ErrNotFound)
		},
		"ErrNotFound to create for an account that is gone": func(f *fixture) {
			organization := f.organization()
			k, hash := f.newKey(f.newAccount(&organization))
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateAPIKey(k, hash) }), store.ErrNotFound)
		},
		"ErrNotFound to create for an account of another organization": func(f *fixture) {
			organization := f.organization()
			for _, owner := range []*uuid.UUID{nil, pointer(f.organization())} {
				k, hash := f.newKey(f.account(owner))
				k.OrganizationID = &organization
				f.refused(f.try(func(tx store.Tx) error { return tx.CreateAPIKey(k, hash) }), store.ErrNotFound)
			}
		},
		"ErrDuplicate for an id or a hash that is taken": func(f *fixture) {
			a := f.account(nil)
			first, firstHash := f.key(a)
			k, hash := f.newKey(a)
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateAPIKey(k, firstHash) }), store.ErrDuplicate)
			k.ID = first.ID
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateAPIKey(k, hash) }), store.ErrDuplicate)
		},
		"ErrNotFound to read, change or remove a key under another account": func(f *fixture) {
			organization := f.organization()
			a, other := f.account(&organization), f.account(&organization)
			k, hash := f.key(a)
			f.refused(f.try(func(tx store.Tx) error { _, err := tx.APIKey(&organization, other.ID, k.ID); return err }), store.ErrNotFound)
			f.refused(f.try(func(tx store.Tx) error { return tx.DeleteAPIKey(&organization, other.ID, k.ID) }), store.ErrNotFound)
			moved := k
			moved.ServiceAccountID, moved.Name = other.ID, "moved"
			f.refused(f.try(func(tx store.Tx) error { return tx.SaveAPIKey(moved) }), store.ErrNotFound)
			holder, err := f.KeyByHash(f.Context(), hash)
			f.must(err)
			f.equal(holder.Key, k)
		},
		"ErrNotFound to list the keys of an account that is not there": func(f *fixture) {
			_, err := f.ListAPIKeys(f.Context(), f.organization(), uuid.New(), strongroom.Page{Limit: 10})
			f.refused(err, store.ErrNotFound)
		},
		"a key is found by its hash together with its account, whatever their state": func(f *fixture) {
			organization := f.organization()
			for _, owner := range []*uuid.UUID{nil, &organization} {
				a := f.account(owner, described)
				k, hash := f.key(a, func(k *strongroom.APIKey) {
					k.UserID, k.Description, k.ExpiresAt = pointer(uuid.New()), pointer("for the night run"), pointer(at(-9))
				})
				holder, err := f.KeyByHash(f.Context(), hash)
				f.must(err)
				f.equal(holder, store.KeyHolder{Key: k, Hash: hash, Account: a})
			}
		},
		"a key reads back within a transaction as it was written": func(f *fixture) {
			organization := f.organization()
			k, _ := f.key(f.account(&organization))
			var got strongroom.APIKey
			f.write(func(tx store.Tx) (err error) {
				got, err = tx.APIKey(&organization, k.ServiceAccountID, k.ID)
				return err
			})
			f.equal(got, k)
		},
		"saving replaces name, description and who changed it when, and nothing else": func(f *fixture) {
			k, hash := f.key(f.account(nil))
			k.Name, k.Description, k.ModifiedBy, k.UpdatedAt = "new name", pointer("new"), uuid.New(), at(700)
			saved := k
			saved.TokenPrefix, saved.ExpiresAt, saved.CreatedAt = "other", pointer(at(701)), at(702)
			f.write(func(tx store.Tx) error { return tx.SaveAPIKey(saved) })
			holder, err := f.KeyByHash(f.Context(), hash)
			f.must(err)
			f.equal(holder.Key, k)
		},
		"a removed key is dead for every process at once": func(f *fixture) {
			k, hash := f.key(f.account(nil))
			other := f.another()
			_, err := other.KeyByHash(f.Context(), hash)
			f.must(err)
			f.write(func(tx store.Tx) error { return tx.DeleteAPIKey(nil, k.ServiceAccountID, k.ID) })
			_, err = other.KeyByHash(f.Context(), hash)
			f.refused(err, store.ErrNotFound)
		},
		"lists hold the account's keys, oldest first, in pages": func(f *fixture) {
			organization := f.organization()
			a := f.account(&organization)
			none, err := f.ListAPIKeys(f.Context(), organization, a.ID, strongroom.Page{Limit: 10})
			f.must(err)
			f.equal(len(none), 0)
			var all []strongroom.APIKey
			for range 3 {
				k, _ := f.key(a)
				all = append(all, k)
			}
			f.key(f.account(&organization))
			list, err := f.ListAPIKeys(f.Context(), organization, a.ID, strongroom.Page{Limit: 10})
			f.must(err)
			f.equal(list, all)
			list, err = f.ListAPIKeys(f.Context(), organization, a.ID, strongroom.Page{Limit: 2, Offset: 1})
			f.must(err)
			f.equal(list, all[1:])
		},
	})
}
