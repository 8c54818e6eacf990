package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"strongroom/internal/store"
)

// errOver answers a transaction that is used after its function has returned.
var errOver = errors.New("the transaction is over")

var (
	begin    = sql("BEGIN ISOLATION LEVEL READ COMMITTED")
	commit   = sql("COMMIT")
	rollback = sql("ROLLBACK")
	// bounds end a transaction whose process hangs or whose network is gone, and free what
	// others wait for. A transaction of one flight needs none.
	bounds = sql(`SELECT set_config('lock_timeout', '10s', true), set_config('idle_in_transaction_session_timeout', '60s', true)`)

	savepoint = sql("SAVEPOINT nested")
	release   = sql("RELEASE SAVEPOINT nested")
	takeBack  = sql("ROLLBACK TO SAVEPOINT nested")
)

// rollbackTimeout bounds the end of a transaction that is given up.
const rollbackTimeout = 5 * time.Second

// tx implements store.Tx. Statements whose answer nobody waits for are queued, and go with
// the next flight or with the commit: a transaction that only appends to the audit log is
// one round trip.
type tx struct {
	// caller is the context that was given; ctx has our own deadline as well.
	caller, ctx context.Context
	// conn is nil once the transaction is over.
	conn *pgxpool.Conn
	pool *pgxpool.Pool
	// queue goes first in the next flight.
	queue []statement
	// flights counts those that were sent, past is what they were.
	flights int
	past    []flown
	// once says that not all of it goes in flights, so that it cannot be played again.
	once bool
	// organization is the one that is set; nil: not known.
	organization *uuid.UUID
	// touched are the uses to note with the commit.
	touched []touch
	// doubtful says that something in the queue may fail.
	doubtful bool
	// failed is why PostgreSQL takes no more statements until the savepoint before it;
	// lost is why the whole transaction is given up.
	failed, lost error
	// named are the heads that UncheckpointedHeads gave.
	named []store.AuditHead
}

// Write implements store.Store.
func (db *DB) Write(ctx context.Context, fn func(store.Tx) error) (err error) {
	if db.observe != nil {
		defer db.observed("write", time.Now(), &err)
	}
	return db.write(ctx, func(t *tx) error { return fn(t) })
}

func (db *DB) write(ctx context.Context, fn func(*tx) error) error {
	if db.readOnly {
		return errReadOnly
	}
	bounded, cancel := context.WithTimeout(ctx, 3*db.patience)
	defer cancel()
	c, err := db.acquire(ctx, bounded)
	if err != nil {
		return err
	}
	t := &tx{caller: ctx, ctx: bounded, conn: c, pool: db.pool, queue: []statement{begin}}
	defer t.end()
	return t.finish(fn(t))
}

// finish commits, unless something speaks against it.
func (t *tx) finish(err error) error {
	switch {
	case t.lost != nil:
		return t.lost
	case err != nil:
		return err
	case t.failed != nil:
		return t.failed
	case t.caller.Err() != nil:
		return t.caller.Err()
	}
	t.queueTouches()
	if t.flights == 0 {
		return t.sendWhole()
	}
	return t.committed(t.send(commit))
}

// committed judges the answer to a commit.
func (t *tx) committed(answer result, err error) error {
	if err == nil && answer.tag != "COMMIT" {
		err = fmt.Errorf("%w: the transaction was taken back", store.ErrUnavailable)
	}
	return err
}

// sendWhole sends what is queued where nothing was sent yet. One flight is a transaction by
// itself, unless there are savepoints in it.
func (t *tx) sendWhole() error {
	work := t.queue[1:]
	switch {
	case len(work) == 0:
		return nil // nothing was done
	case slices.ContainsFunc(work, func(s statement) bool { return s.text == savepoint.text }):
		return t.committed(t.send(commit))
	}
	t.queue = work[:len(work)-1]
	_, err := t.send(work[len(work)-1])
	return err
}

