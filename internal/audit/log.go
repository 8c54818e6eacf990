package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// defaultCheckpointEvery is the interval between checkpoints where none is given.
const defaultCheckpointEvery = 15 * time.Minute

// ErrClosed is the answer of a log that was closed. It is a store.ErrUnavailable.
var ErrClosed = fmt.Errorf("audit: the log is closed: %w", store.ErrUnavailable)

// Writer is what the log needs of a store to write; store.Store has it.
type Writer interface {
	Write(ctx context.Context, fn func(store.Tx) error) error
}

// Options say how to open a Log.
type Options struct {
	Store  Writer
	Signer Signer
	// Clock stamps events without a time, heads and checkpoints; nil: time.Now.
	Clock strongroom.Clock
	// Process says what runs ("serve", "credential restore"); it is the note of the
	// chain_open event. Never user input.
	Process string
	// Observe is told of each batch: how many events were kept, how long the
	// transaction took and why it failed. It must be quick. nil: nobody is told.
	Observe func(events int, took time.Duration, err error)
	// CheckpointEvery is the interval between checkpoints; 0: 15 minutes.
	// One is only written when a head moved.
	CheckpointEvery time.Duration
	// CheckpointSink also gets every checkpoint as a JSON line, to be kept off the
	// host; nil: none. A sink that fails stops nothing: it is logged, Checkpoint
	// returns it, and the newest line is offered again with the next checkpoint.
	CheckpointSink io.Writer
	// Log gets failures and recoveries, never events; nil: discarded.
	Log *slog.Logger
}

