package postgres

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// The types of parameters, by PostgreSQL's fixed numbers (pg_type.dat).
const (
	oidBool      = 16
	oidBytes     = 17
	oidInt       = 20
	oidText      = 25
	oidTextList  = 1009
	oidIntList   = 1016
	oidBytesList = 1001
	oidTime      = 1184
	oidTimeList  = 1185
	oidUUID      = 2950
	oidUUIDList  = 2951
)

// epoch is what a timestamptz counts its microseconds from.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// statement is a text of SQL and the values of its parameters, in binary.
type statement struct {
	text   string
	values [][]byte
	oids   []uint32
}

// encodedJSON is bound as text; nil as null.
type encodedJSON []byte

// sql makes a statement. A nil pointer is null; times are cut to microseconds.
func sql(text string, args ...any) statement {
	s := statement{text: text, values: make([][]byte, len(args)), oids: make([]uint32, len(args))}
	for i, arg := range args {
		s.values[i], s.oids[i] = encode(arg)
	}
	return s
}

// with is a text that takes the parameters of both.
func (s statement) with(text string, more statement) statement {
	return statement{text: text, values: slices.Concat(s.values, more.values), oids: slices.Concat(s.oids, more.oids)}
}

// encode panics on a type that no caller has.
func encode(arg any) (value []byte, oid uint32) {
	switch v := arg.(type) {
	case bool:
		if v {
			return []byte{1}, oidBool
		}
		return []byte{0}, oidBool
	case int:
		return encodeInt(int64(v)), oidInt
	case int64:
		return encodeInt(v), oidInt
	case string:
		return []byte(v), oidText
	case []byte:
		if v == nil {
			v = []byte{} // nil would be null
		}
		return v, oidBytes
	case [32]byte:
		return v[:], oidBytes
	case encodedJSON:
		return v, oidText
	case uuid.UUID:
		return v[:], oidUUID
	case time.Time:
		return encodeTime(v), oidTime
	}
	return encodeOptional(arg)
}

func encodeOptional(arg any) (value []byte, oid uint32) {
	switch v := arg.(type) {
	case *string:
		if v != nil {
			value = []byte(*v)
		}
		return value, oidText
	case *uuid.UUID:
		if v != nil {
			value = v[:]
		}
		return value, oidUUID
	case *time.Time:
		if v != nil {
			value = encodeTime(*v)
		}
		return value, oidTime
	}
	return encodeList(arg)
}

func encodeList(arg any) (value []byte, oid uint32) {
	switch v := arg.(type) {
	case []string:
		return list(oidText, v), oidTextList
	case []int64:
		return list(oidInt, v), oidIntList
	case [][]byte:
		return list(oidBytes, v), oidBytesList
	case []time.Time:
		return list(oidTime, v), oidTimeList
	case []uuid.UUID:
		return list(oidUUID, v), oidUUIDList
	case []*uuid.UUID:
		return list(oidUUID, v), oidUUIDList
	}
	panic(fmt.Sprintf("no parameter is a %T", arg))
}

func encodeInt(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }

func encodeTime(t time.Time) []byte { return encodeInt(t.UnixMicro() - epoch) }

// list encodes an array of one dimension: the number of dimensions, whether there are
// nulls, the type, the length, the first index, and each element after its length.
func list[T any](element uint32, elements []T) []byte {
	b := binary.BigEndian.AppendUint32(nil, 1)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, element)
	b = binary.BigEndian.AppendUint32(b, uint32(len(elements)))
	b = binary.BigEndian.AppendUint32(b, 1)
	for _, e := range elements {
		value, _ := encode(e)
		if value == nil {
			b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // null
			continue
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
		b = append(b, value...)
	}
	return b
}
