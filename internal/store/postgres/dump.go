package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"strongroom/internal/store"
)

var (
	_ store.Dumper = (*DB)(nil)
	_ store.Loader = (*DB)(nil)
)

// unbounded lets a transaction take its time. Where row-level security would leave rows
// out, PostgreSQL fails instead.
var unbounded = sql(`SELECT set_config('row_security', 'off', true), set_config('statement_timeout', '0', true),
	set_config('idle_in_transaction_session_timeout', '0', true)`)

var errNotWhole = errors.New("the role in the URL sees one organization at a time, and so does whoever has its password: name the role that owns the tables, as strongroom migrate does, or one that bypasses row-level security")

// Dump implements store.Dumper. It wants a role that row-level security does not hold.
func (db *DB) Dump(ctx context.Context, fn func(store.DumpView) error) (err error) {
	if db.observe != nil {
		defer db.observed("dump", time.Now(), &err)
	}
	c, err := db.acquire(ctx, ctx)
	if err != nil {
		return err
	}
	t := &tx{caller: ctx, ctx: ctx, conn: c, pool: db.pool}
	defer t.end()
	results, err := fly(ctx, c.Conn().PgConn(), []statement{beginSnapshot[0], unbounded, liveColumns})
	if err = interpret(ctx, err); err == nil {
		err = checkSchema(results[2])
	}
	if err == nil {
		err = fn(dumpView{ctx, c})
	}
	if err != nil {
		if hasCode(err, codePermission) {
			return errNotWhole
		}
		return err
	}
	return ctx.Err()
}

// liveColumns are the columns of every table, as it is now.
var liveColumns = sql(`SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'strongroom'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`)

// checkSchema refuses a schema that is not the one that dumps are made of.
func checkSchema(answer result) error {
	live := map[string][]string{}
	for _, values := range answer.rows {
		live[string(values[0])] = append(live[string(values[0])], string(values[1]))
	}
	return store.CheckSchema(live)
}

// dumpView implements store.DumpView.
type dumpView struct {
	ctx  context.Context
	conn *pgxpool.Conn
}

// Rows implements store.DumpView.
func (v dumpView) Rows(t store.Table) iter.Seq2[store.Row, error] { return rows(v.ctx, v.conn, t) }

// rows yields a table's rows as the server sends them, which waits for whoever reads.
func rows(ctx context.Context, c *pgxpool.Conn, t store.Table) iter.Seq2[store.Row, error] {
	query := `SELECT ` + columnNames(t) + ` FROM strongroom.` + t.Name + ` ORDER BY ` + strings.Join(t.Key, ", ")
	return func(yield func(store.Row, error) bool) {
		answer := c.Conn().PgConn().ExecParams(ctx, query, nil, nil, nil, binaryFormat)
		row, times := make(store.Row, len(t.Columns)), make([]byte, 8*len(t.Columns))
		for answer.NextRow() {
			copy(row, answer.Values())
			for i, column := range t.Columns {
				if column.Kind == store.KindTime && len(row[i]) == 8 {
					row[i] = shift(times[8*i:8*i:8*i+8], row[i], epoch)
				}
			}
			if err := t.Check(row); err != nil {
				yield(nil, fmt.Errorf("the database is damaged: %w", err))
				return // the transaction ends with its connection
			}
			if !yield(row, nil) {
				_, _ = answer.Close()
				return
			}
		}
		if _, err := answer.Close(); err != nil {
			yield(nil, interpret(ctx, err))
		}
	}
}

// shift appends a time that counts from another moment.
func shift(to, from []byte, by int64) []byte {
	return binary.BigEndian.AppendUint64(to, uint64(store.DecodeInt(from)+by))
}

func columnNames(t store.Table) string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}
