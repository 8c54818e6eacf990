package sqlite

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// applicationID marks the file as ours: "Strg" in PRAGMA application_id.
const applicationID = 0x53747267

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations are the schema's steps in order; applying the first n makes version n.
var migrations = func() []string {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		panic(err)
	}
	steps := make([]string, len(names))
	for i, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			panic(err)
		}
		steps[i] = string(text)
	}
	return steps
}()

// marks are read as one, for another process may be making the database meanwhile.
const marks = `SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
	FROM pragma_application_id a, pragma_user_version v`

// recognize returns the file's schema version, 0 for a new file. It refuses a file
// that is none of ours and one that a newer binary made, before anything is changed.
func recognize(c *sqlite.Conn, path string) (version int, err error) {
	found, err := one(c, marks, func(*params) {}, func(r *row) [3]int { return [3]int{int(r.int()), int(r.int()), int(r.int())} })
	if err != nil {
		return 0, err
	}
	application, version, objects := found[0], found[1], found[2]
	switch {
	case application == 0 && version == 0 && objects == 0:
		return 0, nil
	case application != applicationID:
		return 0, fmt.Errorf("the file %s is a database of another program: name a file of its own for strongroom", path)
	case version > len(migrations):
		return 0, fmt.Errorf("the database %s was made by a newer strongroom (schema %d, this one knows up to %d): run the newer one", path, version, len(migrations))
	}
	return version, nil
}

// version is recognize, and waits for other processes.
func (db *DB) version(ctx context.Context, c *sqlite.Conn) (version int, err error) {
	err = db.patiently(ctx, func() error { version, err = recognize(c, db.file.path); return err })
	return version, err
}

// migrate brings the schema up to date, one transaction a step. Whoever comes second,
// another process perhaps, waits for the first and finds the step done. After an
// error the connection must be closed, which takes an unfinished step back.
func (db *DB) migrate(ctx context.Context, c *sqlite.Conn) error {
	for {
		version, err := db.version(ctx, c)
		if err != nil || version == len(migrations) {
			return err
		}
		if err := db.begin(ctx, c); err != nil {
			return err
		}
		if err := step(c, db.file.path); err != nil {
			return err
		}
	}
}

// step applies the next migration within the transaction that c is in.
func step(c *sqlite.Conn, path string) error {
	version, err := recognize(c, path)
	if err != nil {
		return err
	}
	if version < len(migrations) {
		if err := sqlitex.ExecuteScript(c, migrations[version], nil); err != nil {
			return fmt.Errorf("migrate the database to schema %d: %w", version+1, err)
		}
		mark := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, version+1)
		if err := sqlitex.ExecuteScript(c, mark, nil); err != nil {
			return err
		}
	}
	_, err = run(c, "COMMIT", nil)
	return err
}

// pragma returns the one integer that a query answers.
func pragma(c *sqlite.Conn, query string) (int, error) {
	return one(c, query, func(*params) {}, func(r *row) int { return int(r.int()) })
}
