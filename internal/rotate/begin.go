package rotate

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/custody"
	"strongroom/internal/policy"
	"strongroom/internal/rotate/far"
	"strongroom/internal/store"
	"strongroom/secret"
)

// beginAttempts bounds how often a beginning is made anew because the credential was given
// other data in between.
const beginAttempts = 4

// begin makes and stores a new secret, and takes the steps that can be taken until ctx ends.
// Where another rotation came first, it is that one's steps. The errors are
// *strongroom.Error.
func (s *Service) begin(ctx context.Context, caller strongroom.Caller, id uuid.UUID, trigger strongroom.RotationTrigger) (store.SealedRotation, error) {
	for attempt := 1; ; attempt++ {
		t, err := s.prepared(ctx, caller, id, trigger)
		if err != nil {
			return store.SealedRotation{}, store.Explain(err, "Credential")
		}
		err = s.launch(ctx, t)
		switch {
		case err == nil:
			return t.r, nil
		case errors.Is(err, store.ErrDuplicate):
			r, err := s.Store.ActiveRotation(ctx, caller.OrganizationID, id)
			if err == nil {
				_ = s.advance(ctx, r.OrganizationID, r.ID, caller, true)
				return r, nil
			}
			if !errors.Is(err, store.ErrNotFound) {
				return r, store.Explain(err, "Rotation")
			}
		case errors.Is(err, errClosed):
			return store.SealedRotation{}, errClosing
		case !errors.Is(err, store.ErrStale):
			return store.SealedRotation{}, store.Explain(err, "Credential")
		}
		if attempt == beginAttempts {
			return store.SealedRotation{}, store.Explain(store.ErrStale, "Credential")
		}
	}
}

// launch stores the rotation and takes its steps, in one flight: who finds it stored finds
// the flight as well. It returns when ctx ends at the latest; an error says that it may not
// have been stored.
func (s *Service) launch(ctx context.Context, t *turn) error {
	stored := make(chan error, 1)
	f, _, err := s.join(t.r.ID, func(context.Context) error {
		err := t.create()
		stored <- err
		if err != nil {
			return nil
		}
		return t.run()
	})
	if err != nil {
		return err
	}
	_ = f.wait(ctx)
	select {
	case err := <-stored:
		return err
	default:
		return ctx.Err()
	}
}

// create stores the rotation of a turn that has the lease on it from the beginning.
func (t *turn) create() error {
	ctx, cancel := context.WithTimeout(t.admitting, writeTime)
	defer cancel()
	t.Reached("before begin")
	err := t.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{t.event(t.r.Rotation, "began", t.c.Version)}, tx.CreateRotation(t.r)
	})
	if err != nil {
		return err
	}
	t.Reached("after begin")
	t.Observe(t.r.Method, t.r.State, "")
	return nil
}

// prepared makes a new rotation with its secret, which is not stored yet.
func (s *Service) prepared(ctx context.Context, caller strongroom.Caller, id uuid.UUID, trigger strongroom.RotationTrigger) (*turn, error) {
	c, data, err := s.Custody.Lend(ctx, caller, policy.RotateCredential, s.eventOf(caller, id), id)
	if err != nil {
		return nil, err
	}
	defer data.Destroy()
	rotation, err := uuid.NewV7()
	if err != nil {
		return nil, strongroom.Errorf(strongroom.CodeInternal, "No id could be made").Because(err)
	}
	method, err := s.methodFor(c, data)
	if err != nil {
		return nil, err
	}
	kept, err := s.newSecret(c, method, data)
	if err != nil {
		return nil, err
	}
	defer kept.destroy()
	sealed, err := s.sealed(ctx, c.OrganizationID, rotation, kept)
	if err != nil {
		return nil, custody.ExplainSeal(err)
	}
	now := s.Clock.Now()
	until := now.Add(s.Lease)
	return &turn{Service: s, by: caller, c: c, r: store.SealedRotation{Sealed: sealed, Fence: 1, LeasedUntil: &until, Rotation: strongroom.Rotation{
		ID: rotation, OrganizationID: c.OrganizationID, CredentialID: c.ID, Method: method, Trigger: trigger, State: strongroom.RotationPending,
		BeganBy: caller.ID, BeganAt: now, UpdatedAt: now, FromVersion: c.Version, NextAt: &now,
	}}}, nil
}

var errNotRotatable = strongroom.Errorf(strongroom.CodeBadRequest,
	"This credential cannot be rotated: the password of a PostgreSQL role can be, and the private key of an SFTP user; change the secret at its server and store the new one")

// methodFor says how a credential with such data is rotated. The error is errNotRotatable.
func (s *Service) methodFor(c strongroom.Credential, data secret.Value) (string, error) {
	p, _ := s.Catalog.Provider(c.Provider)
	h, ok := p.TestOf(c.Type)
	switch {
	case ok && h.Test == catalog.TestPostgreSQL:
		if other, two := far.Alternate(data); two {
			other.Destroy()
			return methodRoles, nil
		}
		return methodPassword, nil
	case ok && h.Test == catalog.TestSFTP:
		if _, err := far.PublicOf(data); err == nil {
			return methodKey, nil
		}
	}
	return "", errNotRotatable
}

// newSecret makes what the far end is to take, and sees to it that the credential can be
// stored with it: that must not turn out when the far end has taken it.
func (s *Service) newSecret(c strongroom.Credential, method string, data secret.Value) (kept remembered, err error) {
	if method == methodKey {
		if kept.secret, kept.public, err = far.NewKey(); err == nil {
			kept.oldPublic, err = far.PublicOf(data)
		}
	} else {
		kept.secret = far.NewPassword()
	}
	if err != nil {
		kept.destroy()
		return remembered{}, strongroom.Errorf(strongroom.CodeInternal, "No new secret could be made").Because(err)
	}
	next, err := ways[method].next(data, kept)
	if err == nil {
		defer next.Destroy()
		var checked catalog.Checked
		checked, err = s.Catalog.Check(c.Provider, c.Type, next.Reveal())
		clear(checked.Data)
	}
	if err != nil {
		kept.destroy()
		return remembered{}, strongroom.Errorf(strongroom.CodeBadRequest,
			"The stored data does not fit the provider's definition any more, so that nothing new could be stored in its place; store it again").Because(err)
	}
	return kept, nil
}
