package storetest

import (
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// property is something of everything that an organization can own.
type property struct {
	organization        uuid.UUID
	credential, deleted store.SealedCredential
	account             strongroom.ServiceAccount
	key                 strongroom.APIKey
	hash                [32]byte
	organizationKey     strongroom.OrganizationKey
	check               strongroom.Check
	rotation            store.SealedRotation
	event               store.AuditRecord
}

func (f *fixture) property() property {
	f.Helper()
	p := property{organization: f.organization()}
	p.credential, p.deleted = f.credential(p.organization, full), f.credential(p.organization)
	f.write(func(tx store.Tx) error { return tx.DeleteCredential(p.organization, p.deleted.ID, at(1), uuid.New()) })
	e := f.check(p.credential, 6)
	p.credential, p.check = f.checked(p.credential, e), e.Check
	p.rotation = f.rotation(p.credential)
	p.account = f.account(&p.organization, described)
	p.key, p.hash = f.key(p.account)
	p.organizationKey = organizationKey(p.organization, 7)
	f.write(func(tx store.Tx) error { return tx.CreateOrganizationKey(p.organizationKey) })
	c := newChain()
	p.event = c.events(p.organization, 1)[0]
	f.append(c, []store.AuditRecord{p.event})
	return p
}

// unchanged checks that the owner still has all of it as it was.
func (f *fixture) unchanged(p property) {
	f.Helper()
	f.equal(f.sealed(p.organization, p.credential.ID), p.credential)
	located, err := f.LocateCredential(f.Context(), p.deleted.ID)
	f.must(err)
	f.equal(located.DeletedAt, pointer(at(1)))
	f.equal(f.history(p.credential, allOfThem), []strongroom.Check{p.check})
	f.equal(f.rotationOf(p.rotation), p.rotation)
	holder, err := f.KeyByHash(f.Context(), p.hash)
	f.must(err)
	f.equal(holder, store.KeyHolder{Key: p.key, Hash: p.hash, Account: p.account})
	key, err := f.OrganizationKey(f.Context(), p.organization, 7)
	f.must(err)
	f.equal(key, p.organizationKey)
}

func testIsolation(t *testing.T, create func(t *testing.T) Opener) {
	t.Run("reading another organization's is ErrNotFound", func(t *testing.T) {
		f := setup(t, create)
		owner := f.property()
		for _, other := range []uuid.UUID{f.organization(), uuid.New(), uuid.Nil} {
			for name, err := range foreignReads(f, owner, other) {
				t.Run(name, func(t *testing.T) { (&fixture{T: t}).refused(err, store.ErrNotFound) })
			}
		}
	})
	t.Run("listing gives nothing of another organization's", func(t *testing.T) {
		f := setup(t, create)
		owner := f.property()
		for _, other := range []uuid.UUID{f.organization(), uuid.New(), uuid.Nil} {
			page := strongroom.Page{Limit: 100}
			for _, filter := range []store.CredentialFilter{
				{Page: page},
				{Page: page, Deleted: true},
				{Page: page, Owner: owner.credential.UserID},
				{Page: page, Provider: owner.credential.Provider},
				{Page: page, Within: &store.Within{CredentialIDs: []uuid.UUID{owner.credential.ID}, Providers: []string{owner.credential.Provider}}},
			} {
				credentials, err := f.ListCredentials(f.Context(), other, filter)
				f.must(err)
				f.equal(len(credentials), 0)
			}
			if other != uuid.Nil { // to whom the nil UUID gives every organization's is the operator
				for _, credential := range []uuid.UUID{uuid.Nil, owner.credential.ID} {
					rotations, err := f.ListRotations(f.Context(), store.RotationFilter{Page: page, OrganizationID: other, CredentialID: credential})
					f.must(err)
					f.equal(len(rotations), 0)
				}
			}
			accounts, err := f.ListAccounts(f.Context(), other, page)
			f.must(err)
			f.equal(len(accounts), 0)
			events, err := f.ListEvents(f.Context(), other, strongroom.EventQuery{Limit: 100})
			f.must(err)
			f.equal(len(events), 0)
		}
	})
	t.Run("changing another organization's is ErrNotFound and changes nothing", func(t *testing.T) {
		f := setup(t, create)
		owner := f.property()
		for _, other := range []uuid.UUID{f.organization(), uuid.New(), uuid.Nil} {
			for name, step := range foreignWrites(owner, other) {
				t.Run(name, func(t *testing.T) { (&fixture{T: t}).refused(f.try(step), store.ErrNotFound) })
			}
			f.write(func(tx store.Tx) error { return tx.TouchCredential(other, owner.credential.ID, at(900)) })
			f.unchanged(owner)
		}
	})
	t.Run("an organization changes no system account and the operator none of an organization's", func(t *testing.T) {
		f := setup(t, create)
		owner, system := f.property(), f.account(nil)
		systemKey, hash := f.key(system)
		for name, step := range systemWrites(owner, system, systemKey) {
			t.Run(name, func(t *testing.T) { (&fixture{T: t}).refused(f.try(step), store.ErrNotFound) })
		}
		f.unchanged(owner)
		holder, err := f.KeyByHash(f.Context(), hash)
		f.must(err)
		f.equal(holder, store.KeyHolder{Key: systemKey, Hash: hash, Account: system})
	})
}

func foreignReads(f *fixture, owner property, other uuid.UUID) map[string]error {
	errs := map[string]error{}
	_, errs["Credential"] = f.Credential(f.Context(), other, owner.credential.ID)
	_, errs["SealedCredential"] = f.SealedCredential(f.Context(), other, owner.credential.ID)
	_, errs["RenewalState"] = f.RenewalState(f.Context(), other, owner.credential.ID)
	_, errs["ListChecks"] = f.ListChecks(f.Context(), other, owner.credential.ID, allOfThem)
	_, errs["Rotation"] = f.Rotation(f.Context(), other, owner.rotation.ID)
	_, errs["ActiveRotation"] = f.ActiveRotation(f.Context(), other, owner.credential.ID)
	_, errs["Account"] = f.Account(f.Context(), other, owner.account.ID)
	_, errs["ListAPIKeys"] = f.ListAPIKeys(f.Context(), other, owner.account.ID, strongroom.Page{Limit: 100})
	_, errs["OrganizationKey"] = f.OrganizationKey(f.Context(), other, owner.organizationKey.Version)
	_, errs["CurrentOrganizationKey"] = f.CurrentOrganizationKey(f.Context(), other)
	return errs
}

func foreignWrites(owner property, other uuid.UUID) map[string]func(tx store.Tx) error {
	account, key := owner.account, owner.key
	account.OrganizationID, account.Name = &other, "taken over"
	key.OrganizationID, key.Name = &other, "taken over"
	rotation, step := owner.rotation, stepOf(owner.rotation)
	rotation.ID, rotation.OrganizationID = uuid.New(), other
	step.InDoubt, step.Schedule = true, &store.RotationTimes{Next: pointer(at(905))}
	return map[string]func(tx store.Tx) error{
		"UpdateCredential": func(tx store.Tx) error { return tx.UpdateCredential(other, change(owner.credential)) },
		"DeleteCredential": func(tx store.Tx) error {
			return tx.DeleteCredential(other, owner.credential.ID, at(901), uuid.New())
		},
		"RestoreCredential": func(tx store.Tx) error {
			_, err := tx.RestoreCredential(other, owner.deleted.ID, at(902), uuid.New(), store.CredentialLimits{})
			return err
		},
		"LeaseRenewal": func(tx store.Tx) error {
			_, err := tx.LeaseRenewal(other, store.RenewalLease{ID: owner.credential.ID, Version: 1, Now: at(903), Until: at(904)})
			return err
		},
		"EndRenewal": func(tx store.Tx) error { return tx.EndRenewal(other, renewed(owner.credential, 0)) },
		"SaveCheck":  func(tx store.Tx) error { return tx.SaveCheck(other, checkOf(owner.credential, 7)) },
		"SetHealth":  func(tx store.Tx) error { return tx.SetHealth(other, owner.credential.ID, 1, strongroom.Health{}) },
		"SetRotationPolicy": func(tx store.Tx) error {
			return tx.SetRotationPolicy(other, owner.credential.ID, strongroom.RotationPolicy{}, nil, at(905), uuid.New())
		},
		"CreateRotation": func(tx store.Tx) error { return tx.CreateRotation(rotation) },
		"LeaseRotation": func(tx store.Tx) error {
			_, err := tx.LeaseRotation(other, owner.rotation.ID, owner.rotation.Fence, at(906), at(907))
			return err
		},
		"SaveRotation":  func(tx store.Tx) error { return tx.SaveRotation(other, step) },
		"Account":       func(tx store.Tx) error { _, err := tx.Account(other, owner.account.ID); return err },
		"SaveAccount":   func(tx store.Tx) error { return tx.SaveAccount(account) },
		"DeleteAccount": func(tx store.Tx) error { return tx.DeleteAccount(&other, owner.account.ID) },
		"APIKey":        func(tx store.Tx) error { _, err := tx.APIKey(&other, owner.account.ID, owner.key.ID); return err },
		"CreateAPIKey": func(tx store.Tx) error {
			added := key
			added.ID = uuid.New()
			return tx.CreateAPIKey(added, [32]byte{9})
		},
		"SaveAPIKey":   func(tx store.Tx) error { return tx.SaveAPIKey(key) },
		"DeleteAPIKey": func(tx store.Tx) error { return tx.DeleteAPIKey(&other, owner.account.ID, owner.key.ID) },
	}
}

// systemWrites cross the line between an organization's accounts and the operator's.
func systemWrites(owner property, system strongroom.ServiceAccount, systemKey strongroom.APIKey) map[string]func(tx store.Tx) error {
	taken, given := system, owner.account
	taken.OrganizationID, given.OrganizationID = &owner.organization, nil
	takenKey, givenKey := systemKey, owner.key
	takenKey.OrganizationID, givenKey.OrganizationID = &owner.organization, nil
	return map[string]func(tx store.Tx) error{
		"the organization saves a system account":   func(tx store.Tx) error { return tx.SaveAccount(taken) },
		"the operator saves the organization's":     func(tx store.Tx) error { return tx.SaveAccount(given) },
		"the organization deletes a system account": func(tx store.Tx) error { return tx.DeleteAccount(&owner.organization, system.ID) },
		"the operator deletes the organization's":   func(tx store.Tx) error { return tx.DeleteAccount(nil, owner.account.ID) },
		"the organization saves a system key":       func(tx store.Tx) error { return tx.SaveAPIKey(takenKey) },
		"the operator saves the organization's key": func(tx store.Tx) error { return tx.SaveAPIKey(givenKey) },
		"the organization removes a system key": func(tx store.Tx) error {
			return tx.DeleteAPIKey(&owner.organization, system.ID, systemKey.ID)
		},
		"the operator removes the organization's key": func(tx store.Tx) error {
			return tx.DeleteAPIKey(nil, owner.account.ID, owner.key.ID)
		},
		"the organization reads a system key to change it": func(tx store.Tx) error {
			_, err := tx.APIKey(&owner.organization, system.ID, systemKey.ID)
			return err
		},
	}
}
