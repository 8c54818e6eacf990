package audit

import (
	"bytes"
	"encoding/json"
	"fmt"

	"strongroom"
	"strongroom/internal/store"
)

// maxBody bounds an event's JSON, in bytes. A real one has a few hundred.
const maxBody = 64 << 10

// encode returns the event as a record that has yet to get its place in the chain.
// An event without a time gets the clock's.
func encode(e strongroom.Event, clock strongroom.Clock) (store.AuditRecord, error) {
	if e.Time.IsZero() {
		e.Time = clock()
	}
	e.Time = strongroom.Timestamp(e.Time)
	if year := e.Time.Year(); year < 0 || year > 9999 {
		return store.AuditRecord{}, fmt.Errorf("audit: the time of a %s event is in no year that RFC 3339 can name", e.Action)
	}
	var buf [1 << 10]byte // on the stack, and enough for nearly every event
	body := bytes.Clone(appendEvent(buf[:0], &e))
	if len(body) > maxBody {
		return store.AuditRecord{}, fmt.Errorf("audit: %s event has %d bytes, more than the %d allowed", e.Action, len(body), maxBody)
	}
	return store.AuditRecord{At: e.Time, OrganizationID: e.OrganizationID, Body: body, Index: store.AuditIndex{
		Action: string(e.Action), Outcome: string(e.Outcome), CredentialID: e.CredentialID, PrincipalID: e.PrincipalID,
	}}, nil
}

// Decode returns the event that a record holds. It does not check the record's hash:
// that takes the link before it, and is Verify's.
func Decode(r store.AuditRecord) (strongroom.RecordedEvent, error) {
	e := strongroom.RecordedEvent{Chain: r.Chain, Sequence: r.Sequence, Hash: r.Hash, Cursor: r.Cursor}
	if err := json.Unmarshal(r.Body, &e.Event); err != nil {
		return strongroom.RecordedEvent{}, fmt.Errorf("audit: event %d of chain %s is not an event's JSON; run audit verify", r.Sequence, r.Chain)
	}
	return e, nil
}
