package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// newRotation is one of a credential that is about to begin, with every field that such a
// one may have.
func (f *fixture) newRotation(c store.SealedCredential) store.SealedRotation {
	f.made++
	return store.SealedRotation{
		Rotation: strongroom.Rotation{
			ID: uuid.Must(uuid.NewV7()), OrganizationID: c.OrganizationID, CredentialID: c.ID,
			Method: "postgresql_password", Trigger: strongroom.RotationRequested, State: strongroom.RotationPending,
			BeganBy: uuid.New(), BeganAt: at(f.made), UpdatedAt: at(f.made), FromVersion: c.Version, NextAt: pointer(at(f.made + 1)),
		},
		Sealed: []byte{0, 0xff, 7, 0},
	}
}

// rotation begins a rotation of a credential after the changes.
func (f *fixture) rotation(c store.SealedCredential, changes ...func(*store.SealedRotation)) store.SealedRotation {
	f.Helper()
	r := f.newRotation(c)
	for _, change := range changes {
		change(&r)
	}
	f.write(func(tx store.Tx) error { return tx.CreateRotation(r) })
	return r
}

// rotationOf reads a rotation that must be there.
func (f *fixture) rotationOf(r store.SealedRotation) store.SealedRotation {
	f.Helper()
	got, err := f.Rotation(f.Context(), r.OrganizationID, r.ID)
	f.must(err)
	return got
}

// leaseRotation takes a lease that must be free, and returns the rotation with it.
func (f *fixture) leaseRotation(r store.SealedRotation, now time.Time) store.SealedRotation {
	f.Helper()
	f.must(f.tryRotationLease(r, now))
	return f.rotationOf(r)
}

// tryRotationLease asks for a lease of a minute on what was read of the rotation.
func (f *fixture) tryRotationLease(r store.SealedRotation, now time.Time) error {
	f.Helper()
	return f.try(func(tx store.Tx) error {
		fence, err := tx.LeaseRotation(r.OrganizationID, r.ID, r.Fence, now, now.Add(time.Minute))
		if err == nil && fence != r.Fence+1 {
			f.Errorf("got fence %d after %d", fence, r.Fence)
		}
		return err
	})
}

// stepOf is a step of a leased rotation that replaces everything that a step can.
func stepOf(r store.SealedRotation) store.RotationStep {
	step := store.RotationStep{ID: r.ID, Fence: r.Fence, Rotation: r.Rotation, LeasedUntil: at(2000)}
	step.Rotation.State, step.Rotation.UpdatedAt, step.Rotation.PromotedVersion = strongroom.RotationPromoted, at(2001), 2
	step.Rotation.Attempts, step.Rotation.NextAt = 4, pointer(at(2002))
	step.Rotation.Code, step.Rotation.Message = strongroom.CheckTimeout, "The server did not answer in time"
	return step
}

// endOf is the last step of a leased rotation.
func endOf(r store.SealedRotation, state strongroom.RotationState) store.RotationStep {
	step := store.RotationStep{ID: r.ID, Fence: r.Fence, Rotation: r.Rotation, Release: true}
	step.Rotation.State, step.Rotation.UpdatedAt, step.Rotation.EndedAt = state, at(3000), pointer(at(3001))
	step.Rotation.NextAt = nil
	return step
}

// saveRotation writes a step that must succeed.
func (f *fixture) saveRotation(r store.SealedRotation, step store.RotationStep) {
	f.Helper()
	f.write(func(tx store.Tx) error { return tx.SaveRotation(r.OrganizationID, step) })
}

// ended is a rotation that has been through to its end.
func (f *fixture) ended(c store.SealedCredential, state strongroom.RotationState) store.SealedRotation {
	f.Helper()
	r := f.rotation(c)
	r = f.leaseRotation(r, at(100))
	f.saveRotation(r, endOf(r, state))
	return f.rotationOf(r)
}

