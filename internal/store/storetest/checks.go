package storetest

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/store"
)

// keep is how many results the tests' histories hold.
const keep = 3

// checkOf is the nth test of a credential, with every field.
func checkOf(c store.SealedCredential, n int) store.CheckEnd {
	return store.CheckEnd{
		ID: c.ID,
		Check: strongroom.Check{
			CheckResult: strongroom.CheckResult{
				Code: strongroom.CheckAuth, Message: "The server refused the “password” <twice>",
				Phases:   []strongroom.CheckPhase{{Name: "dns", Took: 1500 * time.Microsecond}, {Name: "login", Took: 2 * time.Second}},
				Details:  map[string]any{"server": "SFTP 2.0", "nested": map[string]any{"known": true}},
				Warnings: []strongroom.Warning{{Kind: "ca_certificate", Message: "It ends soon", ExpiresAt: at(n + 900)}},
			},
			At: at(n), Trigger: strongroom.CheckScheduled, Version: c.Version,
		},
		Health: strongroom.Health{
			State: strongroom.HealthFailing, NextAt: pointer(at(n + 800)), Failures: n, Refusals: n - 1, KnownHost: "files.example.com ssh-ed25519 AAAA",
		},
		Keep: keep,
	}
}

// checked is what the credential is after the test.
func (f *fixture) checked(c store.SealedCredential, e store.CheckEnd) store.SealedCredential {
	f.Helper()
	body, err := json.Marshal(e.Check)
	f.must(err)
	c.LastCheckedAt, c.LastCheck, c.Health = &e.Check.At, body, e.Health
	return c
}

// check saves the nth test of a credential and returns it.
func (f *fixture) check(c store.SealedCredential, n int) store.CheckEnd {
	f.Helper()
	e := checkOf(c, n)
	f.write(func(tx store.Tx) error { return tx.SaveCheck(c.OrganizationID, e) })
	return e
}

// history lists a credential's tests.
func (f *fixture) history(c store.SealedCredential, page strongroom.Page) []strongroom.Check {
	f.Helper()
	list, err := f.ListChecks(f.Context(), c.OrganizationID, c.ID, page)
	f.must(err)
	return list
}

func (f *fixture) remove(c store.SealedCredential) {
	f.Helper()
	f.write(func(tx store.Tx) error {
		return tx.DeleteCredential(c.OrganizationID, c.ID, c.UpdatedAt, c.ModifiedBy)
	})
}

func (f *fixture) restore(c store.SealedCredential) {
	f.Helper()
	f.write(func(tx store.Tx) error {
		_, err := tx.RestoreCredential(c.OrganizationID, c.ID, c.UpdatedAt, c.ModifiedBy, store.CredentialLimits{})
		return err
	})
}

