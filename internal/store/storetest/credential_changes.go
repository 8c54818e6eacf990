package storetest

import (
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// change replaces everything that a change can replace.
func change(c store.SealedCredential) store.CredentialChange {
	return store.CredentialChange{
		ID: c.ID, From: c.Version, Name: "Renamed", Type: "key_file", Sealed: []byte("other ciphertext"),
		Status: "needs_reauth", ModifiedBy: uuid.New(), UpdatedAt: at(200),
		AccountEmail: pointer("other@example.com"), ExpiresAt: pointer(at(201)), Scopes: []string{"mail"},
		Renewal: strongroom.Renewal{StaleAt: pointer(at(202)), NextAt: pointer(at(203)), ClientID: "another"},
		CheckAt: pointer(at(204)), RotateAt: pointer(at(205)),
	}
}

// changed is what the credential is after the change.
func changed(c store.SealedCredential, by store.CredentialChange) store.SealedCredential {
	c.Version, c.Name, c.Type, c.Sealed, c.Status = by.From+1, by.Name, by.Type, by.Sealed, by.Status
	c.ModifiedBy, c.UpdatedAt = by.ModifiedBy, by.UpdatedAt
	c.AccountEmail, c.ExpiresAt, c.Scopes = by.AccountEmail, by.ExpiresAt, by.Scopes
	c.Renewal = by.Renewal
	c.LastCheckedAt, c.LastCheck, c.LastRefreshedAt, c.RefreshError = nil, nil, nil, nil
	c.Health = strongroom.Health{NextAt: by.CheckAt, KnownHost: c.Health.KnownHost}
	c.Rotation.NextAt = by.RotateAt
	return c
}

// testCredentialChanges is long: it is a table, whose rows are the cases.
func testCredentialChanges(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrStale to update from an older or a newer version, and nothing changes": func(f *fixture) {
			c := f.credential(f.organization())
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, change(c)) })
			before := f.sealed(c.OrganizationID, c.ID)
			for _, from := range []int64{0, 1, 3} {
				by := change(c)
				by.From = from
				f.refused(f.try(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, by) }), store.ErrStale)
			}
			f.equal(f.sealed(c.OrganizationID, c.ID), before)
		},
		"ErrNotFound to change what is not there or deleted": func(f *fixture) {
			organization := f.organization()
			missing, deleted := f.newCredential(organization), f.credential(organization)
			f.write(func(tx store.Tx) error { return tx.DeleteCredential(organization, deleted.ID, at(1), uuid.New()) })
			for _, c := range []store.SealedCredential{missing, deleted} {
				f.refused(f.try(func(tx store.Tx) error { return tx.UpdateCredential(organization, change(c)) }), store.ErrNotFound)
				f.refused(f.try(func(tx store.Tx) error { return tx.DeleteCredential(organization, c.ID, at(2), uuid.New()) }), store.ErrNotFound)
			}
		},
		"ErrNotFound to restore what is live or was never there": func(f *fixture) {
			live := f.credential(f.organization())
			for _, id := range []uuid.UUID{live.ID, uuid.New()} {
				f.refused(f.try(func(tx store.Tx) error {
					_, err := tx.RestoreCredential(live.OrganizationID, id, at(3), uuid.New(), store.CredentialLimits{})
					return err
				}), store.ErrNotFound)
			}
		},
		"an update replaces the data and what follows from it, and drops what was found out about the old": func(f *fixture) {
			c := f.credential(f.organization(), full)
			by := change(c)
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, by) })
			f.equal(f.sealed(c.OrganizationID, c.ID), changed(c, by))

			again := change(changed(c, by))
			again.AccountEmail, again.ExpiresAt, again.Scopes, again.CheckAt, again.RotateAt = nil, nil, nil, nil, nil
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, again) })
			f.equal(f.sealed(c.OrganizationID, c.ID), changed(c, again))
		},
		"a deleted credential is seen by the operator alone": func(f *fixture) {
			c := f.credential(f.organization(), full)
			by := uuid.New()
			f.write(func(tx store.Tx) error { return tx.DeleteCredential(c.OrganizationID, c.ID, at(300), by) })
			_, err := f.Credential(f.Context(), c.OrganizationID, c.ID)
			f.refused(err, store.ErrNotFound)
			_, err = f.SealedCredential(f.Context(), c.OrganizationID, c.ID)
			f.refused(err, store.ErrNotFound)

			want := c.Credential
			want.DeletedAt, want.UpdatedAt, want.ModifiedBy = pointer(at(300)), at(300), by
			located, err := f.LocateCredential(f.Context(), c.ID)
			f.must(err)
			f.equal(located, want)
		},
		"a restored credential is what it was, its ciphertext too": func(f *fixture) {
			c := f.credential(f.organization(), full)
			by := uuid.New()
			var restored strongroom.Credential
			f.write(func(tx store.Tx) error { return tx.DeleteCredential(c.OrganizationID, c.ID, at(300), uuid.New()) })
			f.write(func(tx store.Tx) (err error) {
				restored, err = tx.RestoreCredential(c.OrganizationID, c.ID, at(301), by, store.CredentialLimits{})
				return err
			})
			c.UpdatedAt, c.ModifiedBy = at(301), by
			f.equal(restored, c.Credential)
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"a use is noted, and an older one that comes later is not": func(f *fixture) {
			c := f.credential(f.organization())
			for _, n := range []int{400, 402, 401} {
				f.write(func(tx store.Tx) error { return tx.TouchCredential(c.OrganizationID, c.ID, at(n)) })
			}
			c.LastUsedAt = pointer(at(402))
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"to note the use of what is not there is no error": func(f *fixture) {
			organization := f.organization()
			f.write(func(tx store.Tx) error { return tx.TouchCredential(organization, uuid.New(), at(1)) })
		},
	})
}
