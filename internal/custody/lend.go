package custody

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/policy"
	"strongroom/internal/store"
	"strongroom/secret"
)

// Settler finds out, for a credential whose rotation may have changed the far end, which
// secret opens it.
type Settler interface {
	// Settle returns when the credential is no more in doubt, or when that cannot be found
	// out now. What came of it is on the credential, to be read anew. Where ctx ends first,
	// the work goes on without its caller.
	Settle(ctx context.Context, organization, id uuid.UUID) error
}

// noSettler is for a service that rotates nothing.
type noSettler struct{}

func (noSettler) Settle(context.Context, uuid.UUID, uuid.UUID) error { return nil }

// waitForSettlement is how long a read waits to learn which secret opens the far end. Where
// it cannot be learnt, what is stored is served: it may well work, and nothing better is
// known.
const waitForSettlement = 10 * time.Second

func (s *Service) awaitSettlement(ctx context.Context, c strongroom.Credential) {
	ctx, cancel := context.WithTimeout(ctx, waitForSettlement)
	defer cancel()
	_ = s.Settler.Settle(ctx, c.OrganizationID, c.ID)
}

// Lend opens a credential for work inside this service that uses it at its own server: a
// test, a rotation. Nothing of the data may leave in an answer. The caller destroys it,
// and puts on record what was done with it; a refusal is on record already. A stale token
// is renewed first.
func (s *Service) Lend(ctx context.Context, caller strongroom.Caller, action policy.Action, event strongroom.Event, id uuid.UUID) (strongroom.Credential, secret.Value, error) {
	now := s.Clock.Now()
	event.CredentialID = id
	refused := func(err error) (strongroom.Credential, secret.Value, error) {
		return strongroom.Credential{}, secret.Value{}, s.changeFailed(ctx, event, err)
	}
	if err := policy.Decide(caller, action, nil, now); err != nil {
		return refused(err)
	}
	sealed, err := s.fresh(ctx, caller, action, id, now)
	if sealed.ID != uuid.Nil {
		event.Version, event.Provider = sealed.Version, sealed.Provider
	}
	if err != nil {
		return refused(err)
	}
	data, err := s.openSealed(ctx, sealed)
	if err != nil {
		return refused(err)
	}
	return sealed.Credential, data, nil
}

// Permit decides about a stored credential without opening it, and returns what is known
// of it; a refusal is on record already.
func (s *Service) Permit(ctx context.Context, caller strongroom.Caller, action policy.Action, event strongroom.Event, id uuid.UUID) (strongroom.Credential, error) {
	event.CredentialID = id
	c, err := s.decideOn(ctx, caller, action, id, s.Clock.Now())
	if err != nil {
		return strongroom.Credential{}, s.changeFailed(ctx, event, err)
	}
	return c, nil
}

// Promote gives a credential the data that a rotation has made in place of version from.
// also runs in the same transaction; its events are recorded with the change. The error is
// store.ErrStale where the credential is at another version by now: nothing is changed
// then, nor where also fails.
func (s *Service) Promote(ctx context.Context, caller strongroom.Caller, id uuid.UUID, from int64, data secret.Value, also func(tx store.Tx, promoted strongroom.Credential) ([]strongroom.Event, error)) (strongroom.Credential, error) {
	now := s.Clock.Now()
	c, err := s.decideOn(ctx, caller, policy.RotateCredential, id, now)
	if err != nil {
		return strongroom.Credential{}, err
	}
	if c.Version != from {
		return strongroom.Credential{}, fmt.Errorf("credential %s is at version %d: %w", id, c.Version, store.ErrStale)
	}
	c.Version, c.Status, c.UpdatedAt = from+1, strongroom.StatusActive, now
	if caller.Kind != strongroom.KindStrongroom {
		c.ModifiedBy = caller.ID
	}
	checked, sealed, err := s.checkAndSeal(ctx, c, data)
	if err != nil {
		return strongroom.Credential{}, err
	}
	err = s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		if err := tx.UpdateCredential(c.OrganizationID, s.begin(&c, checked, sealed, from, now)); err != nil {
			return nil, err
		}
		return also(tx, c)
	})
	return c, err
}

// A new credential, and new data, is tested soon: whoever stored it is still there.
const (
	firstCheckAfter  = time.Minute
	firstCheckSpread = 4 * time.Minute
)

// startChecks says when the data is tested for the first time, and forgets what was found
// out about other data.
func (s *Service) startChecks(c *strongroom.Credential, now time.Time) {
	c.Health = strongroom.Health{KnownHost: c.Health.KnownHost}
	p, ok := s.Catalog.Provider(c.Provider)
	if !ok {
		return
	}
	if _, ok := p.TestOf(c.Type); ok {
		due := strongroom.Timestamp(now.Add(firstCheckAfter + time.Duration(s.Jitter()*float64(firstCheckSpread))))
		c.Health.NextAt = &due
	}
}
