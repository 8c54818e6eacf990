package postgres_test

import (
	"testing"

	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
	"strongroom/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	cluster := postgrestest.New(t)
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		d := cluster.Database(t)
		return func(t *testing.T) store.Store { return open(t, postgres.Options{URL: d.URL}) }
	})
}

// open opens a database that must open. Who opens it closes it.
func open(t *testing.T, o postgres.Options) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
