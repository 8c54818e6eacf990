package postgres

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// maxReplays bounds how often one flight is tried anew.
	maxReplays = 5
	// replayPause is how long to wait at most before the first replay; those that met do
	// not meet again.
	replayPause = 20 * time.Millisecond
)

// flown is a flight of the transaction, and how it ended.
type flown struct {
	statements []statement
	results    []result
	// code is why its last statement failed; empty: it did not.
	code string
}

// errChanged answers a replay that went another way.
var errChanged = &unavailable{reason: "other writers were in the way, and have changed what this one built on: try again", cause: errors.New("a replay was answered otherwise")}

// fly sends a flight. Where PostgreSQL takes the transaction back because of another's, all
// of it is played again from the start: the function that writes it may run only once, but
// what it did is known. It goes on where every answer is the one that the function saw.
func (t *tx) fly(statements []statement) ([]result, error) {
	pg := t.conn.Conn().PgConn()
	results, err := fly(t.ctx, pg, statements)
	if t.once {
		return results, err
	}
	for try := 1; retaken(err) && try <= maxReplays; try++ {
		select {
		case <-time.After(rand.N(time.Duration(try) * replayPause)):
		case <-t.ctx.Done():
			return nil, t.ctx.Err()
		}
		if _, err = fly(t.ctx, pg, []statement{rollback}); err != nil {
			return nil, err
		}
		if err = t.replay(pg); err == nil {
			results, err = fly(t.ctx, pg, statements)
		}
	}
	t.past = append(t.past, flown{statements, results, codeOf(err)})
	return results, err
}

// replay sends every flight of the past.
func (t *tx) replay(pg *pgconn.PgConn) error {
	for _, f := range t.past {
		results, err := fly(t.ctx, pg, f.statements)
		if code := codeOf(err); err != nil && (code == "" || retaken(err)) {
			return err
		} else if code != f.code || len(results) != len(f.results) {
			return errChanged
		}
		for i, r := range results {
			if !r.same(f.results[i]) {
				return errChanged
			}
		}
	}
	return nil
}

// codeOf returns PostgreSQL's code of an error; empty where it has none.
func codeOf(err error) string {
	if said := (*pgconn.PgError)(nil); errors.As(err, &said) {
		return said.Code
	}
	return ""
}