// testRotations is long: it is a table, whose rows are the cases.
func testRotations(t *testing.T, create func(t *testing.T) Opener) {
	begin := func(f *fixture, r store.SealedRotation) error {
		f.Helper()
		return f.try(func(tx store.Tx) error { return tx.CreateRotation(r) })
	}
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for a rotation that nobody began, and for an active one where none is under way": func(f *fixture) {
			c := f.credential(f.organization())
			_, err := f.Rotation(f.Context(), c.OrganizationID, uuid.New())
			f.refused(err, store.ErrNotFound)
			f.ended(c, strongroom.RotationDone)
			for _, id := range []uuid.UUID{c.ID, uuid.New()} {
				_, err = f.ActiveRotation(f.Context(), c.OrganizationID, id)
				f.refused(err, store.ErrNotFound)
			}
		},
		"ErrNotFound to begin one of what is deleted or was never there": func(f *fixture) {
			deleted := f.credential(f.organization())
			f.remove(deleted)
			for _, c := range []store.SealedCredential{deleted, f.newCredential(deleted.OrganizationID), f.newCredential(uuid.New())} {
				r := f.newRotation(c)
				f.refused(begin(f, r), store.ErrNotFound)
				_, err := f.Rotation(f.Context(), r.OrganizationID, r.ID)
				f.refused(err, store.ErrNotFound)
			}
		},
		"ErrStale to begin one of another version, and none is": func(f *fixture) {
			c := f.credential(f.organization())
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, change(c)) })
			for _, version := range []int64{0, 1, 3} {
				r := f.newRotation(c)
				r.FromVersion = version
				f.refused(begin(f, r), store.ErrStale)
				_, err := f.ActiveRotation(f.Context(), c.OrganizationID, c.ID)
				f.refused(err, store.ErrNotFound)
			}
		},
		"ErrDuplicate while another of the credential's is under way, stuck ones too, and not after": func(f *fixture) {
			c := f.credential(f.organization())
			r := f.rotation(c)
			f.refused(begin(f, f.newRotation(c)), store.ErrDuplicate)
			r = f.leaseRotation(r, at(10))
			stuck := stepOf(r)
			stuck.Rotation.State, stuck.Rotation.NextAt, stuck.Release = strongroom.RotationStuck, nil, true
			f.saveRotation(r, stuck)
			f.refused(begin(f, f.newRotation(c)), store.ErrDuplicate)
			f.rotation(f.credential(c.OrganizationID))
			f.saveRotation(r, endOf(r, strongroom.RotationAbandoned))
			f.must(begin(f, f.newRotation(c)))
		},
		"ErrDuplicate to begin an id twice": func(f *fixture) {
			c := f.credential(f.organization())
			r := f.ended(c, strongroom.RotationDone)
			again := f.newRotation(c)
			again.ID = r.ID
			f.refused(begin(f, again), store.ErrDuplicate)
			f.equal(f.rotationOf(r), r)
		},
		"every field reads back as it was written, to the microsecond": func(f *fixture) {
			r := f.rotation(f.credential(f.organization()), func(r *store.SealedRotation) {
				r.State, r.PromotedVersion, r.Attempts = strongroom.RotationChanging, 9, 3
				r.Code, r.Message = strongroom.CheckRefused, "Nobody listens at “this” port"
				r.Fence, r.LeasedUntil = 5, pointer(at(70))
			})
			f.equal(f.rotationOf(r), r)
			active, err := f.ActiveRotation(f.Context(), r.OrganizationID, r.CredentialID)
			f.must(err)
			f.equal(active, r)
		},
		"fields that are not set stay so": func(f *fixture) {
			r := f.rotation(f.credential(f.organization()), func(r *store.SealedRotation) {
				r.BeganBy, r.NextAt, r.Sealed = uuid.Nil, nil, []byte{}
			})
			f.equal(f.rotationOf(r), r)
		},
		"a rotation outlives its credential's deletion, and is read all the same": func(f *fixture) {
			c := f.credential(f.organization())
			r := f.rotation(c)
			f.remove(c)
			f.equal(f.rotationOf(r), r)
		},
		"one of many contenders begins": func(f *fixture) {
			c := f.credential(f.organization())
			var tries []func(tx store.Tx) error
			for range contenders {
				r := f.newRotation(c)
				tries = append(tries, func(tx store.Tx) error { return tx.CreateRotation(r) })
			}
			f.oneWins(tries, store.ErrDuplicate)
			list, err := f.ListRotations(f.Context(), store.RotationFilter{Page: allOfThem, OrganizationID: c.OrganizationID})
			f.must(err)
			f.equal(len(list), 1)
		},
	})
}

