package rotate

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/secret"
)

// doubtful tells whether it takes the far end to know which secret opens it. A stuck
// rotation is not: nobody asks any more, and what is stored is served.
func doubtful(r strongroom.Rotation) bool {
	return r.Method == methodPassword && r.State == strongroom.RotationChanging
}

// eventOf is an event of a rotation, to be filled in.
func (s *Service) eventOf(by strongroom.Caller, credential uuid.UUID) strongroom.Event {
	e := strongroom.NewEvent(s.Clock.Now(), by, strongroom.ActionCredentialRotate)
	e.CredentialID = credential
	return e
}

// event puts on record what the rotation has come to.
func (t *turn) event(r strongroom.Rotation, note string, version int64) strongroom.Event {
	e := t.eventOf(t.by, r.CredentialID)
	e.Provider, e.Version, e.Note = t.c.Provider, version, note
	if r.State == strongroom.RotationFailed || r.State == strongroom.RotationStuck {
		e.Outcome = strongroom.OutcomeFailed
	}
	return e
}

// save writes a step that was taken or tried, with an event where there is a note. The
// lease lasts anew, or is given up.
func (t *turn) save(next strongroom.Rotation, note string, release bool) error {
	return t.write(next, note, release, nil)
}

func (t *turn) write(next strongroom.Rotation, note string, release bool, schedule *store.RotationTimes) error {
	ctx, cancel := context.WithTimeout(t.living, writeTime)
	defer cancel()
	now := t.Clock.Now()
	next.UpdatedAt = now
	until := now.Add(t.Lease)
	name := string(next.State)
	if note == "" {
		name = "same state"
	}
	t.Reached("before " + name)
	err := t.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		var events []strongroom.Event
		if note != "" {
			events = append(events, t.event(next, note, t.c.Version))
		}
		return events, fenced(tx.SaveRotation(t.r.OrganizationID, store.RotationStep{
			ID: t.r.ID, Fence: t.r.Fence, Rotation: next, InDoubt: doubtful(next), Schedule: schedule, Release: release, LeasedUntil: until,
		}))
	})
	if err != nil {
		return err
	}
	t.Reached("after " + name)
	t.r.Rotation, t.r.LeasedUntil = next, &until
	if note != "" {
		t.Observe(next.Method, next.State, next.Code)
	}
	return nil
}

// fenced tells a lost lease from a credential that has moved on.
func fenced(err error) error {
	if errors.Is(err, store.ErrStale) {
		return errLost
	}
	return err
}

// promote makes the new data the credential's, and writes the step with it.
func (t *turn) promote(next secret.Value) error {
	ctx, cancel := context.WithTimeout(t.living, writeTime)
	defer cancel()
	r := t.r.Rotation
	r.State, r.Attempts, r.NextAt, r.Code, r.Message = strongroom.RotationDone, 0, nil, "", ""
	t.Reached("before promoted")
	_, err := t.Custody.Promote(ctx, t.by, t.c.ID, t.c.Version, next, func(tx store.Tx, promoted strongroom.Credential) ([]strongroom.Event, error) {
		now := promoted.UpdatedAt
		r.UpdatedAt, r.PromotedVersion = now, promoted.Version
		if r.Method == methodKey {
			until := now.Add(t.graceOf(promoted))
			r.State, r.NextAt = strongroom.RotationPromoted, &until
		} else {
			r.EndedAt = &now
		}
		return []strongroom.Event{t.event(r, "promoted", promoted.Version)}, fenced(tx.SaveRotation(r.OrganizationID, store.RotationStep{
			ID: r.ID, Fence: t.r.Fence, Rotation: r, InDoubt: doubtful(r), Release: true,
			Schedule: &store.RotationTimes{Last: &now, Next: promoted.Rotation.NextAt},
		}))
	})
	if err != nil {
		return err
	}
	t.Reached("after promoted")
	t.Observe(r.Method, r.State, "")
	return nil
}

func (s *Service) graceOf(c strongroom.Credential) time.Duration {
	if c.Rotation.Grace > 0 {
		return c.Rotation.Grace
	}
	return s.Grace
}

// end writes that the rotation has come to its end, and why.
func (t *turn) end(state strongroom.RotationState, why strongroom.CheckResult, note string) error {
	now := t.Clock.Now()
	r := t.r.Rotation
	r.State, r.EndedAt, r.NextAt, r.Code, r.Message = state, &now, nil, why.Code, why.Message
	t.logged(r)
	schedule, err := t.postponed(now, state)
	if err != nil {
		return err
	}
	return t.write(r, note, true, schedule)
}

// fail ends a rotation that could not change the far end.
func (t *turn) fail(why strongroom.CheckResult) error {
	note := "failed"
	if why.Code != "" {
		note += ":" + string(why.Code)
	}
	return t.end(strongroom.RotationFailed, why, note)
}

// abandon ends a rotation that was given up, or that something has overtaken.
func (t *turn) abandon(message string) error {
	return t.end(strongroom.RotationAbandoned, strongroom.CheckResult{Message: message}, "abandoned")
}

// stick leaves a rotation to somebody who resumes or abandons it.
func (t *turn) stick(why strongroom.CheckResult) error {
	r := t.r.Rotation
	r.State, r.NextAt, r.Code, r.Message = strongroom.RotationStuck, nil, why.Code, why.Message
	t.logged(r)
	return t.save(r, "stuck", true)
}

// logged logs what the rotation has come to.
func (t *turn) logged(r strongroom.Rotation) {
	t.Log.Info("a rotation", "rotation_id", r.ID.String(), "credential_id", r.CredentialID.String(), "method", r.Method,
		"state", string(r.State), "code", string(r.Code), "attempts", r.Attempts)
}
