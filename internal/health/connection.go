package health

import (
	"context"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/policy"
	"strongroom/secret"
)

// TestConnection implements strongroom.ConnectionService. data is destroyed.
func (s *Service) TestConnection(ctx context.Context, caller strongroom.Caller, provider string, typ strongroom.CredentialType, data secret.Value) (strongroom.CheckResult, error) {
	defer data.Destroy()
	now := s.Clock.Now()
	event := strongroom.NewEvent(now, caller, strongroom.ActionConnectionTest)
	if err := policy.Decide(caller, policy.TestConnection, nil, now); err != nil {
		return strongroom.CheckResult{}, s.refuse(ctx, event, err)
	}
	checked, err := s.Catalog.Check(provider, typ, data.Reveal())
	if err != nil {
		return strongroom.CheckResult{}, err
	}
	plain := secret.New(checked.Data)
	defer plain.Destroy()
	t, ok := s.testOf(provider, typ)
	if !ok {
		return strongroom.CheckResult{}, errNoTest()
	}
	release, err := s.slots.take(caller.OrganizationID)
	if err != nil {
		return strongroom.CheckResult{}, err
	}
	defer release()
	// A test is begun once and ends by itself, whoever still waits for it.
	ctx = context.WithoutCancel(ctx)
	event.Provider = t.provider.Provider
	r := s.run(ctx, t, strongroom.Credential{Provider: event.Provider, Type: typ, UpdatedAt: now},
		Subject{Provider: event.Provider, Type: typ, Data: plain}, strongroom.CheckRequested)
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	event.Time = s.Clock.Now()
	if err := s.Audit.Record(ctx, note(event, r)); err != nil {
		return strongroom.CheckResult{}, audit.Unrecorded(err)
	}
	return r, nil
}

// refuse puts a refusal on record and returns it; where it cannot be recorded, that.
func (s *Service) refuse(ctx context.Context, e strongroom.Event, cause error) error {
	if err := s.Audit.Record(ctx, e.Denied(cause)); err != nil {
		return audit.Unrecorded(err)
	}
	return cause
}
