package storetest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// id is the id of this number.
func id(n int) []byte {
	v := uuid.UUID{6: 0x70, 8: 0x80, 14: byte(n >> 8), 15: byte(n)}
	return v[:]
}

// DumpRows makes n rows of a table, each with values in every column; where a column may be
// null, it is in every other row. They refer to one another as the schema demands, so that
// the rows of all tables make a database.
func DumpRows(t store.Table, n int) []store.Row {
	if t.Name == "installation" {
		n = 1
	}
	rows := make([]store.Row, n)
	for i := range rows {
		rows[i] = dumpRow(t, i)
	}
	return rows
}

func dumpRow(t store.Table, i int) store.Row {
	row := make(store.Row, len(t.Columns))
	for j, c := range t.Columns {
		if c.Null && i%2 == 1 {
			continue
		}
		switch c.Kind {
		case store.KindUUID:
			row[j] = id(i)
		case store.KindInt:
			row[j] = store.EncodeInt(int64(i + 1))
		case store.KindTime:
			row[j] = store.EncodeTime(at(i + j))
		case store.KindBool:
			row[j] = []byte{byte(i % 2)}
		case store.KindText:
			row[j] = fmt.Appendf(nil, "ü %s %d", c.Name, i)
		case store.KindBytes:
			row[j] = append([]byte{0, 0xff, byte(i >> 8), byte(i)}, c.Name...)
			if strings.HasSuffix(c.Name, "hash") {
				sum := sha256.Sum256(row[j])
				row[j] = sum[:]
			}
		}
	}
	// One root key wraps all; and an organization that has anything was not erased.
	if c := t.Column("root_fingerprint"); c >= 0 {
		row[c] = []byte("c0ffee")
	}
	if c := t.Column("erased_at"); c >= 0 {
		row[c] = nil
	}
	// A rotation that has not ended holds a secret.
	if ended := t.Column("ended_at"); t.Name == "rotations" {
		sealed := t.Column("sealed")
		row[sealed] = nil
		if row[ended] == nil {
			row[sealed] = []byte{}
		}
	}
	return row
}

// Each yields rows as a dump does.
func Each(rows []store.Row) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Same tells whether two rows are alike, null and empty told apart.
func Same(a, b store.Row) bool {
	return slices.EqualFunc(a, b, func(x, y []byte) bool { return (x == nil) == (y == nil) && bytes.Equal(x, y) })
}
