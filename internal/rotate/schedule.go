package rotate

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/policy"
	"strongroom/internal/schedule"
	"strongroom/internal/store"
)

const (
	// claimFor is how long rotations under way are claimed: until whoever claimed them holds
	// the lease, or is gone.
	claimFor = time.Minute
	// claimStartFor is how long beginnings are claimed, and so how soon one that came to
	// nothing is tried again.
	claimStartFor = time.Hour
	// lookEvery is how often is looked for what is due.
	lookEvery = 5 * time.Second
)

// RunDue goes on with rotations that are due, and begins those that policies ask for, until
// ctx ends. workers bounds how many of each at once.
func (s *Service) RunDue(ctx context.Context, workers int) {
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() {
		schedule.Job[store.DueRotation]{
			Name: "rotation", Workers: workers, Every: lookEvery, Log: s.Log,
			Claim: claim(s, func(tx store.Tx, now time.Time, limit int) ([]store.DueRotation, error) {
				return tx.ClaimRotations(now, now.Add(claimFor), limit)
			}),
			Do: func(ctx context.Context, d store.DueRotation) {
				// What came of it is stored, and in the log.
				_ = s.advance(ctx, d.OrganizationID, d.ID, strongroom.Unattended(d.OrganizationID), false)
			},
		}.Run(ctx)
	})
	both.Go(func() {
		schedule.Job[store.DueCredential]{
			Name: "rotation start", Workers: workers, Every: lookEvery, Log: s.Log,
			Claim: claim(s, func(tx store.Tx, now time.Time, limit int) ([]store.DueCredential, error) {
				return tx.ClaimRotationStarts(now, now.Add(claimStartFor), limit)
			}),
			Do: func(ctx context.Context, d store.DueCredential) {
				if _, err := s.begin(ctx, strongroom.Unattended(d.OrganizationID), d.ID, strongroom.RotationScheduled); err != nil {
					s.Log.Warn("a rotation that is due could not begin", "credential_id", d.ID.String(), "code", string(strongroom.CodeOf(err)))
				}
			},
		}.Run(ctx)
	})
}

// claim is a schedule.Job's Claim in one transaction.
func claim[T any](s *Service, of func(tx store.Tx, now time.Time, limit int) ([]T, error)) func(context.Context, int) ([]T, bool, error) {
	return func(ctx context.Context, limit int) (claimed []T, _ bool, err error) {
		err = s.Audit.Commit(ctx, func(tx store.Tx) (_ []strongroom.Event, err error) {
			claimed, err = of(tx, s.Clock.Now(), limit)
			return nil, err
		})
		if err != nil {
			return nil, false, err
		}
		return claimed, false, nil
	}
}

// Bounds on a policy.
const (
	minAge   = time.Hour
	maxAge   = 3650 * 24 * time.Hour
	maxGrace = 90 * 24 * time.Hour
)

// SetRotationPolicy implements strongroom.RotationService.
func (s *Service) SetRotationPolicy(ctx context.Context, caller strongroom.Caller, id uuid.UUID, p strongroom.RotationPolicy) (strongroom.Credential, error) {
	if err := checkPolicy(p); err != nil {
		return strongroom.Credential{}, err
	}
	now := s.Clock.Now()
	event := strongroom.NewEvent(now, caller, strongroom.ActionCredentialRotatePolicy)
	c, err := s.rotatable(ctx, caller, event, id, p)
	if err != nil {
		return strongroom.Credential{}, err
	}
	event.CredentialID, event.Provider, event.Version = c.ID, c.Provider, c.Version
	next := nextDue(c, p, now)
	err = s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{event}, tx.SetRotationPolicy(c.OrganizationID, c.ID, p, next, now, caller.ID)
	})
	if err != nil {
		return strongroom.Credential{}, store.Explain(err, "Credential")
	}
	c.Rotation.RotationPolicy, c.Rotation.NextAt, c.UpdatedAt, c.ModifiedBy = p, next, now, caller.ID
	return c, nil
}

func checkPolicy(p strongroom.RotationPolicy) error {
	var wrong []strongroom.FieldError
	if p.MaxAge != 0 && (p.MaxAge < minAge || p.MaxAge > maxAge) {
		wrong = append(wrong, strongroom.FieldError{Location: []any{"body", "max_age_hours"}, Type: "value", Message: "Must be from 1 hour to 3650 days, or 0 for no rotation without being asked"})
	}
	if p.Grace < 0 || p.Grace > maxGrace {
		wrong = append(wrong, strongroom.FieldError{Location: []any{"body", "grace_hours"}, Type: "value", Message: "Must be from 0, for the default, to 90 days"})
	}
	if wrong != nil {
		return strongroom.Invalid(wrong...)
	}
	return nil
}

// rotatable returns the credential where the caller may rotate it and, for a policy that
// asks for that, where it can be.
func (s *Service) rotatable(ctx context.Context, caller strongroom.Caller, event strongroom.Event, id uuid.UUID, p strongroom.RotationPolicy) (strongroom.Credential, error) {
	if p.MaxAge == 0 {
		return s.Custody.Permit(ctx, caller, policy.RotateCredential, event, id)
	}
	c, data, err := s.Custody.Lend(ctx, caller, policy.RotateCredential, event, id)
	if err != nil {
		return strongroom.Credential{}, err
	}
	defer data.Destroy()
	_, err = s.methodFor(c, data)
	return c, err
}

// nextDue is when the secret has the policy's age; nil: the policy names none.
func nextDue(c strongroom.Credential, p strongroom.RotationPolicy, now time.Time) *time.Time {
	if p.MaxAge == 0 {
		return nil
	}
	since := c.UpdatedAt
	if c.Rotation.LastAt != nil {
		since = *c.Rotation.LastAt
	}
	// A change of the policy is an update too; what the one before counted from is older.
	if before := c.Rotation; before.NextAt != nil {
		if counted := before.NextAt.Add(-before.MaxAge); counted.Before(since) {
			since = counted
		}
	}
	next := since.Add(p.MaxAge)
	if next.Before(now) {
		next = now
	}
	return &next
}
