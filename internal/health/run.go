package health

import (
	"context"
	"time"

	"strongroom"
	"strongroom/internal/foresight"
	"strongroom/internal/stack"
)

// testTime bounds a test.
const testTime = 20 * time.Second

// run tests the subject and adds what will end. c is what is known of the credential.
func (s *Service) run(ctx context.Context, t test, c strongroom.Credential, subject Subject, trigger strongroom.CheckTrigger) strongroom.CheckResult {
	began := s.Clock.Now()
	r := s.attempt(ctx, t.tester, subject)
	now := s.Clock.Now()
	if r.Phases == nil {
		r.Phases = []strongroom.CheckPhase{}
	}
	r.Warnings = foresight.Warnings(now, c, t.provider, subject.Data, r.Details)
	s.Observe(subject.Provider, trigger, r, now.Sub(began))
	return r
}

// attempt returns a result where the tester panics as well. What it panicked with may hold
// anything, so that nobody is told.
func (s *Service) attempt(ctx context.Context, t Tester, subject Subject) (r strongroom.CheckResult) {
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	defer func() {
		if recover() != nil {
			s.Log.Error("a connection test panicked", "provider", subject.Provider, "credential_type", string(subject.Type), "stack", stack.Here())
			r = strongroom.CheckResult{
				Code:    strongroom.CheckProtocol,
				Message: "This could not be tested because of a fault in this service; tell its operator, whose log says more",
			}
		}
	}()
	return t(ctx, subject)
}

// note makes the event say how the test ended.
func note(e strongroom.Event, r strongroom.CheckResult) strongroom.Event {
	e.Outcome, e.Note = strongroom.OutcomeAllowed, "ok"
	if !r.Success {
		e.Outcome, e.Note = strongroom.OutcomeFailed, string(r.Code)
	}
	return e
}
