package sqlite_test

import (
	"path/filepath"
	"testing"

	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
	"strongroom/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		path := filepath.Join(t.TempDir(), "strongroom.db")
		return func(t *testing.T) store.Store { return open(t, sqlite.Options{Path: path}) }
	})
}

// open opens a database that must open. Who opens it closes it.
func open(t *testing.T, o sqlite.Options) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
