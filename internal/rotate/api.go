package rotate

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/policy"
	"strongroom/internal/store"
)

// patience is how long a caller is kept waiting; the work goes on without them.
const patience = 25 * time.Second

// Rotate implements strongroom.RotationService.
func (s *Service) Rotate(ctx context.Context, caller strongroom.Caller, id uuid.UUID) (strongroom.Rotation, error) {
	c, err := s.Custody.Permit(ctx, caller, policy.RotateCredential, s.eventOf(caller, id), id)
	if err != nil {
		return strongroom.Rotation{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := s.Store.ActiveRotation(ctx, c.OrganizationID, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if r, err = s.begin(waiting, caller, id, strongroom.RotationRequested); err != nil {
			return strongroom.Rotation{}, err
		}
	case err != nil:
		return strongroom.Rotation{}, store.Explain(err, "Rotation")
	case r.State == strongroom.RotationStuck:
		return strongroom.Rotation{}, strongroom.Errorf(strongroom.CodeConflict, "A rotation of this credential is stuck; resume or abandon it")
	default:
		// What came of it is stored.
		_ = s.advance(waiting, r.OrganizationID, r.ID, caller, true)
	}
	return s.outcome(ctx, waiting, r)
}

// outcome returns how the rotation stands when nobody works on it any more, or when waiting
// ends.
func (s *Service) outcome(ctx, waiting context.Context, r store.SealedRotation) (strongroom.Rotation, error) {
	if now, _, err := s.unleased(waiting, r.OrganizationID, r.ID); err == nil {
		return now.Rotation, nil
	}
	now, err := s.Store.Rotation(ctx, r.OrganizationID, r.ID)
	return now.Rotation, store.Explain(err, "Rotation")
}

// Resume implements strongroom.RotationService.
func (s *Service) Resume(ctx context.Context, caller strongroom.Caller, id, rotation uuid.UUID) (strongroom.Rotation, error) {
	return s.handle(ctx, caller, id, rotation, func(t *turn) error {
		if t.r.State == strongroom.RotationPromoted && !due(s.Clock.Now(), t.r.Rotation, true) {
			// It waits for the grace period alone, which readers of the old key count on.
			return t.rest()
		}
		if err := t.anew(); err != nil {
			return err
		}
		return t.run()
	})
}

// anew makes a rotation that waits, or is stuck, due now, and forgets the tries so far.
func (t *turn) anew() error {
	r := t.r.Rotation
	if r.State == strongroom.RotationStuck {
		r.State = strongroom.RotationChanging
		if r.PromotedVersion > 0 {
			r.State = strongroom.RotationPromoted
		}
	}
	now := t.Clock.Now()
	r.Attempts, r.NextAt, r.Code, r.Message = 0, &now, "", ""
	return t.save(r, "resumed", false)
}

// handle has a caller's work done on a rotation, when nobody else works on it.
func (s *Service) handle(ctx context.Context, caller strongroom.Caller, id, rotation uuid.UUID, work func(t *turn) error) (strongroom.Rotation, error) {
	c, err := s.Custody.Permit(ctx, caller, policy.RotateCredential, s.eventOf(caller, id), id)
	if err != nil {
		return strongroom.Rotation{}, err
	}
	r, err := s.Store.Rotation(ctx, c.OrganizationID, rotation)
	switch {
	case err != nil:
		return strongroom.Rotation{}, store.Explain(err, "Rotation")
	case r.CredentialID != id:
		return strongroom.Rotation{}, strongroom.NotFound("Rotation")
	case !r.State.Active():
		return strongroom.Rotation{}, errEnded
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for own := false; !own; {
		var f *flight
		f, own, err = s.join(rotation, func(ctx context.Context) error { return s.take(ctx, r, c, caller, work) })
		if err != nil {
			return strongroom.Rotation{}, errClosing
		}
		err = f.wait(waiting)
		if !own && waiting.Err() != nil {
			return strongroom.Rotation{}, strongroom.Unavailable(strongroom.CodeConflict, "The rotation is being worked on; try again in a moment", time.Second)
		}
	}
	if refusal := (*strongroom.Error)(nil); errors.As(err, &refusal) {
		return strongroom.Rotation{}, refusal
	}
	return s.outcome(ctx, waiting, r)
}

var (
	errClosing = strongroom.Unavailable(strongroom.CodeOverloaded, "The service is closing; try again", time.Second)
	errEnded   = strongroom.Errorf(strongroom.CodeConflict, "This rotation has ended; begin another one")
)

// take leases the rotation and has the work done.
func (s *Service) take(ctx context.Context, r store.SealedRotation, c strongroom.Credential, by strongroom.Caller, work func(t *turn) error) error {
	for {
		now, _, err := s.unleased(ctx, r.OrganizationID, r.ID)
		if err != nil {
			return err
		}
		if !now.State.Active() {
			return errEnded
		}
		t, err := s.lease(ctx, now, by)
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			return err
		}
		t.c = c
		return work(t)
	}
}

// Rotations implements strongroom.RotationService.
func (s *Service) Rotations(ctx context.Context, caller strongroom.Caller, q strongroom.RotationQuery) ([]strongroom.Rotation, error) {
	if q.CredentialID != uuid.Nil {
		if _, err := s.Custody.Permit(ctx, caller, policy.ViewCredential, s.eventOf(caller, q.CredentialID), q.CredentialID); err != nil {
			return nil, err
		}
	} else if err := s.mayListAll(caller); err != nil {
		return nil, err
	}
	list, err := s.Store.ListRotations(ctx, store.RotationFilter{
		Page: q.Page, OrganizationID: caller.OrganizationID, CredentialID: q.CredentialID, State: q.State,
	})
	return list, store.Explain(err, "Rotation")
}

// mayListAll decides about an organization's rotations, or for the operator's command line
// about every one's.
func (s *Service) mayListAll(caller strongroom.Caller) error {
	now := s.Clock.Now()
	if err := policy.Decide(caller, policy.ListAllCredentials, nil, now); err != nil {
		return err
	}
	if !policy.Scope(caller, now).All {
		return strongroom.Errorf(strongroom.CodeForbidden, "This service account's grants do not reach the whole organization; name a credential")
	}
	if caller.OrganizationID == uuid.Nil && caller.Kind != strongroom.KindOperator {
		return strongroom.Errorf(strongroom.CodeForbidden, "Only the operator's command line looks across organizations")
	}
	return nil
}
