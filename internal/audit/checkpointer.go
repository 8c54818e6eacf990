package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"strongroom"
	"strongroom/internal/store"
)

// checkpointTries bounds how often a checkpoint is tried whose sequence another
// process took; each time the other one's has named most heads already.
const checkpointTries = 16

// errSink says that a checkpoint is in the database and could not be sent off the host.
var errSink = errors.New("audit: the checkpoint sink failed")

// checkpointer writes checkpoints into the database and off the host.
type checkpointer struct {
	store Writer
	pen   *pen
	clock strongroom.Clock
	sink  io.Writer
	log   *slog.Logger

	// busy is held, as the one element, by whoever writes a checkpoint; a channel and
	// no mutex, so that waiting ends with the context.
	busy chan struct{}
	// last is the newest checkpoint this process wrote. Where the database has lost it,
	// the next one still counts on from it, and the gap stays to be seen.
	last mark
	// unsent is the newest line that the sink has not taken.
	unsent []byte
	// torn says that the sink may have taken a part of a line.
	torn bool
}

func newCheckpointer(o Options, p *pen) *checkpointer {
	return &checkpointer{
		store: o.Store, pen: p, clock: o.Clock, sink: o.CheckpointSink, log: o.Log,
		busy: make(chan struct{}, 1),
	}
}

// run writes a checkpoint at every interval until the context ends. Failures are
// logged by checkpoint; the next interval tries again.
func (c *checkpointer) run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = c.checkpoint(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// checkpoint names every head that moved since the last checkpoint, if any did. An
// errSink means that the database has it and the sink has not.
func (c *checkpointer) checkpoint(ctx context.Context) error {
	select {
	case c.busy <- struct{}{}:
		defer func() { <-c.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	err := c.write(ctx)
	if err == nil {
		err = c.send()
	}
	if err != nil && ctx.Err() == nil {
		c.log.Error("an audit checkpoint could not be written", "error", err)
	}
	return err
}

// write puts a checkpoint into the database.
func (c *checkpointer) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	var err error
	for range checkpointTries {
		var written *store.AuditCheckpoint
		err = c.store.Write(ctx, func(tx store.Tx) error {
			next, err := c.next(tx)
			if err != nil || next == nil {
				return err
			}
			written = next
			return tx.AppendCheckpoint(*next)
		})
		if errors.Is(err, store.ErrDuplicate) {
			continue
		}
		if err != nil {
			break
		}
		return c.keep(written)
	}
	return fmt.Errorf("audit: write checkpoint: %w", err)
}

// next returns the checkpoint to be written in the transaction, nil where no head moved.
func (c *checkpointer) next(tx store.Tx) (*store.AuditCheckpoint, error) {
	heads, err := tx.UncheckpointedHeads()
	if err != nil || len(heads) == 0 {
		return nil, err
	}
	previous := c.last
	newest, err := tx.LastCheckpoint()
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err == nil && newest.Sequence > previous.sequence {
		previous = markOf(newest)
	}
	what := statement{
		Sequence: previous.sequence + 1, Time: c.clock.Now(), Previous: previous.digest,
		Heads: make([]claim, len(heads)),
	}
	for i, h := range heads {
		what.Heads[i] = claim{Chain: h.Chain, Sequence: h.Sequence, Hash: h.Hash}
	}
	next, err := c.pen.signer().signCheckpoint(what)
	return &next, err
}

// keep remembers a checkpoint that was written, nil where none was needed.
func (c *checkpointer) keep(written *store.AuditCheckpoint) error {
	if written == nil {
		return nil
	}
	c.last = markOf(*written)
	if c.sink == nil {
		return nil
	}
	var err error
	c.unsent, err = formatLine(*written)
	return err
}

// send gives the newest line to the sink, if it has not got it yet.
func (c *checkpointer) send() error {
	if c.unsent == nil {
		return nil
	}
	text := c.unsent
	if c.torn {
		text = append([]byte{'\n'}, text...)
	}
	n, err := c.sink.Write(text)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err != nil {
		c.torn = c.torn || n > 0
		return fmt.Errorf("%w: %w", errSink, err)
	}
	c.unsent, c.torn = nil, false
	return nil
}
