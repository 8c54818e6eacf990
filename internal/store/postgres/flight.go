package postgres

import (
	"bytes"
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"strongroom/internal/store"
)

// binaryFormat holds for all of a statement's parameters, and for all of its columns.
var binaryFormat = []int16{1}

// result is what one statement came to.
type result struct {
	rows    [][][]byte
	changed int64
	tag     string
}

// fly sends the statements together, and returns what each came to in their order; with an
// error, what those before the failed one did. They are one transaction where none is open.
// A text that comes again at once is not sent again: the unnamed statement is still there,
// and no pooler parts what stands before one Sync.
func fly(ctx context.Context, c *pgconn.PgConn, statements []statement) ([]result, error) {
	var batch pgconn.Batch
	for i, s := range statements {
		if i > 0 && s.text == statements[i-1].text && slices.Equal(s.oids, statements[i-1].oids) {
			batch.ExecPrepared("", s.values, binaryFormat, binaryFormat)
			continue
		}
		batch.ExecParams(s.text, s.values, s.oids, binaryFormat, binaryFormat)
	}
	answers := c.ExecBatch(ctx, &batch)
	results := make([]result, 0, len(statements))
	for answers.NextResult() {
		if r, err := read(answers.ResultReader()); err == nil {
			results = append(results, r)
		}
	}
	return results, answers.Close()
}

// read copies a result out of the connection's buffer.
func read(answer *pgconn.ResultReader) (r result, err error) {
	for answer.NextRow() {
		values := answer.Values()
		size := 0
		for _, v := range values {
			size += len(v)
		}
		buffer, copied := make([]byte, 0, size), make([][]byte, len(values))
		for i, v := range values {
			if v == nil {
				continue
			}
			start := len(buffer)
			buffer = append(buffer, v...)
			copied[i] = buffer[start:len(buffer):len(buffer)]
		}
		r.rows = append(r.rows, copied)
	}
	tag, err := answer.Close()
	r.changed, r.tag = tag.RowsAffected(), tag.String()
	return r, err
}

// same tells whether both were answered alike.
func (r result) same(other result) bool {
	if r.tag != other.tag || len(r.rows) != len(other.rows) {
		return false
	}
	for i, values := range r.rows {
		for j, v := range values {
			if !bytes.Equal(v, other.rows[i][j]) || (v == nil) != (other.rows[i][j] == nil) {
				return false
			}
		}
	}
	return true
}

// one reads the only row; store.ErrNotFound where there is none.
func one[T any](r result, scan func(*row) T) (found T, err error) {
	if len(r.rows) == 0 {
		return found, store.ErrNotFound
	}
	columns := row{values: r.rows[0]}
	found = scan(&columns)
	return found, columns.err
}

// many reads all rows.
func many[T any](r result, scan func(*row) T) (found []T, err error) {
	for _, values := range r.rows {
		columns := row{values: values}
		v := scan(&columns)
		if columns.err != nil {
			return nil, columns.err
		}
		found = append(found, v)
	}
	return found, nil
}
