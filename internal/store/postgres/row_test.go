package postgres_test

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strings"
	"testing"

	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
)

// encodeRecord is decodeRecord's other way.
func encodeRecord(fields [][]byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(fields)))
	for _, f := range fields {
		out = binary.BigEndian.AppendUint32(out, 25)
		if f == nil {
			out = binary.BigEndian.AppendUint32(out, 1<<32-1)
			continue
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(f))), f...)
	}
	return out
}

// TestWholeRowsAreReadInTheOrderOfTheirColumns holds the tables to what scanning takes for
// granted; columns that were added later come behind.
func TestWholeRowsAreReadInTheOrderOfTheirColumns(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	for table, columns := range postgres.WholeRows() {
		want := regexp.MustCompile(`\b[kac]\.|\s`).ReplaceAllString(columns, "")
		got := cluster.Server.Query(t, d.Name, "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'strongroom."+table+"'::regclass AND attnum > 0")
		if got != want && !strings.HasPrefix(got, want+",") {
			t.Errorf("%s has %s; read are %s", table, got, want)
		}
	}
}

func TestDecodeRecord(t *testing.T) {
	whole := encodeRecord([][]byte{[]byte("one"), nil, {}})
	fields, err := postgres.DecodeRecord(whole)
	if err != nil || len(fields) != 3 || string(fields[0]) != "one" || fields[1] != nil || fields[2] == nil {
		t.Fatalf("%q, %v", fields, err)
	}
	for n := range whole {
		if _, err := postgres.DecodeRecord(whole[:n]); err == nil {
			t.Errorf("its first %d bytes are taken for whole", n)
		}
	}
	if _, err := postgres.DecodeRecord(append(whole, 0)); err == nil {
		t.Error("more than a record is taken for one")
	}
	if _, err := postgres.DecodeRecord(bytes.Repeat([]byte{0xff}, 12)); err == nil {
		t.Error("four thousand million fields are taken for granted")
	}
}

// FuzzDecodeRecord: what decodes is what it was encoded from, but for the types.
func FuzzDecodeRecord(f *testing.F) {
	f.Add(encodeRecord(nil))
	f.Add(encodeRecord([][]byte{[]byte("one"), nil, {}}))
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 25, 0x80, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 2, 0, 0, 0, 25, 0, 0, 0, 9, 'x', 0, 0, 0})
	f.Fuzz(func(t *testing.T, record []byte) {
		fields, err := postgres.DecodeRecord(record)
		if err != nil {
			return
		}
		again := encodeRecord(fields)
		if len(again) != len(record) {
			t.Fatalf("%d bytes become %d", len(record), len(again))
		}
		twice, err := postgres.DecodeRecord(again)
		if err != nil || len(twice) != len(fields) {
			t.Fatalf("%d fields become %d, %v", len(fields), len(twice), err)
		}
	})
}
