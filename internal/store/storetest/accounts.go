package storetest

import (
	"net/netip"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// described gives every field of an account that may be empty a value.
func described(a *strongroom.ServiceAccount) {
	a.Description = pointer("Reads \"everything\" ✓")
	a.Status = strongroom.ServiceAccountInactive
	a.Grants = []strongroom.Grant{
		{
			CredentialIDs: []uuid.UUID{uuid.New(), uuid.New()}, Providers: []string{"google", "sftp"},
			RefreshTokens: true, Write: true, ExpiresAt: pointer(at(600)),
			Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")},
		},
		{},
	}
}

// nobody is the operator's view: no organization.
var nobody = uuid.Nil

// testAccounts is long: it is a table, whose rows are the cases.
func testAccounts(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for an account that is not there": func(f *fixture) {
			organization := f.organization()
			a := f.newAccount(&organization)
			_, err := f.Account(f.Context(), organization, a.ID)
			f.refused(err, store.ErrNotFound)
			f.refused(f.try(func(tx store.Tx) error { _, err := tx.Account(organization, a.ID); return err }), store.ErrNotFound)
			f.refused(f.try(func(tx store.Tx) error { return tx.SaveAccount(a) }), store.ErrNotFound)
			f.refused(f.try(func(tx store.Tx) error { return tx.DeleteAccount(&organization, a.ID) }), store.ErrNotFound)
		},
		"ErrNotFound to create for an organization that is not known": func(f *fixture) {
			a := f.newAccount(pointer(uuid.New()))
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateAccount(a) }), store.ErrNotFound)
		},
		"ErrDuplicate for a name that the organization has": func(f *fixture) {
			organization := f.organization()
			first, second := f.account(&organization), f.account(&organization)
			third := f.newAccount(&organization)
			third.Name, second.Name = first.Name, first.Name
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateAccount(third) }), store.ErrDuplicate)
			f.refused(f.try(func(tx store.Tx) error { return tx.SaveAccount(second) }), store.ErrDuplicate)
		},
		"ErrDuplicate for a name that a system account has among system accounts": func(f *fixture) {
			first, second := f.account(nil), f.account(nil)
			third := f.newAccount(nil)
			third.Name, second.Name = first.Name, first.Name
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateAccount(third) }), store.ErrDuplicate)
			f.refused(f.try(func(tx store.Tx) error { return tx.SaveAccount(second) }), store.ErrDuplicate)
		},
		"one name may be used by two organizations and by the system": func(f *fixture) {
			named := func(a *strongroom.ServiceAccount) { a.Name = "worker" }
			f.account(pointer(f.organization()), named)
			f.account(pointer(f.organization()), named)
			f.account(nil, named)
		},
		"every field reads back as it was written": func(f *fixture) {
			organization := f.organization()
			for _, a := range []strongroom.ServiceAccount{
				f.account(&organization), f.account(&organization, described), f.account(nil, described),
			} {
				got, err := f.Account(f.Context(), organization, a.ID)
				f.must(err)
				f.equal(got, a)
				f.write(func(tx store.Tx) (err error) { got, err = tx.Account(organization, a.ID); return err })
				f.equal(got, a)
			}
		},
		"saving replaces all but the id, the organization and the creation": func(f *fixture) {
			organization := f.organization()
			a := f.account(&organization)
			described(&a)
			a.Name, a.ModifiedBy, a.UpdatedAt = "another name", uuid.New(), at(601)
			saved := a
			saved.CreatedAt = at(602)
			f.write(func(tx store.Tx) error { return tx.SaveAccount(saved) })
			got, err := f.Account(f.Context(), organization, a.ID)
			f.must(err)
			f.equal(got, a)

			a.Description, a.Grants = nil, nil
			f.write(func(tx store.Tx) error { return tx.SaveAccount(a) })
			got, err = f.Account(f.Context(), organization, a.ID)
			f.must(err)
			f.equal(got, a)
		},
		"the operator sees system accounts and no organization's": func(f *fixture) {
			organization := f.organization()
			system, own := f.account(nil), f.account(&organization)
			got, err := f.Account(f.Context(), nobody, system.ID)
			f.must(err)
			f.equal(got, system)
			_, err = f.Account(f.Context(), nobody, own.ID)
			f.refused(err, store.ErrNotFound)
			list, err := f.ListAccounts(f.Context(), nobody, strongroom.Page{Limit: 10})
			f.must(err)
			f.equal(list, []strongroom.ServiceAccount{system})
		},
		"lists hold the organization's and the system accounts, oldest first, in pages": func(f *fixture) {
			organization := f.organization()
			all := []strongroom.ServiceAccount{f.account(&organization), f.account(nil), f.account(&organization)}
			f.account(pointer(f.organization()))
			list, err := f.ListAccounts(f.Context(), organization, strongroom.Page{Limit: 10})
			f.must(err)
			f.equal(list, all)
			list, err = f.ListAccounts(f.Context(), organization, strongroom.Page{Limit: 1, Offset: 1})
			f.must(err)
			f.equal(list, all[1:2])
		},
		"a deleted account takes its keys with it, and no other's": func(f *fixture) {
			organization := f.organization()
			doomed, other := f.account(&organization), f.account(&organization)
			_, dead := f.key(doomed)
			_, alive := f.key(other)
			f.write(func(tx store.Tx) error { return tx.DeleteAccount(&organization, doomed.ID) })
			_, err := f.KeyByHash(f.Context(), dead)
			f.refused(err, store.ErrNotFound)
			_, err = f.KeyByHash(f.Context(), alive)
			f.must(err)
			_, err = f.Account(f.Context(), organization, doomed.ID)
			f.refused(err, store.ErrNotFound)
		},
	})
}
