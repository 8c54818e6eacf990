package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

const (
	// queueLength bounds the callers whose entries wait in memory; more wait outside.
	queueLength = 1024
	// batchLength bounds the entries of one transaction.
	batchLength = 256
	// writeTimeout bounds one transaction.
	writeTimeout = 30 * time.Second
	// maxTried bounds the positions that are remembered of failed writes.
	maxTried = 16
	// retryEvery is how long after a failed write the committer tries by itself
	// whether the database is back: a service that is not ready may get no call that
	// would tell.
	retryEvery = time.Second
)

// errForeignHead says that somebody else moved the head of this process's chain.
var errForeignHead = errors.New("audit: the head of this process's chain is not one it wrote: the database was changed or taken back to an earlier state; run audit verify, then restart")

// committer is the one goroutine that writes a chain. Its fields are its own, except
// the queue, done and failure.
type committer struct {
	store   Writer
	pen     *pen
	clock   strongroom.Clock
	chain   uuid.UUID
	observe func(events int, took time.Duration, err error)
	log     *slog.Logger

	queue chan *entry
	// done is closed when the queue was closed and emptied.
	done chan struct{}
	// failure is why the last write failed; nil where it was kept.
	failure atomic.Pointer[error]

	// kept is the last position that a successful write reached.
	kept position
	// tried are the positions that writes since then would have reached. They failed,
	// but a commit that fails may be kept all the same, or be kept late.
	tried []position
	// unsure says that the last write failed.
	unsure bool
	// end is the position that the write under way reaches.
	end position

	linker  linker
	batch   []*entry
	records []store.AuditRecord
}

// run commits batch after batch until the queue is closed and empty.
func (c *committer) run(ctx context.Context) {
	defer close(c.done)
	for {
		var retry <-chan time.Time
		if c.unsure {
			retry = time.After(retryEvery)
		}
		select {
		case e, open := <-c.queue:
			if !open {
				return
			}
			c.gather(e)
		case <-retry:
		}
		c.commit(ctx)
	}
}

// gather makes a batch of the first entry and of what else is queued.
func (c *committer) gather(first *entry) {
	c.batch = append(c.batch, first)
	// Let the callers of the batch before, who were just woken, queue again, as long as more
	// of them come: with the processors busy it makes batches larger, and costs nothing otherwise.
	for before, now := -1, 0; before < now && now < batchLength; {
		runtime.Gosched()
		before, now = now, len(c.queue)
	}
	for len(c.batch) < batchLength {
		select {
		case e, open := <-c.queue:
			if !open {
				return
			}
			c.batch = append(c.batch, e)
		default:
			return
		}
	}
}

// commit writes the batch in one transaction and tells its callers.
func (c *committer) commit(ctx context.Context) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	err := c.store.Write(ctx, c.write)
	cancel()
	if err == nil {
		c.kept, c.tried = c.end, c.tried[:0]
	} else {
		err = unavailable(err)
	}
	c.unsure = err != nil
	c.note(err)

	for _, e := range c.batch {
		outcome := err
		if outcome == nil {
			outcome = e.err
		}
		e.done <- outcome
	}
	if c.observe != nil {
		events := len(c.records)
		if err != nil {
			events = 0
		}
		c.observe(events, time.Since(began), err)
	}
	clear(c.batch)
	clear(c.records)
	c.batch, c.records = c.batch[:0], c.records[:0]
}

// write is the transaction: every entry's change, then their records and the head.
func (c *committer) write(tx store.Tx) error {
	c.end = c.kept
	if c.unsure {
		var err error
		if c.end, err = c.find(tx); err != nil {
			return err
		}
	}
	for _, e := range c.batch {
		records, err := e.apply(tx, c.clock, c.log)
		if err != nil {
			return err
		}
		c.link(records)
	}
	// A retry without records writes the head again: only a write tells that the
	// database can be written.
	if len(c.records) == 0 && (!c.unsure || c.end.sequence == 0) {
		return nil
	}
	c.remember(c.end)
	head := c.pen.signer().signHead(c.chain, c.end)
	head.UpdatedAt = c.clock.Now()
	return tx.AppendAudit(c.records, head)
}

// remember keeps a position that the write under way may reach.
func (c *committer) remember(p position) {
	if slices.Contains(c.tried, p) {
		return
	}
	if len(c.tried) == maxTried {
		c.tried = slices.Delete(c.tried, 0, 1)
	}
	c.tried = append(c.tried, p)
}

// link gives the records their places at the end of the chain.
func (c *committer) link(records []store.AuditRecord) {
	for _, r := range records {
		r.Chain, r.Sequence = c.chain, c.end.sequence+1
		r.Hash = c.linker.hash(r.Chain, r.Sequence, c.end.hash, r.Body)
		c.records = append(c.records, r)
		c.end = position{r.Sequence, r.Hash}
	}
}

// find returns where the chain stands after a write that failed. It accepts nothing
// but a position of this process's own.
func (c *committer) find(tx store.Tx) (position, error) {
	found := origin(c.chain)
	head, err := tx.AuditHead(c.chain)
	switch {
	case err == nil:
		found = position{head.Sequence, head.Hash}
	case !errors.Is(err, store.ErrNotFound):
		return position{}, err
	}
	if found != c.kept && !slices.Contains(c.tried, found) {
		return position{}, errForeignHead
	}
	return found, nil
}

// note keeps the outcome for Err and logs where it changed.
func (c *committer) note(err error) {
	if err == nil {
		if c.failure.Swap(nil) != nil {
			c.log.Info("the audit log can be written again", "chain", c.chain)
		}
		return
	}
	if c.failure.Swap(&err) == nil {
		c.log.Error("the audit log cannot be written; nothing is given out until it can", "chain", c.chain, "error", err)
	}
}

// unavailable makes every error of a batch a store.ErrUnavailable. The text of another
// error is kept, but not its identity: an ErrDuplicate of the log's own must not look
// to a caller like one of its change.
func unavailable(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("audit: record events: %w", err)
	}
	return fmt.Errorf("audit: record events: %w: %v", store.ErrUnavailable, err)
}
