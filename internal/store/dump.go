package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"
)

// ErrNotEmpty answers Load: something is in the database already, and nothing was written.
var ErrNotEmpty = errors.New("the database is not empty")

// Dumper is a Store that can be read as a whole.
type Dumper interface {
	// Dump runs fn over one unchanging view of every organization's rows, while others
	// write. It refuses a database with tables or columns that this binary does not know:
	// they would be missing from what is read.
	Dump(ctx context.Context, fn func(DumpView) error) error
}

// DumpView is the database at one moment.
type DumpView interface {
	// Rows yields a table's rows in order of its key; an error comes last. A row is good
	// until the next one is asked for. The columns may be fewer than the database's.
	Rows(t Table) iter.Seq2[Row, error]
}

// Loader is a Store that can be filled as a whole.
type Loader interface {
	// Load runs fn in one transaction over a database with nothing in it but the schema.
	// Nothing is kept where fn, or the commit, returns an error. ErrNotEmpty.
	Load(ctx context.Context, fn func(LoadTx) error) error
}

// LoadTx is a transaction that fills a database.
type LoadTx interface {
	Tx
	DumpView
	// Insert inserts rows with the table's columns, all of them. It may read ahead of what
	// it has written, and keeps no row.
	Insert(t Table, rows iter.Seq2[Row, error]) error
}

// Row is one of a dump: a value for each column of its table, in the form that Kind says;
// nil: null.
type Row [][]byte

// Clone returns a copy that is good for as long as it is wanted.
func (r Row) Clone() Row {
	c := make(Row, len(r))
	for i, v := range r {
		if v != nil {
			c[i] = append(make([]byte, 0, len(v)), v...)
		}
	}
	return c
}

// Kind is what a column of a dump holds. The form of a value is the same for every
// database.
type Kind string

// The kinds.
const (
	KindUUID  Kind = "uuid"  // its 16 bytes
	KindInt   Kind = "int"   // 8 bytes, big endian
	KindBool  Kind = "bool"  // one byte, 0 or 1
	KindTime  Kind = "time"  // microseconds since 1970 in UTC, as an int
	KindText  Kind = "text"  // UTF-8
	KindBytes Kind = "bytes" // as they are
)

// Column is one of a table's in a dump.
type Column struct {
	Name string
	Kind Kind
	// Null says that it may be.
	Null bool
}

// Check says what is wrong with a value of the column.
func (c Column) Check(v []byte) error {
	if v == nil {
		if c.Null {
			return nil
		}
		return fmt.Errorf("column %s is null", c.Name)
	}
	want := len(v)
	switch c.Kind {
	case KindUUID:
		want = 16
	case KindInt, KindTime:
		want = 8
	case KindBool:
		want = 1
	case KindText, KindBytes:
	default:
		return fmt.Errorf("column %s is of an unknown kind", c.Name)
	}
	if len(v) != want || c.Kind == KindBool && v[0] > 1 {
		return fmt.Errorf("column %s does not hold a value of kind %s", c.Name, c.Kind)
	}
	return nil
}

// Zero is what stands in the column where a dump is older than it: null, or what the
// migration that made the column says, which is the zero of its kind. False: nothing can.
func (c Column) Zero() ([]byte, bool) {
	switch {
	case c.Null:
		return nil, true
	case c.Kind == KindInt:
		return EncodeInt(0), true
	case c.Kind == KindBool:
		return []byte{0}, true
	case c.Kind == KindText:
		return []byte{}, true
	}
	return nil, false
}

// Table is one of a dump.
type Table struct {
	Name    string
	Columns []Column
	// Key are the columns that the rows are in order of; no two rows are alike in them.
	Key []string
	// Since is the generation that the table came with.
	Since int
	// Keys says that it holds wrapped keys, which go into a file of their own. Shared says
	// that it goes into that one too: what was erased must be known there.
	Keys, Shared bool
}

// Column returns the place of a column; -1: there is none.
func (t Table) Column(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// Only returns the table with some of its columns. It panics where there is no such column.
func (t Table) Only(names ...string) Table {
	columns := make([]Column, len(names))
	for i, name := range names {
		columns[i] = t.Columns[t.Column(name)]
	}
	t.Columns = columns
	return t
}

// Check says what is wrong with a row of the table.
func (t Table) Check(r Row) error {
	if len(r) != len(t.Columns) {
		return fmt.Errorf("a row of %s has %d values for %d columns", t.Name, len(r), len(t.Columns))
	}
	for i, c := range t.Columns {
		if err := c.Check(r[i]); err != nil {
			return fmt.Errorf("a row of %s: %w", t.Name, err)
		}
	}
	return nil
}

// EncodeInt and EncodeTime return a value in the form of its kind; the others decode one
// that was checked.
func EncodeInt(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }

// EncodeTime is EncodeInt for a time.
func EncodeTime(t time.Time) []byte { return EncodeInt(t.UnixMicro()) }

// DecodeInt returns an int.
func DecodeInt(v []byte) int64 { return int64(binary.BigEndian.Uint64(v)) }

// DecodeTime returns a time.
func DecodeTime(v []byte) time.Time { return time.UnixMicro(DecodeInt(v)).UTC() }

// DecodeUUID returns an id; the nil UUID for null.
func DecodeUUID(v []byte) (id uuid.UUID) {
	copy(id[:], v)
	return id
}
