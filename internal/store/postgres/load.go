package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"iter"
	"strings"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// copyBatch is how many bytes of rows are sent with one COPY.
const copyBatch = 1 << 20

// Load implements store.Loader. It wants a role that row-level security does not hold, as
// Dump does.
func (db *DB) Load(ctx context.Context, fn func(store.LoadTx) error) error {
	if db.readOnly {
		return errReadOnly
	}
	c, err := db.acquire(ctx, ctx)
	if err != nil {
		return err
	}
	t := &tx{caller: ctx, ctx: ctx, conn: c, pool: db.pool, queue: []statement{begin}, once: true}
	defer t.end()
	err = t.prepareLoad()
	if err == nil {
		err = fn(loadTx{t})
	}
	if err = t.finish(err); hasCode(err, codePermission) {
		return errNotWhole
	}
	return err
}

// prepareLoad refuses a database that is not empty, and keeps out whoever would set it up
// meanwhile.
func (t *tx) prepareLoad() error {
	if _, err := t.run(unbounded); err != nil {
		return err
	}
	if _, err := t.run(sql(`LOCK TABLE strongroom.installation IN SHARE ROW EXCLUSIVE MODE`)); err != nil {
		return err
	}
	answer, err := t.run(liveColumns)
	if err != nil {
		return err
	}
	if err := checkSchema(answer); err != nil {
		return err
	}
	var any []string
	for _, table := range store.Tables {
		any = append(any, `EXISTS (SELECT FROM strongroom.`+table.Name+`)`)
	}
	if answer, err = t.run(sql(`SELECT ` + strings.Join(any, " OR "))); err != nil {
		return err
	}
	found, err := one(answer, (*row).bool)
	if err == nil && found {
		err = store.ErrNotEmpty
	}
	return err
}

// loadTx implements store.LoadTx.
type loadTx struct{ *tx }

// Rows implements store.DumpView.
func (t loadTx) Rows(table store.Table) iter.Seq2[store.Row, error] {
	if err := t.flush(); err != nil {
		return func(yield func(store.Row, error) bool) { yield(nil, err) }
	}
	return rows(t.ctx, t.conn, table)
}

// Insert implements store.LoadTx.
func (t loadTx) Insert(table store.Table, rows iter.Seq2[store.Row, error]) error {
	if err := t.flush(); err != nil {
		return err
	}
	b := newCopy(table)
	for row, err := range rows {
		if err == nil {
			err = table.Check(row)
		}
		if err != nil {
			return err
		}
		b.add(row)
		if b.Len() >= copyBatch {
			if err := t.copy(b); err != nil {
				return err
			}
		}
	}
	if err := t.copy(b); err != nil || !b.indexed {
		return err
	}
	// The next event comes behind all that were loaded.
	_, err := t.run(sql(`SELECT setval(pg_get_serial_sequence('strongroom.audit_events', 'cursor'), max(cursor)) FROM strongroom.audit_events`))
	return err
}

// flush sends what is queued, so that what does not go through run comes after it.
func (t *tx) flush() error {
	if len(t.queue) == 0 {
		return t.usable()
	}
	_, err := t.run(sql(`SELECT`))
	return err
}

// copy sends the rows, and empties the batch. Whatever fails ends the transaction.
func (t *tx) copy(b *copying) error {
	if b.rows == 0 {
		return nil
	}
	b.Write(copyEnd)
	if _, err := t.conn.Conn().PgConn().CopyFrom(t.ctx, &b.Buffer, b.statement); err != nil {
		t.lost = interpret(t.caller, err)
		return t.lost
	}
	b.begin()
	return nil
}

// The beginning and the end of the binary form of COPY (PostgreSQL's manual, COPY).
var (
	copyStart = append([]byte("PGCOPY\n\xff\r\n\x00"), 0, 0, 0, 0, 0, 0, 0, 0)
	copyEnd   = []byte{0xff, 0xff}
)

// copying are rows in the binary form of COPY.
type copying struct {
	bytes.Buffer
	table     store.Table
	statement string
	// singleton and indexed say that the table has columns that a dump does not hold.
	singleton, indexed bool
	body               int
	rows               int
}

func newCopy(t store.Table) *copying {
	b := &copying{table: t, singleton: t.Name == "installation", indexed: t.Name == "audit_events", body: t.Column("body")}
	columns := columnNames(t)
	switch {
	case b.singleton:
		columns += ", singleton"
	case b.indexed:
		columns += ", action, outcome, credential_id, principal_id"
	}
	b.statement = `COPY strongroom.` + t.Name + ` (` + columns + `) FROM STDIN (FORMAT binary)`
	b.begin()
	return b
}

func (b *copying) begin() {
	b.Reset()
	b.rows = 0
	b.Write(copyStart)
}

func (b *copying) add(r store.Row) {
	b.rows++
	further := 0
	switch {
	case b.singleton:
		further = 1
	case b.indexed:
		further = 4
	}
	to := binary.BigEndian.AppendUint16(b.AvailableBuffer(), uint16(len(r)+further))
	var moved [8]byte
	for i, v := range r {
		if v != nil && b.table.Columns[i].Kind == store.KindTime {
			v = shift(moved[:0], v, -epoch)
		}
		to = appendField(to, v)
	}
	switch {
	case b.singleton:
		to = appendField(to, []byte{1})
	case b.indexed:
		e := store.IndexOf(r[b.body])
		to = appendField(appendField(to, []byte(e.Action)), []byte(e.Outcome))
		to = appendField(appendField(to, optionalID(e.CredentialID)), optionalID(e.PrincipalID))
	}
	b.Write(to)
}

func appendField(to, v []byte) []byte {
	if v == nil {
		return binary.BigEndian.AppendUint32(to, ^uint32(0))
	}
	return append(binary.BigEndian.AppendUint32(to, uint32(len(v))), v...)
}

func optionalID(id uuid.UUID) []byte {
	if id == uuid.Nil {
		return nil
	}
	return id[:]
}
