package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"strongroom/internal/store"
)

var (
	_ store.Dumper = (*DB)(nil)
	_ store.Loader = (*DB)(nil)
)

// Dump implements store.Dumper. It reads as AuditSnapshot does, on a connection of its own.
func (db *DB) Dump(ctx context.Context, fn func(store.DumpView) error) (err error) {
	if db.observe != nil {
		defer db.observed("dump", time.Now(), &err)
	}
	return db.snapshot(ctx, func(v *view) error {
		if err := checkSchema(v.conn); err != nil {
			return interpret(ctx, err)
		}
		return fn(v)
	})
}

// checkSchema refuses a schema that is not the one that dumps are made of.
func checkSchema(c *sqlite.Conn) error {
	type column struct{ table, name string }
	columns, err := many(c, `SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY t.name, c.cid`,
		func(*params) {}, func(r *row) column { return column{r.text(), r.text()} })
	if err != nil {
		return err
	}
	live := map[string][]string{}
	for _, c := range columns {
		live[c.table] = append(live[c.table], c.name)
	}
	return store.CheckSchema(live)
}

// Rows implements store.DumpView.
func (v *view) Rows(t store.Table) iter.Seq2[store.Row, error] { return rows(v.ctx, v.conn, t) }

// rows yields a table's rows; one buffer serves all of them.
func rows(ctx context.Context, c *sqlite.Conn, t store.Table) iter.Seq2[store.Row, error] {
	query := `SELECT ` + columnNames(t) + ` FROM ` + t.Name + ` ORDER BY ` + strings.Join(t.Key, ", ")
	return func(yield func(store.Row, error) bool) {
		stmt, _, err := c.PrepareTransient(query)
		if err != nil {
			yield(nil, interpret(ctx, err))
			return
		}
		defer func() { _ = stmt.Finalize() }()
		var buffer []byte
		found := make(store.Row, len(t.Columns))
		for {
			ok, err := stmt.Step()
			if err == nil && ok {
				buffer, err = readRow(stmt, t, found, buffer[:0])
			}
			if err != nil {
				yield(nil, interpret(ctx, err))
				return
			}
			if !ok || !yield(found, nil) {
				return
			}
		}
	}
}

// readRow fills the row out of the buffer, which it returns, grown perhaps.
func readRow(stmt *sqlite.Stmt, t store.Table, into store.Row, buffer []byte) ([]byte, error) {
	size := 0
	for i := range t.Columns {
		size += max(8, stmt.ColumnLen(i))
	}
	if cap(buffer) < size {
		buffer = make([]byte, 0, 2*size)
	}
	for i, c := range t.Columns {
		start := len(buffer)
		switch {
		case stmt.ColumnIsNull(i):
			into[i] = nil
			continue
		case c.Kind == store.KindBool:
			buffer = append(buffer, byte(min(1, uint64(stmt.ColumnInt64(i)))))
		case c.Kind == store.KindInt || c.Kind == store.KindTime:
			buffer = binary.BigEndian.AppendUint64(buffer, uint64(stmt.ColumnInt64(i)))
		default:
			buffer = buffer[:start+stmt.ColumnLen(i)]
			stmt.ColumnBytes(i, buffer[start:])
		}
		into[i] = buffer[start:len(buffer):len(buffer)]
	}
	if err := t.Check(into); err != nil {
		return buffer, fmt.Errorf("the database is damaged: %w", err)
	}
	return buffer, nil
}

func columnNames(t store.Table) string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

// Load implements store.Loader.
func (db *DB) Load(ctx context.Context, fn func(store.LoadTx) error) error {
	return db.write(ctx, func(t *tx) error {
		if err := checkSchema(t.conn); err != nil {
			return t.interpret(err)
		}
		for _, table := range store.Tables {
			found, err := pragma(t.conn, `SELECT EXISTS (SELECT 1 FROM `+table.Name+`)`)
			if err != nil {
				return t.interpret(err)
			}
			if found != 0 {
				return store.ErrNotEmpty
			}
		}
		return fn(loadTx{t})
	})
}

// loadTx implements store.LoadTx.
type loadTx struct{ *tx }

// Rows implements store.DumpView.
func (t loadTx) Rows(table store.Table) iter.Seq2[store.Row, error] {
	if err := t.usable(); err != nil {
		return func(yield func(store.Row, error) bool) { yield(nil, err) }
	}
	return rows(t.ctx, t.conn, table)
}

// Insert implements store.LoadTx.
func (t loadTx) Insert(table store.Table, rows iter.Seq2[store.Row, error]) error {
	names, values := columnNames(table), strings.TrimSuffix(strings.Repeat("?, ", len(table.Columns)), ", ")
	if table.Name == "installation" {
		names, values = "singleton, "+names, "1, "+values
	}
	query := `INSERT INTO ` + table.Name + ` (` + names + `) VALUES (` + values + `)`
	for row, err := range rows {
		if err == nil {
			err = table.Check(row)
		}
		if err != nil {
			return err
		}
		if _, err := t.run(query, func(p *params) { p.row(table, row) }); err != nil {
			return err
		}
	}
	return nil
}

// row binds a row of a dump.
func (p *params) row(t store.Table, r store.Row) {
	for i, c := range t.Columns {
		switch v := r[i]; {
		case v == nil:
			p.null()
		case c.Kind == store.KindBool:
			p.int(int64(v[0]))
		case c.Kind == store.KindInt || c.Kind == store.KindTime:
			p.int(store.DecodeInt(v))
		case c.Kind == store.KindText:
			p.text(string(v))
		default:
			p.blob(v)
		}
	}
}