// testChecks is long: it is a table, whose rows are the cases.
func testChecks(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound to save or to list tests of what is deleted or was never there": func(f *fixture) {
			deleted := f.credential(f.organization())
			f.remove(deleted)
			for _, c := range []store.SealedCredential{deleted, f.newCredential(deleted.OrganizationID)} {
				f.refused(f.try(func(tx store.Tx) error { return tx.SaveCheck(c.OrganizationID, checkOf(c, 1)) }), store.ErrNotFound)
				_, err := f.ListChecks(f.Context(), c.OrganizationID, c.ID, allOfThem)
				f.refused(err, store.ErrNotFound)
			}
			f.restore(deleted)
			f.equal(f.sealed(deleted.OrganizationID, deleted.ID), deleted)
			f.equal(len(f.history(deleted, allOfThem)), 0)
		},
		"ErrStale to save a test of another version, and nothing is written": func(f *fixture) {
			c := f.credential(f.organization())
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, change(c)) })
			before := f.sealed(c.OrganizationID, c.ID)
			for _, version := range []int64{0, 1, 3} {
				e := checkOf(before, 1)
				e.Check.Version = version
				f.write(func(tx store.Tx) error {
					f.refused(tx.SaveCheck(c.OrganizationID, e), store.ErrStale)
					return nil
				})
			}
			f.equal(f.sealed(c.OrganizationID, c.ID), before)
			f.equal(len(f.history(c, allOfThem)), 0)
		},
		"a test is kept on the credential and in the history as it was written, to the microsecond": func(f *fixture) {
			c := f.credential(f.organization(), full)
			e := f.check(c, 7)
			f.equal(f.sealed(c.OrganizationID, c.ID), f.checked(c, e))
			f.equal(f.history(c, allOfThem), []strongroom.Check{e.Check})
		},
		"what a test does not say stays empty": func(f *fixture) {
			c := f.credential(f.organization(), full)
			e := store.CheckEnd{ID: c.ID, Check: strongroom.Check{At: at(1), Version: 1}, Keep: 1}
			e.Check.Success = true
			f.write(func(tx store.Tx) error { return tx.SaveCheck(c.OrganizationID, e) })
			f.equal(f.sealed(c.OrganizationID, c.ID), f.checked(c, e))
			f.equal(f.history(c, allOfThem), []strongroom.Check{e.Check})
		},
		"the history has the newest, the newest first, and another credential's has its own": func(f *fixture) {
			organization := f.organization()
			c, other := f.credential(organization), f.credential(organization)
			kept := f.check(other, 9)
			var all []strongroom.Check
			for n := range keep + 2 {
				all = append([]strongroom.Check{f.check(c, n+1).Check}, all...)
			}
			f.equal(f.history(c, allOfThem), all[:keep])
			f.equal(f.history(c, strongroom.Page{Limit: 1}), all[:1])
			f.equal(f.history(c, strongroom.Page{Limit: 5, Offset: 1}), all[1:keep])
			f.equal(len(f.history(c, strongroom.Page{Limit: 5, Offset: keep})), 0)
			f.equal(f.history(other, allOfThem), []strongroom.Check{kept.Check})

			fewer := checkOf(c, 10)
			fewer.Keep = 2
			f.write(func(tx store.Tx) error { return tx.SaveCheck(organization, fewer) })
			f.equal(f.history(c, allOfThem), []strongroom.Check{fewer.Check, all[0]})
		},
		"a test that began earlier and is written later is the newest": func(f *fixture) {
			c := f.credential(f.organization())
			later, earlier := f.check(c, 5), f.check(c, 4)
			f.equal(f.history(c, allOfThem), []strongroom.Check{earlier.Check, later.Check})
			f.equal(f.sealed(c.OrganizationID, c.ID), f.checked(c, earlier))
		},
		"new data forgets what tests have found, but for the known host and the history": func(f *fixture) {
			c := f.credential(f.organization())
			e := f.check(c, 1)
			c = f.checked(c, e)
			by := change(c)
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, by) })
			got := f.sealed(c.OrganizationID, c.ID)
			f.equal(got.Health, strongroom.Health{NextAt: by.CheckAt, KnownHost: e.Health.KnownHost})
			f.equal(got, changed(c, by))
			f.equal(f.history(c, allOfThem), []strongroom.Check{e.Check})

			never := change(got)
			never.CheckAt = nil
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, never) })
			f.equal(f.sealed(c.OrganizationID, c.ID).Health, strongroom.Health{KnownHost: e.Health.KnownHost})
		},
		"a renewal changes nothing of what tests have found": func(f *fixture) {
			c := f.credential(f.organization(), renewable(at(1)))
			c = f.checked(c, f.check(c, 1))
			fence := f.lease(c, at(10))
			f.write(func(tx store.Tx) error { return tx.EndRenewal(c.OrganizationID, renewed(c, fence)) })
			got := f.sealed(c.OrganizationID, c.ID)
			f.equal(got.Version, int64(2))
			f.equal(got.Health, c.Health)
			f.equal(got.LastCheck, c.LastCheck)
			f.equal(got.LastCheckedAt, c.LastCheckedAt)
		},
		"a deletion and a restoration leave the history and the health": func(f *fixture) {
			c := f.credential(f.organization())
			e := f.check(c, 1)
			f.remove(c)
			f.restore(c)
			f.equal(f.sealed(c.OrganizationID, c.ID), f.checked(c, e))
			f.equal(f.history(c, allOfThem), []strongroom.Check{e.Check})
		},
		"many tests that end at once are all kept, and the last is on the credential": func(f *fixture) {
			c := f.credential(f.organization())
			stores := []store.Store{f.Store, f.another()}
			var group sync.WaitGroup
			for i := range contenders {
				group.Go(func() {
					e := checkOf(c, i+1)
					e.Keep = contenders
					err := stores[i%len(stores)].Write(f.Context(), func(tx store.Tx) error { return tx.SaveCheck(c.OrganizationID, e) })
					if err != nil {
						f.Errorf("save: %v", err)
					}
				})
			}
			group.Wait()
			list := f.history(c, allOfThem)
			f.equal(len(list), contenders)
			f.equal(f.sealed(c.OrganizationID, c.ID).LastCheckedAt, &list[0].At)
		},
	})
}
