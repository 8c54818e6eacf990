package sqlite

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom/internal/store"
)

// maxSnapshots bounds the connections that read the whole log.
const maxSnapshots = 2

// AuditSnapshot implements store.Audit. It reads on a connection of its own, so that
// an export never takes a reader from the requests, and closes it afterwards: while a
// snapshot is open, the write-ahead log grows.
func (db *DB) AuditSnapshot(ctx context.Context, fn func(store.AuditView) error) (err error) {
	if db.observe != nil {
		defer db.observed("audit_snapshot", time.Now(), &err)
	}
	return db.snapshot(ctx, func(v *view) error { return fn(v) })
}

// snapshot runs fn over one unchanging view of the database.
func (db *DB) snapshot(ctx context.Context, fn func(*view) error) (err error) {
	if _, err := db.snapshots.take(ctx); err != nil {
		return err
	}
	defer db.snapshots.put(nil)
	c, err := db.reconnect(ctx, "PRAGMA query_only = ON")
	if err != nil {
		return interpret(ctx, err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if _, err := run(c, "BEGIN", nil); err != nil {
		return interpret(ctx, err)
	}
	// A transaction sees the moment of its first read, not of its BEGIN.
	err = db.patiently(ctx, func() error { _, err := pragma(c, "PRAGMA user_version"); return err })
	if err != nil {
		return interpret(ctx, err)
	}
	c.SetInterrupt(ctx.Done())
	if err := fn(&view{ctx: ctx, conn: c}); err != nil {
		return err
	}
	return ctx.Err()
}

// view implements store.AuditView and store.DumpView.
type view struct {
	ctx  context.Context
	conn *sqlite.Conn
}

// Heads implements store.AuditView.
func (v *view) Heads() ([]store.AuditHead, error) {
	heads, err := many(v.conn, `SELECT `+headColumns+` FROM audit_heads ORDER BY chain`, func(*params) {}, scanHead)
	return heads, interpret(v.ctx, err)
}

// Chains implements store.AuditView.
func (v *view) Chains() ([]uuid.UUID, error) {
	chains, err := many(v.conn, `SELECT chain FROM audit_heads UNION SELECT DISTINCT chain FROM audit_events ORDER BY chain`,
		func(*params) {}, (*row).uuid)
	return chains, interpret(v.ctx, err)
}

// ChainRecords implements store.AuditView.
func (v *view) ChainRecords(chain uuid.UUID, from int64) iter.Seq2[store.AuditRecord, error] {
	return stream(v, `SELECT `+recordColumns+` FROM audit_events WHERE chain = ? AND sequence >= ? ORDER BY sequence`,
		func(p *params) { p.uuid(chain); p.int(from) }, scanRecord)
}

// Records implements store.AuditView.
func (v *view) Records() iter.Seq2[store.AuditRecord, error] {
	return stream(v, `SELECT `+recordColumns+` FROM audit_events ORDER BY cursor`, func(*params) {}, scanRecord)
}

// Checkpoints implements store.AuditView.
func (v *view) Checkpoints() iter.Seq2[store.AuditCheckpoint, error] {
	return stream(v, `SELECT `+checkpointColumns+` FROM audit_checkpoints ORDER BY sequence`, func(*params) {}, scanCheckpoint)
}

// stream yields the rows one by one; an error comes last. Each run has a statement of
// its own, so that one may go on within another.
func stream[T any](v *view, query string, bind func(*params), scan func(*row) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		stmt, _, err := v.conn.PrepareTransient(query)
		if err != nil {
			yield(none, interpret(v.ctx, err))
			return
		}
		defer func() { _ = stmt.Finalize() }()
		bind(&params{stmt: stmt})
		for {
			ok, err := stmt.Step()
			if err != nil {
				yield(none, interpret(v.ctx, err))
				return
			}
			if !ok {
				return
			}
			r := row{stmt: stmt}
			found := scan(&r)
			if r.err != nil {
				yield(none, r.err)
				return
			}
			if !yield(found, nil) {
				return
			}
		}
	}
}