// end gives the connection back, without a transaction. It does so whatever happened, a
// panic included. A connection that cannot be freed of its transaction is closed.
func (t *tx) end() {
	c := t.conn
	t.conn = nil
	if pg := c.Conn().PgConn(); !pg.IsClosed() && pg.TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.caller), rollbackTimeout)
		defer cancel()
		_, _ = fly(ctx, pg, []statement{rollback})
	}
	c.Release()
}

// usable refuses to run anything outside of the transaction.
func (t *tx) usable() error {
	switch {
	case t.conn == nil:
		return errOver
	case t.lost != nil:
		return t.lost
	case t.failed != nil:
		return fmt.Errorf("the transaction has failed before: %w", t.failed)
	}
	return nil
}

// run runs a statement and returns what it came to.
func (t *tx) run(s statement) (result, error) {
	if err := t.usable(); err != nil {
		return result{}, err
	}
	if t.flights == 0 {
		t.queue = slices.Insert(t.queue, 1, bounds)
	}
	return t.send(s)
}

// in is run for what is an organization's; the nil UUID: the operator's.
func (t *tx) in(organization uuid.UUID, s statement) (result, error) {
	if t.organization == nil || *t.organization != organization {
		t.queue = append(t.queue, enter(organization))
		t.organization = &organization
	}
	return t.run(s)
}

// change is in for a statement that must change a row; store.ErrNotFound where it changes
// none.
func (t *tx) change(organization uuid.UUID, s statement) error {
	answer, err := t.in(organization, s)
	if err == nil && answer.changed == 0 {
		return store.ErrNotFound
	}
	return err
}

// send sends what is queued and then the statement, whose answer it returns.
func (t *tx) send(s statement) (result, error) {
	statements := append(t.queue, s)
	t.queue, t.doubtful = nil, false
	t.flights++
	results, err := t.fly(statements)
	if err == nil {
		return results[len(results)-1], nil
	}
	if broken(err) && t.ctx.Err() == nil {
		t.pool.Reset()
	}
	err = interpret(t.caller, err)
	if errors.Is(err, store.ErrUnavailable) || t.caller.Err() != nil || t.conn.Conn().IsClosed() {
		t.lost = err
	} else {
		t.failed = err
	}
	return result{}, err
}

// Nested implements store.Tx. Savepoints of one name stack, so that nesting deeper needs no
// names of its own; one within which nothing was done is never sent.
func (t *tx) Nested(fn func() error) error {
	if err := t.usable(); err != nil {
		return err
	}
	if t.doubtful {
		// What is queued may fail, and is not of the part that begins here.
		if _, err := t.run(savepoint); err != nil {
			return err
		}
	} else {
		t.queue = append(t.queue, savepoint)
	}
	before := t.mark()
	err := fn()
	switch {
	case t.lost != nil:
		return t.lost
	case err == nil && t.failed != nil:
		err = t.failed
	case err == nil && t.doubtful:
		_, err = t.run(release)
	case err == nil && t.flights == before.flights && len(t.queue) == before.queued && before.queued > 0:
		t.queue = t.queue[:before.queued-1]
	case err == nil:
		t.queue = append(t.queue, release)
	}
	if err == nil || t.lost != nil {
		return cmp.Or(t.lost, err)
	}
	t.undo(before)
	return err
}

// mark is where a transaction stands, right behind a savepoint.
type mark struct {
	flights, queued, touched int
}

func (t *tx) mark() mark {
	return mark{flights: t.flights, queued: len(t.queue), touched: len(t.touched)}
}

// undo takes back what was done since the savepoint. What has not been sent needs no
// savepoint for that.
func (t *tx) undo(to mark) {
	t.touched, t.failed, t.doubtful, t.organization = t.touched[:to.touched], nil, false, nil
	if t.flights == to.flights && to.queued > 0 {
		t.queue = t.queue[:to.queued-1]
		return
	}
	t.queue = []statement{takeBack, release}
}

// EnsureOrganization implements store.Tx.
func (t *tx) EnsureOrganization(id uuid.UUID, at time.Time) error {
	_, err := t.in(id, sql(`INSERT INTO strongroom.organizations (id, created_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, id, at))
	return err
}
