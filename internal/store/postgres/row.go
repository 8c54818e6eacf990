package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store/stored"
)

// row reads a result's columns, in binary, from left to right.
type row struct {
	values [][]byte
	n      int
	// err is the first column that could not be decoded.
	err error
}

func (r *row) next() []byte {
	if r.n >= len(r.values) {
		r.fail(fmt.Errorf("the database answered %d columns, which are too few", len(r.values)))
		return nil
	}
	r.n++
	return r.values[r.n-1]
}

// skipNull steps over the next column where it is null.
func (r *row) skipNull() bool {
	if r.n >= len(r.values) || r.values[r.n] != nil {
		return false
	}
	r.n++
	return true
}

// exactly fills b from the next column. Another length than b's is damage: cut or padded
// in silence, it would be read as what it is not.
func (r *row) exactly(b []byte) {
	v := r.next()
	if len(v) != len(b) {
		r.fail(fmt.Errorf("the database is damaged: column %d has %d bytes, not %d", r.n, len(v), len(b)))
		return
	}
	copy(b, v)
}

func (r *row) int() int64 {
	var b [8]byte
	r.exactly(b[:])
	return int64(binary.BigEndian.Uint64(b[:]))
}

func (r *row) bool() bool {
	var b [1]byte
	r.exactly(b[:])
	return b[0] != 0
}

func (r *row) text() string { return string(r.next()) }

// blob returns the next column; it is empty, and not nil, where the column is.
func (r *row) blob() []byte {
	if v := r.next(); v != nil {
		return v
	}
	return []byte{}
}

func (r *row) uuid() (id uuid.UUID) {
	r.exactly(id[:])
	return id
}

func (r *row) hash() (h [32]byte) {
	r.exactly(h[:])
	return h
}

func (r *row) time() time.Time { return time.UnixMicro(r.int() + epoch).UTC() }

func (r *row) duration() time.Duration { return time.Duration(r.int()) * time.Microsecond }

// record returns the fields of a column that is a record; nil where it is null.
func (r *row) record() [][]byte {
	v := r.next()
	if v == nil {
		return nil
	}
	fields, err := decodeRecord(v)
	r.fail(err)
	return fields
}

// errRecord answers a record that is not of PostgreSQL's form.
var errRecord = errors.New("the database is damaged: a record is cut off or too long")

// decodeRecord takes a record in binary apart: the number of fields, and of each its type,
// its length and its value; a length of -1 is null. The fields stay within the record's memory.
func decodeRecord(record []byte) ([][]byte, error) {
	const head = 4
	if len(record) < head {
		return nil, errRecord
	}
	count, rest := binary.BigEndian.Uint32(record), record[head:]
	if uint64(count)*2*head > uint64(len(rest)) {
		return nil, errRecord
	}
	fields := make([][]byte, count)
	for i := range fields {
		if len(rest) < 2*head {
			return nil, errRecord
		}
		size := int32(binary.BigEndian.Uint32(rest[head:]))
		rest = rest[2*head:]
		if size == -1 {
			continue
		}
		if size < 0 || int(size) > len(rest) {
			return nil, errRecord
		}
		fields[i], rest = rest[:size:size], rest[size:]
	}
	if len(rest) > 0 {
		return nil, errRecord
	}
	return fields, nil
}

// optional reads a column that may be null.
func optional[T any](r *row, read func(*row) T) *T {
	if r.skipNull() {
		return nil
	}
	v := read(r)
	return &v
}

func (r *row) optionalUUID() *uuid.UUID { return optional(r, (*row).uuid) }
func (r *row) optionalText() *string    { return optional(r, (*row).text) }
func (r *row) optionalTime() *time.Time { return optional(r, (*row).time) }

// json returns a column that holds JSON as text; nil where it is null.
func (r *row) json() []byte { return r.next() }

// texts decodes a list of strings.
func (r *row) texts() []string {
	list, err := stored.DecodeTexts(r.json())
	r.fail(err)
	return list
}

// grants decodes a column of stored.EncodeGrants.
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
