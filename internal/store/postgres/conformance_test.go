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

// TestConformanceBehindPgBouncer is the same behind a PgBouncer in transaction mode that
// has fewer connections than the stores, and resets each one after every transaction. One
// database is emptied again and again, so that the pooler's connections stay.
func TestConformanceBehindPgBouncer(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	bouncer := cluster.Bouncer(t)
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		cluster.Clear(t, d)
		return func(t *testing.T) store.Store {
			return open(t, postgres.Options{URL: postgrestest.Address(bouncer, cluster.Role, d.Name)})
		}
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
