package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// full gives every field that a new credential may have a value.
func full(c *store.SealedCredential) {
	c.Name = "Täglicher Bericht 📁"
	c.AccountEmail = pointer("reports@example.com")
	c.ExpiresAt = pointer(at(101))
	c.Scopes = []string{"drive.readonly", "a \"quoted\" scope"}
	c.LastUsedAt = pointer(at(102))
	c.LastCheckedAt = pointer(at(103))
	c.LastCheck = json.RawMessage(`{"success":false, "code":"timeout"}`)
	c.LastRefreshedAt = pointer(at(104))
	c.RefreshError = pointer("the provider cannot be reached")
	c.Renewal = strongroom.Renewal{
		StaleAt: pointer(at(105)), NextAt: pointer(at(106)), Failures: 2, Since: pointer(at(107)),
		Reason: strongroom.ReasonUnreachable, ClientID: "client.apps.example.com",
	}
	c.Health = strongroom.Health{
		State: strongroom.HealthExpiring, NextAt: pointer(at(108)), Failures: 3, Refusals: 1, KnownHost: "files.example.com ssh-ed25519 AAAA",
	}
	c.Rotation = strongroom.RotationSchedule{
		RotationPolicy: strongroom.RotationPolicy{MaxAge: 90*24*time.Hour + time.Microsecond, Grace: time.Minute},
		NextAt:         pointer(at(109)), LastAt: pointer(at(110)), InDoubt: true,
	}
}

func testCredentials(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for an unknown id": func(f *fixture) {
			organization := f.organization()
			_, err := f.Credential(f.Context(), organization, uuid.New())
			f.refused(err, store.ErrNotFound)
			_, err = f.SealedCredential(f.Context(), organization, uuid.New())
			f.refused(err, store.ErrNotFound)
			_, err = f.LocateCredential(f.Context(), uuid.New())
			f.refused(err, store.ErrNotFound)
		},
		"ErrNotFound to create for an organization that is not known": func(f *fixture) {
			c := f.newCredential(uuid.New())
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateCredential(c, store.CredentialLimits{}) }), store.ErrNotFound)
		},
		"ErrDuplicate to create an id twice, in whichever organization": func(f *fixture) {
			c := f.credential(f.organization())
			for _, organization := range []uuid.UUID{c.OrganizationID, f.organization()} {
				again := f.newCredential(organization)
				again.ID = c.ID
				f.refused(f.try(func(tx store.Tx) error { return tx.CreateCredential(again, store.CredentialLimits{}) }), store.ErrDuplicate)
			}
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"every field reads back as it was written, to the microsecond": func(f *fixture) {
			c := f.credential(f.organization(), full)
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
			metadata, err := f.Credential(f.Context(), c.OrganizationID, c.ID)
			f.must(err)
			f.equal(metadata, c.Credential)
			located, err := f.LocateCredential(f.Context(), c.ID)
			f.must(err)
			f.equal(located, c.Credential)
		},
		"fields that are not set stay so": func(f *fixture) {
			c := f.credential(f.organization(), func(c *store.SealedCredential) { c.UserID = nil })
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"a long ciphertext with every byte reads back whole": func(f *fixture) {
			c := f.credential(f.organization(), func(c *store.SealedCredential) {
				c.Sealed = make([]byte, 200_000)
				for i := range c.Sealed {
					c.Sealed[i] = byte(i * 7)
				}
			})
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"a new credential has version 1, whatever it says": func(f *fixture) {
			c := f.credential(f.organization(), func(c *store.SealedCredential) { c.Version = 9 })
			f.equal(f.sealed(c.OrganizationID, c.ID).Version, int64(1))
		},
		"an organization may be made known twice": func(f *fixture) {
			organization := f.organization()
			f.write(func(tx store.Tx) error { return tx.EnsureOrganization(organization, at(9)) })
			f.credential(organization)
		},
	})
}
