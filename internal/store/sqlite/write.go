package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom/internal/store"
)

var (
	errReadOnly = fmt.Errorf("%w: it was opened for reading only", store.ErrUnavailable)
	// errOver answers a transaction that is used after its function has returned.
	errOver = errors.New("the transaction is over")
)

// Write implements store.Store. fn must not call Write: there is one writer.
func (db *DB) Write(ctx context.Context, fn func(store.Tx) error) (err error) {
	if db.observe != nil {
		defer db.observed("write", time.Now(), &err)
	}
	return db.write(ctx, func(t *tx) error { return fn(t) })
}

// write runs fn in a transaction on the writer.
func (db *DB) write(ctx context.Context, fn func(*tx) error) (err error) {
	if db.readOnly {
		return errReadOnly
	}
	c, err := db.writer.take(ctx)
	if err != nil {
		return err
	}
	defer func() { db.writer.put(c) }()
	if !c.AutocommitEnabled() {
		// The last transaction could not be rolled back. The replacement is opened before
		// the broken connection is closed: the last one to close takes the log with it.
		fresh, err := db.reconnect(ctx)
		if err != nil {
			return interpret(ctx, err)
		}
		_ = c.Close() // whatever it says, it is gone
		c = fresh
	}
	defer func() {
		// Whatever happened, a panic in fn included, the transaction ends here.
		if !c.AutocommitEnabled() {
			if _, undo := run(c, "ROLLBACK", nil); undo != nil {
				err = errors.Join(err, undo)
			}
		}
	}()
	return db.transact(ctx, c, fn)
}

// transact leaves the transaction open where it returns an error.
func (db *DB) transact(ctx context.Context, c *sqlite.Conn, fn func(*tx) error) error {
	if err := db.file.intact(); err != nil {
		return err
	}
	if err := db.begin(ctx, c); err != nil {
		return err
	}
	t := &tx{ctx: ctx, conn: c}
	err := fn(t)
	t.conn = nil
	switch {
	case t.lost != nil:
		return t.lost
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if _, err := run(c, "COMMIT", nil); err != nil {
		return interpret(ctx, err)
	}
	// The file may have been moved since it was looked at. Then what was committed is
	// in a file that nobody will open, and must not be acknowledged.
	return db.file.kept()
}

// begin starts a transaction that writes.
func (db *DB) begin(ctx context.Context, c *sqlite.Conn) error {
	err := db.patiently(ctx, func() error { _, err := run(c, "BEGIN IMMEDIATE", nil); return err })
	return interpret(ctx, err)
}

// tx implements store.Tx.
type tx struct {
	ctx context.Context
	// conn is nil once the transaction is over.
	conn *sqlite.Conn
	// lost is why the whole transaction is given up.
	lost error
	// named are the heads that UncheckpointedHeads gave.
	named []store.AuditHead
}

// usable refuses to run anything outside of the transaction.
func (t *tx) usable() error {
	if t.conn == nil {
		return errOver
	}
	return t.lost
}

// interpret is interpret, and gives the transaction up where the database failed, or
// where SQLite took the whole transaction back by itself: what runs after that would
// run outside of it.
func (t *tx) interpret(err error) error {
	err = interpret(t.ctx, err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrUnavailable):
		t.lost = err
	case t.conn.AutocommitEnabled():
		t.lost = fmt.Errorf("%w: the transaction was taken back: %w", store.ErrUnavailable, err)
		return t.lost
	}
	return err
}

// run runs a statement that returns no rows and says how many it changed.
func (t *tx) run(query string, bind func(*params)) (changed int, err error) {
	if err := t.usable(); err != nil {
		return 0, err
	}
	changed, err = run(t.conn, query, bind)
	return changed, t.interpret(err)
}

// runOne is run for a statement that must change a row; store.ErrNotFound where it
// changes none.
func (t *tx) runOne(query string, bind func(*params)) error {
	changed, err := t.run(query, bind)
	if err == nil && changed == 0 {
		return store.ErrNotFound
	}
	return err
}

// within runs a query in the transaction.
func within[T any](t *tx, query func(*sqlite.Conn) (T, error)) (found T, err error) {
	if err := t.usable(); err != nil {
		return found, err
	}
	found, err = query(t.conn)
	return found, t.interpret(err)
}

// Nested implements store.Tx. Savepoints of one name stack, so that nesting deeper
// needs no names of its own.
func (t *tx) Nested(fn func() error) error {
	if _, err := t.run("SAVEPOINT nested", nil); err != nil {
		return err
	}
	failed := fn()
	if failed != nil {
		if _, err := t.run("ROLLBACK TO nested", nil); err != nil {
			return t.giveUp(err)
		}
	}
	if _, err := t.run("RELEASE nested", nil); err != nil {
		return t.giveUp(err)
	}
	return failed
}

// giveUp loses the transaction: what a savepoint should have taken back may still be
// in it.
func (t *tx) giveUp(err error) error {
	if t.lost == nil {
		t.lost = fmt.Errorf("%w: a part of the transaction could not be taken back: %w", store.ErrUnavailable, err)
	}
	return t.lost
}

// EnsureOrganization implements store.Tx.
func (t *tx) EnsureOrganization(id uuid.UUID, at time.Time) error {
	_, err := t.run("INSERT INTO organizations (id, created_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
		func(p *params) { p.uuid(id); p.time(at) })
	return err
}
