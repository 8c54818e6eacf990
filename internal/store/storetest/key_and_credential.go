package storetest

import (
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func testKeyAndCredential(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for a hash that no key has, although the credential is there": func(f *fixture) {
			_, found, err := f.KeyAndCredential(f.Context(), [32]byte{1}, f.credential(f.organization()).ID)
			f.refused(err, store.ErrNotFound)
			f.none(found)
		},
		"another organization's, a deleted and a missing credential are not there, the key is": func(f *fixture) {
			owner, other := f.property(), f.property()
			for _, id := range []uuid.UUID{other.credential.ID, owner.deleted.ID, uuid.New(), uuid.Nil} {
				holder, found, err := f.KeyAndCredential(f.Context(), owner.hash, id)
				f.must(err)
				f.equal(holder, store.KeyHolder{Key: owner.key, Hash: owner.hash, Account: owner.account})
				f.none(found)
			}
		},
		"a system account's key brings no credential": func(f *fixture) {
			a := f.account(nil)
			k, hash := f.key(a)
			holder, found, err := f.KeyAndCredential(f.Context(), hash, f.credential(f.organization()).ID)
			f.must(err)
			f.equal(holder, store.KeyHolder{Key: k, Hash: hash, Account: a})
			f.none(found)
		},
		"the key comes with its organization's credential, whole": func(f *fixture) {
			p := f.property()
			holder, found, err := f.KeyAndCredential(f.Context(), p.hash, p.credential.ID)
			f.must(err)
			f.equal(holder, store.KeyHolder{Key: p.key, Hash: p.hash, Account: p.account})
			f.equal(found, &p.credential)
		},
		"what was written a moment ago is seen": func(f *fixture) {
			p := f.property()
			f.write(func(tx store.Tx) error {
				a := p.account
				a.Status = strongroom.ServiceAccountInactive
				return tx.SaveAccount(a)
			})
			f.write(func(tx store.Tx) error {
				return tx.DeleteCredential(p.organization, p.credential.ID, at(2), uuid.New())
			})
			holder, found, err := f.KeyAndCredential(f.Context(), p.hash, p.credential.ID)
			f.must(err)
			f.equal(holder.Account.Status, strongroom.ServiceAccountInactive)
			f.none(found)
		},
	})
}

func (f *fixture) none(found *store.SealedCredential) {
	f.Helper()
	if found != nil {
		f.Errorf("found credential %s, want none", found.ID)
	}
}
