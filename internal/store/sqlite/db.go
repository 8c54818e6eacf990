package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"strongroom/internal/store"
)

// DB is an open database. It implements store.Store.
type DB struct {
	file        *file
	busyTimeout time.Duration
	readOnly    bool
	observe     func(operation string, took time.Duration, err error)

	writer, readers, snapshots *pool
	closing                    sync.Once
}

var _ store.Store = (*DB)(nil)

// Close waits for what is under way and closes every connection. What is asked for
// afterwards answers ErrUnavailable.
func (db *DB) Close() (err error) {
	db.closing.Do(func() {
		err = errors.Join(db.readers.close(), db.snapshots.close(), db.writer.close())
	})
	return err
}

// read runs a query on one of the readers, if the file still stands at its path.
//
// It does not look at the log: a connection goes on reading what was committed,
// whatever has become of the log's name.
func read[T any](ctx context.Context, db *DB, operation string, query func(*sqlite.Conn) (T, error)) (found T, err error) {
	if err := db.file.present(); err != nil {
		return found, err
	}
	return readRecorded(ctx, db, operation, query)
}

// readRecorded is read for what is used only together with an audit record: to write
// that one looks at the file and the log both, before and after, so that looking here
// as well would cost a secrets read twice and tell nothing more.
func readRecorded[T any](ctx context.Context, db *DB, operation string, query func(*sqlite.Conn) (T, error)) (found T, err error) {
	if db.observe != nil {
		defer db.observed(operation, time.Now(), &err)
	}
	c, err := db.readers.take(ctx)
	if err != nil {
		return found, err
	}
	defer func() { db.readers.put(c) }()
	if c == nil {
		if c, err = db.reconnect(ctx, "PRAGMA query_only = ON"); err != nil {
			return found, interpret(ctx, err)
		}
	}
	found, err = query(c)
	if busy(err) {
		err = db.patiently(ctx, func() error { found, err = query(c); return err })
	}
	return found, interpret(ctx, err)
}

// readLong is read for a query that may take long: it ends when the context does.
// (The others read one row; watching the context would cost them a goroutine.)
func readLong[T any](ctx context.Context, db *DB, operation string, query func(*sqlite.Conn) (T, error)) (T, error) {
	return read(ctx, db, operation, func(c *sqlite.Conn) (T, error) {
		c.SetInterrupt(ctx.Done())
		defer c.SetInterrupt(nil)
		return query(c)
	})
}

// patiently tries until no other process's lock is in the way, the context ends or
// the busy timeout is over.
func (db *DB) patiently(ctx context.Context, try func() error) error {
	deadline := time.Now().Add(db.busyTimeout)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := try()
		if !busy(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// observed tells Options.Observe how an operation ended.
func (db *DB) observed(operation string, began time.Time, err *error) {
	db.observe(operation, time.Since(began), *err)
}

// pool holds a fixed number of connections. One that is nil is not open: whoever
// takes it opens it. The one put back last is taken first: its cache is the freshest,
// and connections beyond what is needed at once are never opened.
type pool struct {
	// free has an entry for every connection in idle.
	free   chan struct{}
	closed chan struct{}

	mu   sync.Mutex
	idle []*sqlite.Conn
}

func newPool(size int) *pool {
	p := &pool{free: make(chan struct{}, size), closed: make(chan struct{})}
	for range size {
		p.put(nil)
	}
	return p
}

// take waits for a connection; it must be put back.
func (p *pool) take(ctx context.Context) (*sqlite.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-p.free:
		return p.pop(), nil
	case <-p.closed:
		return nil, fmt.Errorf("%w: it has been closed", store.ErrUnavailable)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) pop() *sqlite.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	c := p.idle[last]
	p.idle = p.idle[:last]
	return c
}

func (p *pool) put(c *sqlite.Conn) {
	p.mu.Lock()
	p.idle = append(p.idle, c)
	p.mu.Unlock()
	p.free <- struct{}{}
}

// close refuses what waits and what comes, and closes the connections as they are
// put back.
func (p *pool) close() error {
	close(p.closed)
	var errs []error
	for range cap(p.free) {
		<-p.free
		if c := p.pop(); c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
