package postgres

import (
	"encoding/binary"
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
