package audit

import (
	"context"
	"errors"
	"time"

	"strongroom"
	"strongroom/internal/store"
)

// Recorder is what an authority needs of a Log. An error means that nothing was, or may
// have been, kept.
type Recorder interface {
	// Record returns when the event is durable.
	Record(ctx context.Context, e strongroom.Event) error
	// Commit runs change in the transaction that records the events it returns.
	Commit(ctx context.Context, change func(tx store.Tx) ([]strongroom.Event, error)) error
}

var _ Recorder = (*Log)(nil)

// retryAfter is what a client waits before it asks again.
const retryAfter = 2 * time.Second

// Unrecorded is the answer of an authority that could not put an act on record. Where the
// database has gone, so has what was asked for, and the answer is store.Explain's.
func Unrecorded(cause error) error {
	if errors.Is(cause, store.ErrMoved) {
		return store.Explain(cause, "Database")
	}
	return strongroom.Unavailable(strongroom.CodeAuditUnavailable,
		"The audit log cannot be written, so nothing is given out; try again", retryAfter).Because(cause)
}
