package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func testHealthCounts(t *testing.T, create func(t *testing.T) Opener) {
	count := func(f *fixture) []strongroom.HealthCount {
		f.Helper()
		counts, err := f.CountHealth(f.Context())
		f.must(err)
		return counts
	}
	in := func(provider string, status strongroom.CredentialStatus, health strongroom.HealthState) func(c *store.SealedCredential) {
		return func(c *store.SealedCredential) { c.Provider, c.Status, c.Health.State = provider, status, health }
	}
	const active, dead = strongroom.StatusActive, strongroom.StatusNeedsReauth
	cases(t, create, map[string]func(f *fixture){
		"there is nothing to count in an empty database": func(f *fixture) { f.equal(len(count(f)), 0) },
		"the live ones of all organizations are counted by provider, status and health, in that order": func(f *fixture) {
			a, b := f.organization(), f.organization()
			f.credential(a, in("sftp", active, strongroom.HealthOK))
			f.credential(b, in("sftp", active, strongroom.HealthOK))
			f.credential(b, in("sftp", active, strongroom.HealthStopped))
			f.credential(a, in("google", dead, strongroom.HealthUnknown))
			f.credential(a, in("google", active, strongroom.HealthUnknown))
			f.remove(f.credential(a, in("google", active, strongroom.HealthUnknown)))
			f.remove(f.credential(a, in("slack", active, strongroom.HealthOK)))
			f.equal(count(f), []strongroom.HealthCount{
				{Provider: "google", Status: active, Health: strongroom.HealthUnknown, Count: 1},
				{Provider: "google", Status: dead, Health: strongroom.HealthUnknown, Count: 1},
				{Provider: "sftp", Status: active, Health: strongroom.HealthOK, Count: 2},
				{Provider: "sftp", Status: active, Health: strongroom.HealthStopped, Count: 1},
			})
		},
		"a count follows every test": func(f *fixture) {
			c := f.credential(f.organization())
			f.equal(count(f), []strongroom.HealthCount{{Provider: c.Provider, Status: active, Count: 1}})
			f.check(c, 1)
			f.equal(count(f), []strongroom.HealthCount{{Provider: c.Provider, Status: active, Health: strongroom.HealthFailing, Count: 1}})
		},
	})
}

// claimChecks claims tests of all providers but those.
func claimChecks(except ...string) claimCredentials {
	return func(tx store.Tx, now, until time.Time, limit int) ([]store.DueCredential, error) {
		return tx.ClaimChecks(now, until, limit, except)
	}
}

func testDueChecks(t *testing.T, create func(t *testing.T) Opener) {
	claim := func(f *fixture, now time.Time) []store.DueCredential {
		f.Helper()
		return f.claimed(claimChecks(), now, 9)
	}
	testDueCredentials(t, create, duty{claim: claimChecks(), due: checkDue})
	cases(t, create, map[string]func(f *fixture){
		"what is claimed is free again when a test was written": func(f *fixture) {
			c := f.credential(f.organization(), checkDue(at(1)))
			f.equal(claim(f, at(2)), dueCredentials(c))
			e := checkOf(c, 3)
			e.Health.NextAt = pointer(at(4))
			f.write(func(tx store.Tx) error { return tx.SaveCheck(c.OrganizationID, e) })
			f.equal(claim(f, at(4).Add(-time.Microsecond)), dueCredentials())
			f.equal(claim(f, at(4)), dueCredentials(c))
		},
		"new data ends the claim on the old": func(f *fixture) {
			c := f.credential(f.organization(), checkDue(at(1)))
			f.equal(claim(f, at(2)), dueCredentials(c))
			by := change(c)
			by.CheckAt = pointer(at(3))
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, by) })
			f.equal(claim(f, at(3)), dueCredentials(c))
		},
		"providers that are left out stay due, and keep nobody from the others": func(f *fixture) {
			organization := f.organization()
			of := func(provider string, due int) store.SealedCredential {
				return f.credential(organization, checkDue(at(due)), func(c *store.SealedCredential) { c.Provider = provider })
			}
			a, b, c := of("sftp", 1), of("google", 2), of("slack", 3)
			f.equal(f.claimed(claimChecks("sftp", "slack"), at(9), 9), dueCredentials(b))
			f.equal(f.claimed(claimChecks("sftp"), at(9), 1), dueCredentials(c))
			f.equal(claim(f, at(9)), dueCredentials(a))
		},
		"a test that says never again is never due": func(f *fixture) {
			c := f.credential(f.organization(), checkDue(at(1)))
			e := checkOf(c, 2)
			e.Health.NextAt = nil
			f.write(func(tx store.Tx) error { return tx.SaveCheck(c.OrganizationID, e) })
			f.equal(claim(f, at(100_000)), dueCredentials())
		},
	})
}