// oneWins runs the transactions at once, of which one must succeed and the others fail
// with the error.
func (f *fixture) oneWins(tries []func(tx store.Tx) error, lost error) {
	f.Helper()
	stores := []store.Store{f.Store, f.another()}
	errs := make(chan error, len(tries))
	for i, try := range tries {
		go func() { errs <- stores[i%len(stores)].Write(f.Context(), try) }()
	}
	won := 0
	for range tries {
		switch err := <-errs; {
		case err == nil:
			won++
		case !errors.Is(err, lost):
			f.Errorf("got error %v, want %v", err, lost)
		}
	}
	f.equal(won, 1)
}

func testRotationLists(t *testing.T, create func(t *testing.T) Opener) {
	list := func(f *fixture, filter store.RotationFilter) []strongroom.Rotation {
		f.Helper()
		if filter.Limit == 0 {
			filter.Page = allOfThem
		}
		found, err := f.ListRotations(f.Context(), filter)
		f.must(err)
		return found
	}
	cases(t, create, map[string]func(f *fixture){
		"they come newest first, by organization, credential, state and page": func(f *fixture) {
			a, b := f.organization(), f.organization()
			c := f.credential(a)
			failed := f.ended(c, strongroom.RotationFailed).Rotation
			done := f.ended(c, strongroom.RotationDone).Rotation
			other := f.rotation(f.credential(a)).Rotation
			foreign := f.rotation(f.credential(b)).Rotation
			active := f.rotation(c).Rotation
			type rotations = []strongroom.Rotation
			f.equal(list(f, store.RotationFilter{OrganizationID: a}), rotations{active, other, done, failed})
			f.equal(list(f, store.RotationFilter{OrganizationID: a, Page: strongroom.Page{Limit: 2, Offset: 1}}), rotations{other, done})
			f.equal(list(f, store.RotationFilter{OrganizationID: a, CredentialID: c.ID}), rotations{active, done, failed})
			f.equal(list(f, store.RotationFilter{OrganizationID: a, CredentialID: c.ID, State: strongroom.RotationFailed}), rotations{failed})
			f.equal(list(f, store.RotationFilter{OrganizationID: a, State: strongroom.RotationPending}), rotations{active, other})
			f.equal(list(f, store.RotationFilter{OrganizationID: b}), rotations{foreign})
			f.equal(len(list(f, store.RotationFilter{OrganizationID: a, State: strongroom.RotationStuck})), 0)
		},
		"the operator sees every organization's": func(f *fixture) {
			first, second := f.rotation(f.credential(f.organization())).Rotation, f.rotation(f.credential(f.organization())).Rotation
			f.equal(list(f, store.RotationFilter{}), []strongroom.Rotation{second, first})
			f.equal(list(f, store.RotationFilter{CredentialID: first.CredentialID}), []strongroom.Rotation{first})
			f.equal(list(f, store.RotationFilter{State: strongroom.RotationPending, Page: strongroom.Page{Limit: 1}}), []strongroom.Rotation{second})
		},
		"those of a deleted credential stay in the list": func(f *fixture) {
			c := f.credential(f.organization())
			r := f.rotation(c).Rotation
			f.remove(c)
			f.equal(list(f, store.RotationFilter{OrganizationID: c.OrganizationID, CredentialID: c.ID}), []strongroom.Rotation{r})
		},
	})
}
