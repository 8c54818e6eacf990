package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func testRotationLeases(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound to lease what nobody began, or what is about a deleted credential, until it is restored": func(f *fixture) {
			c := f.credential(f.organization())
			r := f.rotation(c)
			f.remove(c)
			f.refused(f.tryRotationLease(r, at(10)), store.ErrNotFound)
			f.refused(f.tryRotationLease(f.newRotation(c), at(10)), store.ErrNotFound)
			f.equal(f.rotationOf(r), r)
			f.restore(c)
			f.must(f.tryRotationLease(r, at(10)))
		},
		"ErrStale to lease what somebody holds, until the lease has ended": func(f *fixture) {
			held := f.leaseRotation(f.rotation(f.credential(f.organization())), at(10))
			f.equal(held.LeasedUntil, pointer(at(10).Add(time.Minute)))
			f.refused(f.tryRotationLease(held, at(11)), store.ErrStale)
			f.refused(f.tryRotationLease(held, held.LeasedUntil.Add(-time.Microsecond)), store.ErrStale)
			f.equal(f.rotationOf(held), held)
			f.must(f.tryRotationLease(held, *held.LeasedUntil))
			f.equal(f.rotationOf(held).Fence, held.Fence+1)
		},
		"ErrStale to lease on what was read before another's lease": func(f *fixture) {
			before := f.rotation(f.credential(f.organization()))
			held := f.leaseRotation(before, at(10))
			f.refused(f.tryRotationLease(before, at(1000)), store.ErrStale)
			ahead := held
			ahead.Fence++
			f.refused(f.tryRotationLease(ahead, at(1000)), store.ErrStale)
			f.must(f.tryRotationLease(held, at(1000)))
		},
		"ErrStale to lease one that has ended": func(f *fixture) {
			r := f.ended(f.credential(f.organization()), strongroom.RotationDone)
			f.refused(f.tryRotationLease(r, at(9000)), store.ErrStale)
			f.equal(f.rotationOf(r), r)
		},
		"a lease counts the fence, says until when, and changes nothing else": func(f *fixture) {
			r := f.rotation(f.credential(f.organization()))
			got := f.leaseRotation(r, at(10))
			r.Fence, r.LeasedUntil = 1, pointer(at(10).Add(time.Minute))
			f.equal(got, r)
		},
		"one of many contenders gets each lease": func(f *fixture) {
			r := f.rotation(f.credential(f.organization()))
			var tries []func(tx store.Tx) error
			for range contenders {
				tries = append(tries, func(tx store.Tx) error {
					_, err := tx.LeaseRotation(r.OrganizationID, r.ID, r.Fence, at(10), at(20))
					return err
				})
			}
			f.oneWins(tries, store.ErrStale)
			f.equal(f.rotationOf(r).Fence, r.Fence+1)
		},
	})
}

