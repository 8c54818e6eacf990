package accounts

import (
	"context"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/store"
)

// commit makes the change and its event durable together, and explains what kept it
// from being made.
func (s *Service) commit(ctx context.Context, event strongroom.Event, change func(tx store.Tx) error) error {
	err := s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{event}, change(tx)
	})
	if err == nil {
		s.Observe(event.Action, event.Outcome, "")
		return nil
	}
	what := "Service account"
	if event.Action == strongroom.ActionKeyCreate || event.Action == strongroom.ActionKeyUpdate || event.Action == strongroom.ActionKeyDelete {
		what = "API key"
	}
	err = store.Explain(err, what)
	s.Observe(event.Action, strongroom.OutcomeFailed, strongroom.CodeOf(err))
	return err
}

// refuse records that the act was denied, and returns why; where that cannot be
// recorded, it returns that.
func (s *Service) refuse(ctx context.Context, event strongroom.Event, cause error) error {
	if strongroom.CodeOf(cause) == strongroom.CodeRepositoryUnavailable {
		return cause
	}
	event = event.Denied(cause)
	if err := s.Audit.Record(ctx, event); err != nil {
		s.Observe(event.Action, strongroom.OutcomeFailed, strongroom.CodeAuditUnavailable)
		return audit.Unrecorded(err)
	}
	s.Observe(event.Action, event.Outcome, event.Reason)
	return cause
}
