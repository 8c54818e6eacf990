package audit

import (
	"context"

	"strongroom"
	"strongroom/internal/policy"
	"strongroom/internal/store"
)

// Viewer shows an organization its own events. It implements strongroom.AuditService.
type Viewer struct {
	Store store.Audit
	Clock strongroom.Clock
}

var _ strongroom.AuditService = Viewer{}

// Events returns the events of the caller's organization, newest first.
func (v Viewer) Events(ctx context.Context, caller strongroom.Caller, q strongroom.EventQuery) ([]strongroom.RecordedEvent, error) {
	if err := policy.Decide(caller, policy.ViewAudit, nil, v.Clock.Now()); err != nil {
		return nil, err
	}
	records, err := v.Store.ListEvents(ctx, caller.OrganizationID, q)
	if err != nil {
		return nil, store.Explain(err, "Event")
	}
	events := make([]strongroom.RecordedEvent, 0, len(records))
	for _, r := range records {
		e, err := Decode(r)
		if err != nil {
			return nil, strongroom.Errorf(strongroom.CodeRepository, "An audit event does not decode; the operator should run strongroom audit verify").Because(err)
		}
		events = append(events, e)
	}
	return events, nil
}
