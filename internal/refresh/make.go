package refresh

import (
	"context"
	"errors"
	"time"

	"strongroom"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/gate"
	"strongroom/internal/store"
)

// errMoved: the credential is no longer as it was read; it is to be read anew.
var errMoved = errors.New("the credential has moved on")

func staleForRead(now time.Time, c strongroom.Credential) bool {
	step, _ := oauth.Plan(now, c, false)
	return step == oauth.Renew
}

// make makes one attempt on the credential as it was read. Once the lease is taken, the end
// of ctx ends nothing any more.
func (s *Service) make(ctx context.Context, state store.RenewalState) error {
	began := s.Clock.Now()
	request, failed := s.prepare(ctx, state)
	if request != nil {
		defer request.destroy()
	}
	var pass *gate.Pass
	if failed == nil {
		var err error
		if pass, failed, err = s.enter(ctx, request); err != nil {
			return err
		}
	}
	if pass != nil {
		// Left for good below; this is for the ways out in between.
		defer pass.Leave(gate.Answered, time.Time{})
	}
	held, err := s.lease(ctx, state)
	if err != nil {
		return err
	}
	answer := oauth.Answer{}
	if failed != nil {
		answer = *failed
	} else {
		answer = s.exchange(request)
		leave(pass, answer, s.Clock.Now())
	}
	defer answer.Token.Destroy()
	err = s.end(held, request, answer)
	s.Observe(state.Provider, answer.Reason, s.Clock.Now().Sub(began))
	return err
}

// exchange asks the provider. Nothing of the database is held meanwhile.
func (s *Service) exchange(r *request) oauth.Answer {
	ctx, cancel := context.WithTimeout(s.asking, s.Timeout)
	defer cancel()
	if r.refreshToken.Empty() {
		return s.Endpoint.ClientCredentials(ctx, r.def, r.client, r.scopes)
	}
	return s.Endpoint.Refresh(ctx, r.def, r.client, r.refreshToken)
}

// gateWait bounds how long an attempt waits for its turn at the provider.
const gateWait = 5 * time.Second

// enter waits for the provider's limits. The answer says why the provider may not be asked
// now, which is the credential's failure too; that its turn did not come is not, and is the
// error.
func (s *Service) enter(ctx context.Context, r *request) (*gate.Pass, *oauth.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, gateWait)
	defer cancel()
	pass, err := s.Gate.Enter(ctx, r.def.TokenEndpoint, gate.Limits{PerSecond: r.def.Limits.PerSecond, Concurrent: r.def.Limits.Concurrent})
	var closed *gate.ClosedError
	if !errors.As(err, &closed) {
		return pass, nil, err
	}
	refused := oauth.Answer{Outcome: oauth.Transient, Reason: strongroom.ReasonRateLimited, RetryAfter: closed.Until.Sub(s.Clock.Now()), Cause: err}
	if closed.Reason == gate.Open {
		refused.Reason = strongroom.ReasonProviderError
	}
	return nil, &refused, nil
}

// leave tells the gate how the provider did: whatever it says of one credential, it works;
// a pause that it asks for is everybody's.
func leave(pass *gate.Pass, a oauth.Answer, now time.Time) {
	result, until := gate.Answered, time.Time{}
	switch a.Reason {
	case strongroom.ReasonUnreachable, strongroom.ReasonTimeout, strongroom.ReasonProviderError, strongroom.ReasonMalformedAnswer, strongroom.ReasonAnswerLost:
		result = gate.Failed
	}
	if a.RetryAfter > 0 {
		until = now.Add(a.RetryAfter)
	}
	pass.Leave(result, until)
}

// lease is the durable beginning of the attempt; state is then as it is leased.
func (s *Service) lease(ctx context.Context, state store.RenewalState) (store.RenewalState, error) {
	now := s.Clock.Now()
	until := now.Add(s.Timeout + s.LeaseMargin)
	l := store.RenewalLease{ID: state.ID, Version: state.Version, Fence: state.Fence, Now: now, Until: until}
	if state.LeasedUntil != nil && s.rotates(state.Provider) {
		// An earlier attempt was cut off after it had begun.
		if state.Status != strongroom.StatusUncertain {
			state.Status, state.Renewal.Since, state.Renewal.Reason = strongroom.StatusUncertain, &now, strongroom.ReasonAnswerLost
		}
		l.Uncertain = &state.Renewal
	}
	err := s.Audit.Commit(ctx, func(tx store.Tx) (_ []strongroom.Event, err error) {
		state.Fence, err = tx.LeaseRenewal(state.OrganizationID, l)
		return nil, err
	})
	if errors.Is(err, store.ErrStale) {
		return state, errMoved
	}
	state.LeasedUntil = &until
	return state, err
}

// rotates tells whether a lost answer leaves the refresh token in doubt. Of a provider that
// is not defined any more, nobody knows.
func (s *Service) rotates(provider string) bool {
	p, ok := s.Catalog.Provider(provider)
	return !ok || p.OAuth == nil || p.OAuth.Refresh.Rotates
}