// testRotationSteps is long: it is a table, whose rows are the cases.
func testRotationSteps(t *testing.T, create func(t *testing.T) Opener) {
	// leased begins a rotation and takes its lease.
	leased := func(f *fixture, c store.SealedCredential) store.SealedRotation {
		f.Helper()
		return f.leaseRotation(f.rotation(c), at(10))
	}
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound to save a step of what nobody began": func(f *fixture) {
			r := f.newRotation(f.credential(f.organization()))
			f.refused(f.try(func(tx store.Tx) error { return tx.SaveRotation(r.OrganizationID, stepOf(r)) }), store.ErrNotFound)
		},
		"ErrStale to save a step whose lease went to another, and nothing is written": func(f *fixture) {
			c := f.credential(f.organization(), rotationDue(at(1)))
			first := leased(f, c)
			second := f.leaseRotation(first, at(1000))
			for _, fence := range []int64{first.Fence, second.Fence + 1} {
				step := stepOf(first)
				step.Fence, step.InDoubt, step.Schedule = fence, true, &store.RotationTimes{Last: pointer(at(1)), Next: pointer(at(2))}
				f.write(func(tx store.Tx) error {
					f.refused(tx.SaveRotation(c.OrganizationID, step), store.ErrStale)
					return nil
				})
			}
			f.equal(f.rotationOf(first), second)
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"ErrStale to save a step of one that has ended, and nothing is written": func(f *fixture) {
			c := f.credential(f.organization())
			r := f.ended(c, strongroom.RotationFailed)
			step := stepOf(r)
			step.InDoubt = true
			f.write(func(tx store.Tx) error {
				f.refused(tx.SaveRotation(c.OrganizationID, step), store.ErrStale)
				return nil
			})
			f.equal(f.rotationOf(r), r)
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"a step replaces how it stands and keeps what it is, the secret and the lease": func(f *fixture) {
			c := f.credential(f.organization())
			r := leased(f, c)
			step := stepOf(r)
			r.Rotation, r.LeasedUntil = step.Rotation, &step.LeasedUntil
			step.Rotation.ID, step.Rotation.CredentialID, step.Rotation.OrganizationID = uuid.New(), uuid.New(), uuid.New()
			step.Rotation.Method, step.Rotation.Trigger, step.Rotation.BeganBy = "another", "another", uuid.New()
			step.Rotation.BeganAt, step.Rotation.FromVersion = at(4000), 44
			f.saveRotation(r, step)
			f.equal(f.rotationOf(r), r)
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"a step that gives up the lease keeps the secret, and the next one is leased at once": func(f *fixture) {
			r := leased(f, f.credential(f.organization()))
			step := stepOf(r)
			step.Release = true
			f.saveRotation(r, step)
			r.Rotation, r.LeasedUntil = step.Rotation, nil
			f.equal(f.rotationOf(r), r)
			f.must(f.tryRotationLease(r, at(11)))
		},
		"the last step removes the secret and the lease, whatever it says of one": func(f *fixture) {
			for _, state := range []strongroom.RotationState{strongroom.RotationDone, strongroom.RotationFailed, strongroom.RotationAbandoned} {
				r := leased(f, f.credential(f.organization()))
				end := endOf(r, state)
				end.Release, end.LeasedUntil = false, at(5000)
				f.saveRotation(r, end)
				r.Rotation, r.Sealed, r.LeasedUntil = end.Rotation, []byte{}, nil
				f.equal(f.rotationOf(r), r)
				_, err := f.ActiveRotation(f.Context(), r.OrganizationID, r.CredentialID)
				f.refused(err, store.ErrNotFound)
			}
		},
		"a doubt is on the credential as long as steps say so, and nothing else of it changes": func(f *fixture) {
			c := f.credential(f.organization(), full)
			r := leased(f, c)
			for _, doubt := range []bool{true, true, false} {
				step := stepOf(r)
				step.InDoubt = doubt
				f.saveRotation(r, step)
				c.Rotation.InDoubt = doubt
				f.equal(f.sealed(c.OrganizationID, c.ID), c)
			}
		},
		"a doubt about a credential that was deleted meanwhile is there when it is restored": func(f *fixture) {
			c := f.credential(f.organization())
			r := leased(f, c)
			f.remove(c)
			step := stepOf(r)
			step.InDoubt, step.Schedule = true, &store.RotationTimes{Next: pointer(at(5))}
			f.saveRotation(r, step)
			f.restore(c)
			c.Rotation.InDoubt, c.Rotation.NextAt = true, pointer(at(5))
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"a step replaces the schedule's times where it has some, the last one only where it is new": func(f *fixture) {
			c := f.credential(f.organization(), rotationDue(at(1)))
			r := leased(f, c)
			for _, times := range []*store.RotationTimes{
				{Last: pointer(at(50)), Next: pointer(at(60))},
				nil,
				{Next: pointer(at(61))},
				{},
				{Last: pointer(at(51))},
			} {
				step := stepOf(r)
				step.Schedule = times
				f.saveRotation(r, step)
				if times != nil {
					c.Rotation.NextAt = times.Next
					if times.Last != nil {
						c.Rotation.LastAt = times.Last
					}
				}
				f.equal(f.sealed(c.OrganizationID, c.ID), c)
			}
		},
		"one of many who end it at once does": func(f *fixture) {
			r := leased(f, f.credential(f.organization()))
			var tries []func(tx store.Tx) error
			for range contenders {
				tries = append(tries, func(tx store.Tx) error {
					return tx.SaveRotation(r.OrganizationID, endOf(r, strongroom.RotationDone))
				})
			}
			f.oneWins(tries, store.ErrStale)
		},
	})
}
