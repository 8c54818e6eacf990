package sqlite

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/stored"
)

// params binds values to a statement's question marks, in their order.
type params struct {
	stmt *sqlite.Stmt
	n    int
}

func (p *params) next() int { p.n++; return p.n }

func (p *params) null()             { p.stmt.BindNull(p.next()) }
func (p *params) int(v int64)       { p.stmt.BindInt64(p.next(), v) }
func (p *params) text(s string)     { p.stmt.BindText(p.next(), s) }
func (p *params) blob(b []byte)     { p.stmt.BindBytes(p.next(), b) }
func (p *params) uuid(id uuid.UUID) { p.stmt.BindBytes(p.next(), id[:]) }
func (p *params) time(t time.Time)  { p.stmt.BindInt64(p.next(), t.UnixMicro()) }

func (p *params) optionalUUID(id *uuid.UUID) {
	if id == nil {
		p.null()
		return
	}
	p.uuid(*id)
}

func (p *params) optionalText(s *string) {
	if s == nil {
		p.null()
		return
	}
	p.text(*s)
}

func (p *params) optionalTime(t *time.Time) {
	if t == nil {
		p.null()
		return
	}
	p.time(*t)
}

// json binds an encoded value as text; null where there is none.
func (p *params) json(encoded []byte) {
	if encoded == nil {
		p.null()
		return
	}
	p.text(string(encoded))
}

// renewal binds what scanRenewal reads.
func (p *params) renewal(r strongroom.Renewal) {
	p.optionalTime(r.StaleAt)
	p.optionalTime(r.NextAt)
	p.int(int64(r.Failures))
	p.optionalTime(r.Since)
	p.text(string(r.Reason))
	p.text(r.ClientID)
}

// row reads a result's columns from left to right.
type row struct {
	stmt *sqlite.Stmt
	n    int
	// err is the first column that could not be decoded.
	err error
}

func (r *row) next() int { r.n++; return r.n - 1 }

// skipNull steps over the next column where it is null.
func (r *row) skipNull() bool {
	if !r.stmt.ColumnIsNull(r.n) {
		return false
	}
	r.n++
	return true
}

func (r *row) int() int64   { return r.stmt.ColumnInt64(r.next()) }
func (r *row) text() string { return r.stmt.ColumnText(r.next()) }

func (r *row) blob() []byte {
	i := r.next()
	b := make([]byte, r.stmt.ColumnLen(i))
	r.stmt.ColumnBytes(i, b)
	return b
}

func (r *row) uuid() (id uuid.UUID) {
	r.exactly(id[:])
	return id
}

func (r *row) hash() (h [32]byte) {
	r.exactly(h[:])
	return h
}

// exactly fills b from the next column. Another length than b's is damage: cut or padded
// in silence, it would be read as what it is not.
func (r *row) exactly(b []byte) {
	i := r.next()
	if n := r.stmt.ColumnLen(i); n != len(b) {
		r.fail(fmt.Errorf("the database is damaged: column %s has %d bytes, not %d", r.stmt.ColumnName(i), n, len(b)))
		return
	}
	r.stmt.ColumnBytes(i, b)
}

func (r *row) time() time.Time { return time.UnixMicro(r.int()).UTC() }

func (r *row) optionalUUID() *uuid.UUID {
	if r.skipNull() {
		return nil
	}
	id := r.uuid()
	return &id
}

func (r *row) optionalText() *string {
	if r.skipNull() {
		return nil
	}
	s := r.text()
	return &s
}

func (r *row) optionalTime() *time.Time {
	if r.skipNull() {
		return nil
	}
	t := r.time()
	return &t
}

// json returns a column that holds JSON; nil where it is null.
func (r *row) json() []byte {
	if r.skipNull() {
		return nil
	}
	return r.blob()
}

// texts decodes a list of strings.
func (r *row) texts() []string {
	list, err := stored.DecodeTexts(r.json())
	r.fail(err)
	return list
}

// grants decodes a list of grants.
func (r *row) grants() []strongroom.Grant {
	grants, err := stored.DecodeGrants(r.json())
	r.fail(err)
	return grants
}

func (r *row) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// qualified returns the columns with a table's alias before each.
func qualified(alias, columns string) string {
	names := strings.Split(columns, ",")
	for i, name := range names {
		names[i] = alias + "." + strings.TrimSpace(name)
	}
	return strings.Join(names, ", ")
}

// one runs a prepared query and reads its one row; store.ErrNotFound where there is none.
func one[T any](c *sqlite.Conn, query string, bind func(*params), scan func(*row) T) (found T, err error) {
	stmt, err := c.Prepare(query)
	if err != nil {
		return found, err
	}
	// A statement that is not reset keeps its read transaction, and with it the log
	// from being emptied.
	defer func() { _ = stmt.Reset() }()
	bind(&params{stmt: stmt})
	switch ok, err := stmt.Step(); {
	case err != nil:
		return found, err
	case !ok:
		return found, store.ErrNotFound
	}
	r := row{stmt: stmt}
	found = scan(&r)
	return found, r.err
}

// many runs a prepared query and reads all of its rows.
func many[T any](c *sqlite.Conn, query string, bind func(*params), scan func(*row) T) (found []T, err error) {
	stmt, err := c.Prepare(query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stmt.Reset() }()
	bind(&params{stmt: stmt})
	for {
		ok, err := stmt.Step()
		if err != nil || !ok {
			return found, err
		}
		r := row{stmt: stmt}
		v := scan(&r)
		if r.err != nil {
			return nil, r.err
		}
		found = append(found, v)
	}
}

// run runs a prepared statement that returns no rows and says how many it changed.
func run(c *sqlite.Conn, query string, bind func(*params)) (changed int, err error) {
	stmt, err := c.Prepare(query)
	if err != nil {
		return 0, err
	}
	if bind != nil {
		bind(&params{stmt: stmt})
	}
	defer func() { _ = stmt.Reset() }()
	if _, err := stmt.Step(); err != nil {
		return 0, err
	}
	return c.Changes(), nil
}
