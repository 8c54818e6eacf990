package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Options say which database and how. Zero fields mean the default.
type Options struct {
	// Path is the file's. Its directory must exist; the file is created, readable for
	// its owner alone, unless ReadOnly.
	Path string
	// Readers is how many connections read at most; 2 a processor, at least 2.
	Readers int
	// BusyTimeout is how long to wait for another process's lock; 5 s.
	BusyTimeout time.Duration
	// ReadOnly opens an existing database of this binary's schema and refuses writes.
	ReadOnly bool
	// Observe, where not nil, is told of every operation once: its fixed name, its
	// time with all waiting, and how it ended.
	Observe func(operation string, took time.Duration, err error)
}

// settings hold for every connection.
//
//   - synchronous: a commit has reached the disk when it returns.
//   - secure_delete: what was deleted or overwritten is zeroed in the file.
//   - cache_size: 512 KB. More would be of little use: a connection that finds the log
//     changed by another drops its cache.
//   - temp_store: sorting never leaves rows in a temporary file.
//   - journal_size_limit: a log that a long reader made grow shrinks again, to 16 MB.
var settings = []string{
	"PRAGMA synchronous = FULL",
	"PRAGMA foreign_keys = ON",
	"PRAGMA secure_delete = ON",
	"PRAGMA cache_size = -512",
	"PRAGMA temp_store = MEMORY",
	"PRAGMA trusted_schema = OFF",
	"PRAGMA journal_size_limit = 16777216",
}

// Open opens the database, creates it or brings its schema up to date; several
// processes may do so at once. Its errors are sentences for the operator.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Readers <= 0 {
		o.Readers = max(2, 2*runtime.GOMAXPROCS(0))
	}
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 5 * time.Second
	}
	file, err := locate(o.Path, !o.ReadOnly)
	if err != nil {
		return nil, err
	}
	db := &DB{
		file: file, busyTimeout: o.BusyTimeout, readOnly: o.ReadOnly, observe: o.Observe,
		writer: newPool(1), readers: newPool(o.Readers), snapshots: newPool(maxSnapshots),
	}
	c, err := db.first(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", file.path, interpret(ctx, err))
	}
	pool := db.writer
	if o.ReadOnly {
		pool = db.readers
	}
	if _, err := pool.take(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	pool.put(c)
	return db, nil
}

// first opens the first connection and makes the file fit to be used.
func (db *DB) first(ctx context.Context) (*sqlite.Conn, error) {
	c, err := db.connect(ctx)
	if err != nil {
		return nil, err
	}
	err = db.prepare(ctx, c)
	if err == nil {
		err = db.file.opened()
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// prepare brings the file to WAL and to this binary's schema. It ends with a read,
// after which there is a log.
func (db *DB) prepare(ctx context.Context, c *sqlite.Conn) error {
	version, err := db.version(ctx, c)
	if err != nil {
		return err
	}
	if db.readOnly {
		if version < len(migrations) {
			return errors.New("its schema is older than this strongroom's: start the server once, which brings it up to date")
		}
		return nil
	}
	if err := db.execute(ctx, c, "PRAGMA journal_mode = WAL"); err != nil {
		return err
	}
	return db.migrate(ctx, c)
}

// connect opens a connection. It never waits for a lock by itself: patiently does,
// and honours the context.
//
// The driver's SetDefensive must not be called. It leaves out the last argument of
// sqlite3_db_config, a place for an answer, so that a 1 is written wherever what happens to
// be in memory there points to; most often to the piece that the heap gives out next, and
// with it into what another connection has just bound. No statement is anybody's but ours,
// so that there is nothing for it to defend from.
func (db *DB) connect(ctx context.Context) (*sqlite.Conn, error) {
	flags := sqlite.OpenReadWrite
	if db.readOnly {
		flags = sqlite.OpenReadOnly
	}
	c, err := sqlite.OpenConn(db.file.path, flags)
	if err != nil {
		return nil, err
	}
	c.SetBusyTimeout(0)
	for _, setting := range settings {
		if err == nil {
			err = db.execute(ctx, c, setting)
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// reconnect opens a connection once the file is known, and none to another file.
func (db *DB) reconnect(ctx context.Context, settings ...string) (*sqlite.Conn, error) {
	if err := db.file.intact(); err != nil {
		return nil, err
	}
	c, err := db.connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, setting := range settings {
		if err == nil {
			err = db.execute(ctx, c, setting)
		}
	}
	if err == nil {
		_, err = db.version(ctx, c) // SQLite opens the file with the first read
	}
	if err == nil {
		err = db.file.intact()
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// execute runs a statement once.
func (db *DB) execute(ctx context.Context, c *sqlite.Conn, statement string) error {
	return db.patiently(ctx, func() error { return sqlitex.ExecuteTransient(c, statement, nil) })
}
