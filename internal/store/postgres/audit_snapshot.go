package postgres

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"strongroom/internal/store"
)

const (
	// maxSnapshots bounds the connections that read the whole log.
	maxSnapshots = 2
	// snapshotPage is how many rows are read at once.
	snapshotPage = 1000
)

// beginSnapshot's view is that of the first statement after BEGIN.
var beginSnapshot = []statement{sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), sql("SELECT txid_current_snapshot()::text")}

// AuditSnapshot implements store.Audit. Where the server has bounds of its own on
// transactions that are idle, or old, they hold here as well.
func (db *DB) AuditSnapshot(ctx context.Context, fn func(store.AuditView) error) (err error) {
	if db.observe != nil {
		defer db.observed("audit_snapshot", time.Now(), &err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case db.snapshots <- struct{}{}:
		defer func() { <-db.snapshots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	c, err := db.acquire(ctx, ctx)
	if err != nil {
		return err
	}
	t := &tx{caller: ctx, ctx: ctx, conn: c, pool: db.pool}
	defer t.end()
	v := &view{caller: ctx, conn: c, patience: 3 * db.patience}
	if _, err := v.ask(beginSnapshot...); err != nil {
		return err
	}
	if err := fn(v); err != nil {
		return err
	}
	return ctx.Err()
}

// view implements store.AuditView.
type view struct {
	caller   context.Context
	conn     *pgxpool.Conn
	patience time.Duration
}

func (v *view) ask(statements ...statement) (last result, err error) {
	ctx, cancel := context.WithTimeout(v.caller, v.patience)
	defer cancel()
	results, err := fly(ctx, v.conn.Conn().PgConn(), statements)
	if err != nil {
		return last, interpret(v.caller, err)
	}
	return results[len(results)-1], nil
}

// Heads implements store.AuditView.
func (v *view) Heads() ([]store.AuditHead, error) {
	answer, err := v.ask(sql(`SELECT ` + headColumns + ` FROM strongroom.audit_heads ORDER BY chain`))
	if err != nil {
		return nil, err
	}
	return many(answer, scanHead)
}

// Chains implements store.AuditView.
func (v *view) Chains() ([]uuid.UUID, error) {
	answer, err := v.ask(sql(`SELECT chain FROM strongroom.all_chains()`))
	if err != nil {
		return nil, err
	}
	return many(answer, (*row).uuid)
}

// ChainRecords implements store.AuditView.
func (v *view) ChainRecords(chain uuid.UUID, from int64) iter.Seq2[store.AuditRecord, error] {
	return pages(v, from, scanRecord, func(from int64) statement {
		return sql(`SELECT `+recordColumns+` FROM strongroom.chain_events($1, $2, $3)`, chain, from, snapshotPage)
	}, func(r store.AuditRecord) int64 { return r.Sequence + 1 })
}

// Records implements store.AuditView.
func (v *view) Records() iter.Seq2[store.AuditRecord, error] {
	return pages(v, 0, scanRecord, func(after int64) statement {
		return sql(`SELECT `+recordColumns+` FROM strongroom.all_events($1, $2)`, after, snapshotPage)
	}, func(r store.AuditRecord) int64 { return r.Cursor })
}

// Checkpoints implements store.AuditView.
func (v *view) Checkpoints() iter.Seq2[store.AuditCheckpoint, error] {
	return pages(v, 0, scanCheckpoint, func(after int64) statement {
		return sql(`SELECT `+checkpointColumns+` FROM strongroom.audit_checkpoints WHERE sequence > $1 ORDER BY sequence LIMIT $2`, after, snapshotPage)
	}, func(c store.AuditCheckpoint) int64 { return c.Sequence })
}

var errPage = errors.New("the database is damaged: a page of the audit log does not lead on")

// pages yields row after row, a page at a time; an error comes last. position is where the
// row after this one is looked for. Nothing is held between two pages, so that one sequence
// may go on within another.
func pages[T any](v *view, from int64, scan func(*row) T, page func(from int64) statement, position func(T) int64) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for at := from; ; {
			answer, err := v.ask(page(at))
			if err != nil {
				yield(none, err)
				return
			}
			found, err := many(answer, scan)
			if err != nil {
				yield(none, err)
				return
			}
			for _, f := range found {
				if !yield(f, nil) {
					return
				}
			}
			if len(found) < snapshotPage {
				return
			}
			next := position(found[len(found)-1])
			if next <= at {
				yield(none, errPage)
				return
			}
			at = next
		}
	}
}
