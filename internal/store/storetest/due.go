package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// claimFor is how long the tests' claims last.
const claimFor = time.Hour

type claimCredentials func(tx store.Tx, now, until time.Time, limit int) ([]store.DueCredential, error)

// duty is something that is to be done with credentials at their times.
type duty struct {
	claim claimCredentials
	due   func(at time.Time) func(c *store.SealedCredential)
}

// claimed claims in a transaction of its own.
func (f *fixture) claimed(claim claimCredentials, now time.Time, limit int) (due []store.DueCredential) {
	f.Helper()
	f.write(func(tx store.Tx) (err error) {
		due, err = claim(tx, now, now.Add(claimFor), limit)
		return err
	})
	return due
}

// checkDue gives a credential a test that is due at the moment.
func checkDue(due time.Time) func(c *store.SealedCredential) {
	return func(c *store.SealedCredential) { c.Health.NextAt = &due }
}

// rotationDue gives a credential a policy that asks for a rotation at the moment.
func rotationDue(due time.Time) func(c *store.SealedCredential) {
	return func(c *store.SealedCredential) {
		c.Rotation.RotationPolicy = strongroom.RotationPolicy{MaxAge: time.Hour}
		c.Rotation.NextAt = &due
	}
}

func dueCredentials(cs ...store.SealedCredential) (due []store.DueCredential) {
	for _, c := range cs {
		due = append(due, store.DueCredential{OrganizationID: c.OrganizationID, ID: c.ID, Provider: c.Provider})
	}
	return due
}

// testDueCredentials tests what holds for every claim on credentials.
func testDueCredentials(t *testing.T, create func(t *testing.T) Opener, d duty) {
	t.Helper()
	cases(t, create, map[string]func(f *fixture){
		"nothing is claimed that is not due, never due, or deleted": func(f *fixture) {
			organization := f.organization()
			f.credential(organization)
			f.credential(organization, d.due(at(2)))
			f.remove(f.credential(organization, d.due(at(1))))
			f.equal(f.claimed(d.claim, at(2).Add(-time.Microsecond), 10), dueCredentials())
		},
		"the longest due come first, of every organization, no more than asked for, and once until the claim ends": func(f *fixture) {
			third, first, second := f.credential(f.organization(), d.due(at(3))), f.credential(f.organization(), d.due(at(1))), f.credential(f.organization(), d.due(at(2)))
			f.equal(f.claimed(d.claim, at(3), 2), dueCredentials(first, second))
			f.equal(f.claimed(d.claim, at(3), 2), dueCredentials(third))
			f.equal(f.claimed(d.claim, at(3).Add(claimFor-time.Microsecond), 2), dueCredentials())
			f.equal(f.claimed(d.claim, at(3).Add(claimFor), 9), dueCredentials(first, second, third))
		},
		"what is claimed stays as it is": func(f *fixture) {
			c := f.credential(f.organization(), d.due(at(1)))
			f.equal(f.claimed(d.claim, at(2), 9), dueCredentials(c))
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"what was deleted is due again when it is restored": func(f *fixture) {
			c := f.credential(f.organization(), d.due(at(1)))
			f.remove(c)
			f.equal(f.claimed(d.claim, at(2), 9), dueCredentials())
			f.restore(c)
			f.equal(f.claimed(d.claim, at(2), 9), dueCredentials(c))
		},
		"a claim that is taken back was none": func(f *fixture) {
			c := f.credential(f.organization(), d.due(at(1)))
			f.refused(f.try(func(tx store.Tx) error {
				_, err := d.claim(tx, at(2), at(9), 9)
				f.must(err)
				return errChanged
			}), errChanged)
			f.equal(f.claimed(d.claim, at(2), 9), dueCredentials(c))
		},
		"who claims at once gets what nobody else does": func(f *fixture) {
			organization := f.organization()
			want := map[uuid.UUID]int{}
			for n := range 3 * contenders {
				want[f.credential(organization, d.due(at(n))).ID] = 1
			}
			f.equal(f.allClaimed(func(tx store.Tx) (ids []uuid.UUID, err error) {
				due, err := d.claim(tx, at(100), at(100).Add(claimFor), 2)
				for _, c := range due {
					ids = append(ids, c.ID)
				}
				return ids, err
			}), want)
		},
	})
}

// allClaimed lets many claim at once until nothing is left, and counts how often each id
// was claimed.
func (f *fixture) allClaimed(claim func(tx store.Tx) ([]uuid.UUID, error)) map[uuid.UUID]int {
	f.Helper()
	stores := []store.Store{f.Store, f.another()}
	var mu sync.Mutex
	times := map[uuid.UUID]int{}
	var group sync.WaitGroup
	for i := range contenders {
		group.Go(func() {
			for {
				var ids []uuid.UUID
				err := stores[i%len(stores)].Write(f.Context(), func(tx store.Tx) (err error) {
					ids, err = claim(tx)
					return err
				})
				if err != nil {
					f.Errorf("claim: %v", err)
				}
				if len(ids) == 0 {
					return
				}
				mu.Lock()
				for _, id := range ids {
					times[id]++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return times
}
