package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"

	"strongroom"
	"strongroom/internal/stack"
	"strongroom/internal/store"
)

// change is what a caller of Commit wants done in the transaction of its events.
type change func(tx store.Tx) ([]strongroom.Event, error)

// entry is one caller's wish on its way through the queue.
type entry struct {
	// records hold what Record asks for, encoded; for Commit what its change returned.
	records []store.AuditRecord
	change  change
	// err is why the change failed alone. It is the committer's.
	err error
	// done gets the outcome, once; it has room for one, so that the committer never
	// waits for a caller who has gone.
	done chan error

	mu sync.Mutex // held while the change runs
	// abandoned says that the caller has gone: its entry must not be carried out.
	abandoned bool
}

func newEntry() *entry {
	return &entry{records: make([]store.AuditRecord, 0, 1), done: make(chan error, 1)}
}

// reset makes an entry that got its outcome ready for the next caller.
func (e *entry) reset() {
	clear(e.records)
	e.records, e.change, e.err, e.abandoned = e.records[:0], nil, nil, false
}

// wait returns the outcome and true, or the context's error and false as soon as the
// context ends and the entry's own change is not running. The entry stays the
// committer's where it is false.
func (e *entry) wait(ctx context.Context) (outcome error, got bool) {
	select {
	case outcome = <-e.done:
		return outcome, true
	case <-ctx.Done():
	}
	e.mu.Lock()
	e.abandoned = true
	e.mu.Unlock()
	select {
	case outcome = <-e.done:
		return outcome, true
	default:
		return ctx.Err(), false
	}
}

// apply carries the entry out, unless it was abandoned, and returns the records to
// append. An error means that the transaction is lost for every entry in it; one that
// concerns this entry alone is left in e.err, with the change taken back.
func (e *entry) apply(tx store.Tx, clock strongroom.Clock, log *slog.Logger) ([]store.AuditRecord, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.abandoned {
		return nil, nil
	}
	if e.change == nil {
		return e.records, nil
	}
	err := tx.Nested(func() error {
		e.err = e.run(tx, clock, log)
		return e.err
	})
	switch {
	case err == nil:
		return e.records, nil
	case e.err == nil || errors.Is(err, store.ErrUnavailable):
		return nil, err
	default:
		return nil, nil
	}
}

// run runs the change and encodes its events. A panic becomes an error. Neither the
// error nor the log shows what the panic said, unless the runtime said it: a value
// that was panicked with may hold anything.
func (e *entry) run(tx store.Tx, clock strongroom.Clock, log *slog.Logger) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		err = fmt.Errorf("audit: the change panicked with a %T", p)
		if fault, ok := p.(runtime.Error); ok {
			err = fmt.Errorf("audit: the change panicked: %w", fault)
		}
		log.Error("a change to be audited panicked", "error", err, "stack", stack.Here())
	}()
	events, err := e.change(tx)
	if err != nil {
		return err
	}
	for _, event := range events {
		record, err := encode(event, clock)
		if err != nil {
			return err
		}
		e.records = append(e.records, record)
	}
	return nil
}
