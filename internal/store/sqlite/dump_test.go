package sqlite_test

import (
	"path/filepath"
	"strings"
	"testing"

	driver "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
	"strongroom/internal/store/storetest"
)

func TestDumps(t *testing.T) {
	storetest.RunDumps(t, func(t *testing.T) func(t *testing.T) storetest.Whole {
		path := filepath.Join(t.TempDir(), "strongroom.db")
		return func(t *testing.T) storetest.Whole { return open(t, sqlite.Options{Path: path}) }
	})
}

// TestADumpKnowsEveryTableAndColumn: what a migration adds, and store.Tables does not name,
// would be missing from every backup.
func TestADumpKnowsEveryTableAndColumn(t *testing.T) {
	for added, named := range map[string]string{
		"ALTER TABLE organizations ADD COLUMN colour TEXT": "(organizations.colour)",
		"CREATE TABLE surprises (id BLOB) STRICT":          "(surprises)",
		"ALTER TABLE credentials DROP COLUMN known_host":   "(credentials.known_host)",
	} {
		path := filepath.Join(t.TempDir(), "strongroom.db")
		db := open(t, sqlite.Options{Path: path})
		c, err := driver.OpenConn(path, driver.OpenReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		if err := sqlitex.ExecuteTransient(c, added, nil); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		none := func(store.DumpView) error { return nil }
		if err := db.Dump(t.Context(), none); err == nil || !strings.Contains(err.Error(), named) {
			t.Errorf("%s: a dump says %v", added, err)
		}
		if err := db.Load(t.Context(), func(store.LoadTx) error { return nil }); err == nil || !strings.Contains(err.Error(), named) {
			t.Errorf("%s: a load says %v", added, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
