package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func testRotationPolicies(t *testing.T, create func(t *testing.T) Opener) {
	set := func(f *fixture, c store.SealedCredential, p strongroom.RotationPolicy, next *time.Time) error {
		f.Helper()
		return f.try(func(tx store.Tx) error {
			return tx.SetRotationPolicy(c.OrganizationID, c.ID, p, next, at(500), c.ModifiedBy)
		})
	}
	monthly := strongroom.RotationPolicy{MaxAge: 30*24*time.Hour + time.Microsecond, Grace: 90 * time.Minute}
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for what is deleted or was never there": func(f *fixture) {
			c := f.credential(f.organization())
			f.refused(set(f, f.newCredential(c.OrganizationID), monthly, nil), store.ErrNotFound)
			f.remove(c)
			f.refused(set(f, c, monthly, nil), store.ErrNotFound)
			f.restore(c)
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"a policy is replaced with when it asks next, exact to the microsecond, and nothing that was found out goes": func(f *fixture) {
			c := f.credential(f.organization(), full)
			f.must(set(f, c, monthly, pointer(at(9))))
			c.Rotation.RotationPolicy, c.Rotation.NextAt, c.UpdatedAt = monthly, pointer(at(9)), at(500)
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
			f.must(set(f, c, strongroom.RotationPolicy{}, nil))
			c.Rotation.RotationPolicy, c.Rotation.NextAt = strongroom.RotationPolicy{}, nil
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"who sets it is who changed the credential last": func(f *fixture) {
			c, by := f.credential(f.organization()), uuid.New()
			f.write(func(tx store.Tx) error {
				return tx.SetRotationPolicy(c.OrganizationID, c.ID, monthly, nil, at(501), by)
			})
			f.equal(f.sealed(c.OrganizationID, c.ID).ModifiedBy, by)
		},
		"new data keeps the policy, the last rotation and a doubt, and says when it is rotated next": func(f *fixture) {
			c := f.credential(f.organization(), full)
			by := change(c)
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, by) })
			want := c.Rotation
			want.NextAt = by.RotateAt
			f.equal(f.sealed(c.OrganizationID, c.ID).Rotation, want)
		},
	})
}

func testDueRotationStarts(t *testing.T, create func(t *testing.T) Opener) {
	claim := func(f *fixture, now time.Time) []store.DueCredential {
		f.Helper()
		return f.claimed(store.Tx.ClaimRotationStarts, now, 9)
	}
	testDueCredentials(t, create, duty{claim: store.Tx.ClaimRotationStarts, due: rotationDue})
	cases(t, create, map[string]func(f *fixture){
		"nothing is begun where a rotation is under way, and what is still due after it ended is": func(f *fixture) {
			c := f.credential(f.organization(), rotationDue(at(1)))
			f.rotation(f.credential(c.OrganizationID))
			r := f.leaseRotation(f.rotation(c), at(10))
			f.equal(claim(f, at(20)), dueCredentials())
			f.saveRotation(r, endOf(r, strongroom.RotationFailed))
			f.equal(claim(f, at(20)), dueCredentials(c))
		},
		"a rotation that says when the next is due puts it off, and ends the claim": func(f *fixture) {
			c := f.credential(f.organization(), rotationDue(at(1)))
			f.equal(claim(f, at(2)), dueCredentials(c))
			r := f.leaseRotation(f.rotation(c), at(10))
			end := endOf(r, strongroom.RotationDone)
			end.Schedule = &store.RotationTimes{Next: pointer(at(30))}
			f.saveRotation(r, end)
			f.equal(claim(f, at(30).Add(-time.Microsecond)), dueCredentials())
			f.equal(claim(f, at(30)), dueCredentials(c))
		},
		"a new policy and new data end the claim": func(f *fixture) {
			c := f.credential(f.organization(), rotationDue(at(1)))
			f.equal(claim(f, at(2)), dueCredentials(c))
			f.write(func(tx store.Tx) error {
				return tx.SetRotationPolicy(c.OrganizationID, c.ID, c.Rotation.RotationPolicy, pointer(at(3)), at(2), uuid.New())
			})
			f.equal(claim(f, at(3)), dueCredentials(c))
			by := change(c)
			by.RotateAt = pointer(at(4))
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, by) })
			f.equal(claim(f, at(4)), dueCredentials(c))
		},
	})
}

