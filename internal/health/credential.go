package health

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/policy"
	"strongroom/internal/store"
)

const (
	// keep is how many results a credential's history holds.
	keep = 50
	// pieceTime bounds a test with the renewal of a token before it; writeTime bounds the
	// transaction that it ends with.
	pieceTime = 90 * time.Second
	writeTime = 20 * time.Second
)

// TestCredential implements strongroom.ConnectionService. It tests whatever the
// credential's health is: who asks knows what they do.
func (s *Service) TestCredential(ctx context.Context, caller strongroom.Caller, id uuid.UUID, provider string) (strongroom.Check, error) {
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionCredentialTest)
	c, err := s.Custody.Permit(ctx, caller, policy.TestCredential, event, id)
	if err != nil {
		return strongroom.Check{}, err
	}
	if provider != "" && !strings.EqualFold(provider, c.Provider) {
		return strongroom.Check{}, strongroom.Errorf(strongroom.CodeBadRequest, "This credential is of another provider")
	}
	if _, ok := s.testOf(c.Provider, c.Type); !ok {
		return strongroom.Check{}, errNoTest()
	}
	release, err := s.slots.take(caller.OrganizationID)
	if err != nil {
		return strongroom.Check{}, err
	}
	defer release()
	// A test is begun once and ends by itself, whoever still waits for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pieceTime)
	defer cancel()
	return s.check(ctx, caller, event, id, strongroom.CheckRequested)
}

// check tests a stored credential, and puts that on record together with the result. Where
// ctx ends before the test has, the result says nothing of the credential and is not kept.
func (s *Service) check(ctx context.Context, caller strongroom.Caller, event strongroom.Event, id uuid.UUID, trigger strongroom.CheckTrigger) (strongroom.Check, error) {
	c, data, err := s.Custody.Lend(ctx, caller, policy.TestCredential, event, id)
	if err != nil {
		return strongroom.Check{}, err
	}
	defer data.Destroy()
	t, ok := s.testOf(c.Provider, c.Type)
	if !ok {
		return strongroom.Check{}, errNoTest()
	}
	r := s.run(ctx, t, c, Subject{
		Provider: c.Provider, Type: c.Type, Data: data, KnownHost: c.Health.KnownHost,
		LookOnly: trigger == strongroom.CheckScheduled,
	}, trigger)
	check := strongroom.Check{CheckResult: r, At: s.Clock.Now(), Trigger: trigger, Version: c.Version}
	event.Time, event.CredentialID, event.Version, event.Provider = check.At, c.ID, c.Version, c.Provider
	event = note(event, r)
	if ctx.Err() != nil && r.Code == strongroom.CheckTimeout {
		err = s.Audit.Record(context.WithoutCancel(ctx), event)
	} else {
		err = s.save(ctx, c, check, t.every, event)
	}
	if err != nil {
		return strongroom.Check{}, audit.Unrecorded(err)
	}
	return check, nil
}

// save keeps a result, and what follows from it, in the transaction of its events. They are
// recorded where the credential has changed or gone meanwhile, too.
func (s *Service) save(ctx context.Context, c strongroom.Credential, check strongroom.Check, every time.Duration, events ...strongroom.Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	random := s.Jitter()
	var was, is strongroom.Health
	err := s.Audit.Commit(ctx, func(tx store.Tx) (_ []strongroom.Event, err error) {
		// Others may have tested it too since it was read.
		before, err := tx.Health(c.OrganizationID, c.ID)
		next := after(before, check.CheckResult, check.At, every, random)
		if err == nil {
			err = tx.SaveCheck(c.OrganizationID, store.CheckEnd{ID: c.ID, Check: check, Health: next, Keep: keep})
		}
		switch {
		case errors.Is(err, store.ErrStale), errors.Is(err, store.ErrNotFound):
			return events, nil
		case err == nil:
			was, is = before, next
		}
		return events, err
	})
	if err == nil && was.State != is.State && (is.State == strongroom.HealthFailing || is.State == strongroom.HealthStopped) {
		s.Log.Warn("a credential does not work any more", "credential_id", c.ID.String(), "organization_id", c.OrganizationID.String(),
			"provider", c.Provider, "health", string(is.State), "code", string(check.Code))
	}
	return err
}

// Checks implements strongroom.ConnectionService.
func (s *Service) Checks(ctx context.Context, caller strongroom.Caller, id uuid.UUID, page strongroom.Page) ([]strongroom.Check, error) {
	c, err := s.Custody.Get(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	checks, err := s.Store.ListChecks(ctx, c.OrganizationID, c.ID, page)
	return checks, store.Explain(err, "Credential")
}