// withDefaults returns the options made whole, or what is wrong with them.
func (o Options) withDefaults() (Options, error) {
	if o.Store == nil {
		return o, errors.New("audit: no store is given")
	}
	if err := o.Signer.check(); err != nil {
		return o, err
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.CheckpointEvery <= 0 {
		o.CheckpointEvery = defaultCheckpointEvery
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func (s Signer) check() error {
	if len(s.Key) != ed25519.PrivateKeySize || s.KeyID == uuid.Nil {
		return errors.New("audit: the signer needs an Ed25519 key and its id")
	}
	return nil
}

// Log is one process's end of the audit log: a chain of its own. Its methods are safe
// for concurrent use.
type Log struct {
	clock     strongroom.Clock
	process   string
	pen       *pen
	committer *committer
	keeper    *checkpointer

	// entries saves the allocation of an entry and its channel. It is the log's own, and
	// only entries that got their outcome return to it: nobody else holds those.
	entries sync.Pool

	// sending is held (for reading) while an entry is put into the queue, so that Close
	// knows when nobody does any more.
	sending sync.RWMutex
	closed  bool
	// closing is closed first of all, for senders who wait for room.
	closing chan struct{}

	// stopTicks ends the periodic checkpoints; ticked is closed when they have ended.
	stopTicks context.CancelFunc
	ticked    chan struct{}

	closeOnce sync.Once
	closeErr  error
}

// Open begins a new chain (its id a UUIDv7), records audit.chain_open durably, writes a
// checkpoint that names the chain, and starts the committer and the periodic
// checkpoints. The context bounds Open alone; Close ends the log.
func Open(ctx context.Context, o Options) (*Log, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	chain, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("audit: make a chain id: %w", err)
	}
	start, signing := origin(chain), newPen(o.Signer)
	l := &Log{
		clock: o.Clock, process: o.Process, pen: signing, closing: make(chan struct{}), ticked: make(chan struct{}),
		committer: &committer{
			store: o.Store, pen: signing, clock: o.Clock, chain: chain, observe: o.Observe, log: o.Log,
			queue: make(chan *entry, queueLength), done: make(chan struct{}), kept: start, end: start,
		},
		keeper: newCheckpointer(o, signing),
	}
	l.entries.New = func() any { return newEntry() }
	life := context.WithoutCancel(ctx)
	go l.committer.run(life)
	if err := l.begin(ctx); err != nil {
		l.stop()
		close(l.committer.queue)
		return nil, err
	}
	ticks, cancel := context.WithCancel(life)
	l.stopTicks = cancel
	go func() {
		defer close(l.ticked)
		l.keeper.run(ticks, o.CheckpointEvery)
	}()
	return l, nil
}

// begin writes the first event, and a checkpoint before there can be a second one:
// verification relies on every chain with more than its opening being named.
func (l *Log) begin(ctx context.Context) error {
	if err := l.Record(ctx, l.own(strongroom.ActionChainOpen)); err != nil {
		return err
	}
	err := l.keeper.checkpoint(ctx)
	if errors.Is(err, errSink) {
		return nil
	}
	return err
}

// own returns an event about the log itself.
func (l *Log) own(action strongroom.Action) strongroom.Event {
	e := strongroom.NewEvent(l.clock(), strongroom.Operator(uuid.Nil, ""), action)
	e.Note = l.process
	return e
}

// Record puts one event on record and returns when it is durable. Its errors are
// store.ErrUnavailable (nothing is known to be recorded), ErrClosed, an event that
// cannot be encoded, and the context's: an event whose caller has gone is dropped
// while it waits, but once it is being written its outcome stays unknown.
func (l *Log) Record(ctx context.Context, e strongroom.Event) error {
	record, err := encode(e, l.clock)
	if err != nil {
		return err
	}
	entry := l.entries.Get().(*entry)
	entry.records = append(entry.records, record)
	return l.submit(ctx, entry)
}

// Commit runs change in the transaction that records the events it returns: both are
// durable when Commit returns nil, and neither is kept otherwise, unless the failure
// came with the commit itself. A change without events is kept without any.
//
// change runs once at most, in the committer's goroutine, and not any more when Commit
// has returned. It must be quick, use the transaction alone, and wait for nothing.
// Where it returns an error (or panics) it is taken back alone, and Commit returns that
// same error. Otherwise the errors are Record's.
func (l *Log) Commit(ctx context.Context, change func(tx store.Tx) ([]strongroom.Event, error)) error {
	entry := l.entries.Get().(*entry)
	entry.change = change
	return l.submit(ctx, entry)
}

// submit queues the entry and waits for its outcome.
func (l *Log) submit(ctx context.Context, e *entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.send(ctx, e); err != nil {
		return err
	}
	outcome, got := e.wait(ctx)
	if got {
		e.reset()
		l.entries.Put(e)
	}
	return outcome
}

// send puts the entry into the queue, waiting for room as long as the context lasts.
func (l *Log) send(ctx context.Context, e *entry) error {
	l.sending.RLock()
	defer l.sending.RUnlock()
	if l.closed {
		return ErrClosed
	}
	select {
	case l.committer.queue <- e:
		return nil
	default:
	}
	select {
	case l.committer.queue <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closing:
		return ErrClosed
	}
}

// SetSigner has heads and checkpoints signed by another key from now on.
func (l *Log) SetSigner(s Signer) error {
	if err := s.check(); err != nil {
		return err
	}
	l.pen.current.Store(&s)
	return nil
}

// SignedBy returns the id of the key that signs.
func (l *Log) SignedBy() uuid.UUID { return l.pen.signer().KeyID }

// Checkpoint writes a checkpoint now, if any head moved since the last one. An error
// of the sink is returned although the checkpoint is in the database.
func (l *Log) Checkpoint(ctx context.Context) error { return l.keeper.checkpoint(ctx) }

// Err returns why the last batch failed, nil where it was kept. While it failed, the
// log tries by itself every second whether the database is back.
func (l *Log) Err() error {
	if err := l.committer.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Close refuses new events, writes those that are queued, then audit.chain_close and
// the final checkpoint. It returns what of that could not be written. Where the
// context ends first, the queue is still written, but not waited for. Later calls
// return what the first did.
func (l *Log) Close(ctx context.Context) error {
	l.closeOnce.Do(func() { l.closeErr = l.close(ctx) })
	return l.closeErr
}

func (l *Log) close(ctx context.Context) error {
	l.stopTicks()
	l.stop()
	recorded := l.recordLast(ctx)
	close(l.committer.queue)
	for _, ended := range []chan struct{}{l.committer.done, l.ticked} {
		select {
		case <-ended:
		case <-ctx.Done():
			return errors.Join(recorded, ctx.Err())
		}
	}
	return errors.Join(recorded, l.keeper.checkpoint(ctx))
}

// stop ends sending: when it returns, nobody puts anything into the queue any more.
func (l *Log) stop() {
	close(l.closing)
	l.sending.Lock()
	l.closed = true
	l.sending.Unlock()
}

// recordLast records audit.chain_close behind everything that is queued.
func (l *Log) recordLast(ctx context.Context) error {
	record, err := encode(l.own(strongroom.ActionChainClose), l.clock)
	if err != nil {
		return err
	}
	e := newEntry()
	e.records = append(e.records, record)
	select {
	case l.committer.queue <- e:
		outcome, _ := e.wait(ctx)
		return outcome
	case <-ctx.Done():
		return ctx.Err()
	}
}