// testDueRotations is long: it is a table, whose rows are the cases.
func testDueRotations(t *testing.T, create func(t *testing.T) Opener) {
	claim := func(f *fixture, now time.Time, limit int) (due []store.DueRotation) {
		f.Helper()
		f.write(func(tx store.Tx) (err error) {
			due, err = tx.ClaimRotations(now, now.Add(claimFor), limit)
			return err
		})
		return due
	}
	named := func(rs ...store.SealedRotation) (due []store.DueRotation) {
		for _, r := range rs {
			due = append(due, store.DueRotation{OrganizationID: r.OrganizationID, CredentialID: r.CredentialID, ID: r.ID})
		}
		return due
	}
	// due is a rotation that goes on by itself at the moment.
	due := func(f *fixture, next time.Time) store.SealedRotation {
		f.Helper()
		return f.rotation(f.credential(f.organization()), func(r *store.SealedRotation) { r.NextAt = &next })
	}
	cases(t, create, map[string]func(f *fixture){
		"nothing is claimed that is not due, does not go on by itself, has ended, or is about a deleted credential": func(f *fixture) {
			due(f, at(2))
			f.rotation(f.credential(f.organization()), func(r *store.SealedRotation) { r.NextAt = nil })
			ended := f.leaseRotation(due(f, at(1)), at(1))
			end := endOf(ended, strongroom.RotationDone)
			end.Rotation.NextAt = pointer(at(1))
			f.saveRotation(ended, end)
			c := f.credential(f.organization())
			f.rotation(c, func(r *store.SealedRotation) { r.NextAt = pointer(at(1)) })
			f.remove(c)
			f.equal(claim(f, at(2).Add(-time.Microsecond), 9), named())
		},
		"nothing is claimed that somebody holds leased, until the lease has ended": func(f *fixture) {
			r := f.leaseRotation(due(f, at(1)), at(10))
			f.equal(claim(f, r.LeasedUntil.Add(-time.Microsecond), 9), named())
			f.equal(claim(f, *r.LeasedUntil, 9), named(r))
		},
		"the longest due come first, of every organization, no more than asked for, and once until the claim ends": func(f *fixture) {
			third, first, second := due(f, at(3)), due(f, at(1)), due(f, at(2))
			f.equal(claim(f, at(3), 2), named(first, second))
			f.equal(claim(f, at(3), 2), named(third))
			f.equal(claim(f, at(3).Add(claimFor-time.Microsecond), 9), named())
			f.equal(claim(f, at(3).Add(claimFor), 9), named(first, second, third))
		},
		"what is claimed stays as it is and can be leased, and is free again when the lease is given up": func(f *fixture) {
			r := due(f, at(1))
			f.equal(claim(f, at(2), 9), named(r))
			f.equal(f.rotationOf(r), r)
			r = f.leaseRotation(r, at(3))
			step := stepOf(r)
			step.LeasedUntil, step.Rotation.NextAt = at(4), pointer(at(4))
			f.saveRotation(r, step)
			f.equal(claim(f, at(5), 9), named())
			step.Release = true
			f.saveRotation(r, step)
			f.equal(claim(f, at(4).Add(-time.Microsecond), 9), named())
			f.equal(claim(f, at(4), 9), named(r))
		},
		"one of a credential that was deleted is due again when it is restored": func(f *fixture) {
			c := f.credential(f.organization())
			r := f.rotation(c, func(r *store.SealedRotation) { r.NextAt = pointer(at(1)) })
			f.remove(c)
			f.equal(claim(f, at(2), 9), named())
			f.restore(c)
			f.equal(claim(f, at(2), 9), named(r))
		},
		"who claims at once gets what nobody else does": func(f *fixture) {
			want := map[uuid.UUID]int{}
			for n := range 3 * contenders {
				want[due(f, at(n)).ID] = 1
			}
			f.equal(f.allClaimed(func(tx store.Tx) (ids []uuid.UUID, err error) {
				due, err := tx.ClaimRotations(at(100), at(100).Add(claimFor), 2)
				for _, r := range due {
					ids = append(ids, r.ID)
				}
				return ids, err
			}), want)
		},
	})
}