// testHealth is about health that is read, and written without a test.
func testHealth(t *testing.T, create func(t *testing.T) Opener) {
	set := func(f *fixture, organization uuid.UUID, id uuid.UUID, version int64, h strongroom.Health) error {
		f.Helper()
		return f.try(func(tx store.Tx) error { return tx.SetHealth(organization, id, version, h) })
	}
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for what is deleted, never was, or is another organization's": func(f *fixture) {
			deleted, c := f.credential(f.organization()), f.credential(f.organization())
			f.remove(deleted)
			for _, of := range []store.SealedCredential{deleted, f.newCredential(c.OrganizationID), {Credential: strongroom.Credential{ID: c.ID, OrganizationID: deleted.OrganizationID}}} {
				f.refused(set(f, of.OrganizationID, of.ID, 1, strongroom.Health{}), store.ErrNotFound)
				f.refused(f.try(func(tx store.Tx) error {
					_, err := tx.Health(of.OrganizationID, of.ID)
					return err
				}), store.ErrNotFound)
			}
		},
		"ErrStale to set that of another version, and nothing is written": func(f *fixture) {
			c := f.credential(f.organization(), full)
			f.refused(set(f, c.OrganizationID, c.ID, 2, strongroom.Health{State: strongroom.HealthOK}), store.ErrStale)
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"what is set is read in the same transaction, and nothing else changes": func(f *fixture) {
			c := f.credential(f.organization(), full)
			e := f.check(c, 5)
			c = f.checked(c, e)
			c.Health = strongroom.Health{State: strongroom.HealthStopped, Failures: 4, Refusals: 3, KnownHost: "known"}
			f.write(func(tx store.Tx) error {
				before, err := tx.Health(c.OrganizationID, c.ID)
				f.must(err)
				f.equal(before, e.Health)
				f.must(tx.SetHealth(c.OrganizationID, c.ID, 1, c.Health))
				after, err := tx.Health(c.OrganizationID, c.ID)
				f.equal(after, c.Health)
				return err
			})
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
			f.equal(f.history(c, allOfThem), []strongroom.Check{e.Check})
		},
		"what is set ends the claim": func(f *fixture) {
			c := f.credential(f.organization(), checkDue(at(1)))
			f.equal(f.claimed(claimChecks(), at(2), 9), dueCredentials(c))
			f.must(set(f, c.OrganizationID, c.ID, 1, strongroom.Health{NextAt: pointer(at(4))}))
			f.equal(f.claimed(claimChecks(), at(3), 9), dueCredentials())
			f.equal(f.claimed(claimChecks(), at(4), 9), dueCredentials(c))
		},
		"of many who count at once, none is lost": func(f *fixture) {
			c := f.credential(f.organization())
			stores := []store.Store{f.Store, f.another()}
			var group sync.WaitGroup
			for i := range contenders {
				group.Go(func() {
					err := stores[i%len(stores)].Write(f.Context(), func(tx store.Tx) error {
						h, err := tx.Health(c.OrganizationID, c.ID)
						if err != nil {
							return err
						}
						h.Failures++
						return tx.SetHealth(c.OrganizationID, c.ID, 1, h)
					})
					if err != nil {
						f.Errorf("count: %v", err)
					}
				})
			}
			group.Wait()
			f.equal(f.sealed(c.OrganizationID, c.ID).Health.Failures, contenders)
		},
	})
}
