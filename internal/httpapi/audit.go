package httpapi

import (
	"context"
	"encoding/hex"
	"net/http"
	"reflect"

	"strongroom"
	"strongroom/api"
)

var (
	eventLimit = limitParameter(1000)
	before     = parameter{name: "before", kind: "integer", min: 1, max: 1 << 53, description: "Only events before this one: the next of the last answer"}
)

func (s *server) auditOperation() operation {
	return operation{
		method: http.MethodGet, path: "/audit/events", id: "list-audit-events", tag: "Audit", summary: "Look at the audit log",
		description: "The organization's events, newest first, for org_admins.",
		query: []parameter{eventLimit, before,
			{name: "action", kind: "string", description: "Only this action: credential.read, say"},
			{name: "outcome", kind: "string", enum: []string{"allowed", "denied", "failed"}, description: "Only this outcome"},
			{name: "credential_id", kind: "uuid", description: "Only about this credential"},
			{name: "principal_id", kind: "uuid", description: "Only by this user or service account"},
			{name: "since", kind: "time", description: "Only from this time on"},
			{name: "until", kind: "time", description: "Only before this time"}},
		status: http.StatusOK, answer: reflect.TypeFor[api.AuditEvents](),
		errors: []strongroom.Code{strongroom.CodeForbidden, strongroom.CodeUserAccountRequired}, handle: s.auditEvents,
	}
}

func (s *server) auditEvents(ctx context.Context, c *call) (any, error) {
	limit := c.integer(eventLimit)
	list, err := s.Audit.Events(ctx, c.Caller, strongroom.EventQuery{
		Limit: limit, Before: int64(c.integer(before)), Action: strongroom.Action(c.query["action"]), Outcome: strongroom.Outcome(c.query["outcome"]),
		CredentialID: c.id("credential_id"), PrincipalID: c.id("principal_id"), Since: c.time("since"), Until: c.time("until"),
	})
	if err != nil {
		return nil, err
	}
	page := api.AuditEvents{Events: convertAll(list, wireEvent)}
	if len(list) == limit {
		page.Next = &list[limit-1].Cursor
	}
	return page, nil
}

func wireEvent(e strongroom.RecordedEvent) api.AuditEvent {
	out := api.AuditEvent{
		Chain: e.Chain.String(), Sequence: e.Sequence, Hash: hex.EncodeToString(e.Hash[:]), Time: e.Time,
		Action: string(e.Action), Outcome: string(e.Outcome), Reason: text(string(e.Reason)),
		PrincipalKind: string(e.PrincipalKind), PrincipalID: idText(e.PrincipalID), APIKeyID: idText(e.KeyID),
		Role: text(string(e.Role)), Address: text(e.Address), RequestID: text(e.RequestID),
		CredentialID: idText(e.CredentialID), Provider: text(e.Provider), ServiceAccountID: idText(e.AccountID),
		TargetKeyID: idText(e.TargetKeyID), Note: text(e.Note),
	}
	if e.Version > 0 {
		out.Version = &e.Version
	}
	return out
}
