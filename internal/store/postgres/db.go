package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"strongroom/internal/store"
)

// DB is an open database. It implements store.Store.
type DB struct {
	pool      *pgxpool.Pool
	patience  time.Duration
	readOnly  bool
	observe   func(operation string, took time.Duration, err error)
	snapshots chan struct{}
	together  together
	lateAfter time.Duration

	closing sync.Once
	closed  chan struct{}
}

var _ store.Store = (*DB)(nil)

var (
	errClosed   = fmt.Errorf("%w: it has been closed", store.ErrUnavailable)
	errReadOnly = fmt.Errorf("%w: it was opened for reading only", store.ErrUnavailable)
)

// Close waits for what is under way and closes every connection. What is asked for
// afterwards answers ErrUnavailable.
func (db *DB) Close() error {
	db.closing.Do(func() {
		close(db.closed)
		db.pool.Close()
	})
	return nil
}

// acquire waits for a connection. caller is the context without our own deadline.
func (db *DB) acquire(caller, ctx context.Context) (*pgxpool.Conn, error) {
	if err := caller.Err(); err != nil {
		return nil, err
	}
	select {
	case <-db.closed:
		return nil, errClosed
	default:
	}
	c, err := db.pool.Acquire(ctx)
	if err != nil {
		return nil, interpret(caller, err)
	}
	return c, nil
}

// lookUp asks for one row, or a few.
func (db *DB) lookUp(ctx context.Context, operation string, statements ...statement) (result, error) {
	return db.ask(ctx, operation, db.patience, statements)
}

// list asks for what may take longer.
func (db *DB) list(ctx context.Context, operation string, statements ...statement) (result, error) {
	return db.ask(ctx, operation, 3*db.patience, statements)
}

// ask runs statements that change nothing, and returns what the last came to. On a
// connection that turns out to be broken they are asked once more: when a server ends, it
// takes all of its connections with it.
func (db *DB) ask(ctx context.Context, operation string, patience time.Duration, statements []statement) (last result, err error) {
	if db.observe != nil {
		defer db.observed(operation, time.Now(), &err)
	}
	results, err := db.askAll(ctx, patience, statements)
	if err != nil {
		return last, err
	}
	return results[len(results)-1], nil
}

// askAll is ask for what every statement came to.
func (db *DB) askAll(ctx context.Context, patience time.Duration, statements []statement) ([]result, error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for again := false; ; again = true {
		c, err := db.acquire(ctx, bounded)
		if err != nil {
			return nil, err
		}
		results, err := fly(bounded, c.Conn().PgConn(), statements)
		c.Release()
		if err == nil {
			return results, nil
		}
		if bounded.Err() == nil && broken(err) {
			db.pool.Reset()
			if !again {
				continue
			}
		}
		return nil, interpret(ctx, err)
	}
}

// observed tells Options.Observe how an operation ended.
func (db *DB) observed(operation string, began time.Time, err *error) {
	db.observe(operation, time.Since(began), *err)
}

// enter sets the organization, for the transaction that the statement is in. The nil UUID
// is the operator.
func enter(organization uuid.UUID) statement {
	return sql(`SELECT set_config('strongroom.organization', $1, true)`, organization.String())
}
