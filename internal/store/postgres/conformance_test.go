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
	d := cluster.Database(t)
	conform(t, cluster, d, d.URL)
}

// TestConformanceBehindPgBouncer is the same behind a PgBouncer in transaction mode that
// has fewer connections than the stores, and resets each one after every transaction.
func TestConformanceBehindPgBouncer(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	conform(t, cluster, d, postgrestest.Address(cluster.Bouncer(t), cluster.Role, d.Name))
}

// conform empties one database again and again, which is faster than to make new ones, and
// lets a pooler keep its connections.
func conform(t *testing.T, cluster *postgrestest.Cluster, d postgrestest.Database, url string) {
	t.Helper()
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		cluster.Clear(t, d)
		return func(t *testing.T) store.Store { return open(t, postgres.Options{URL: url}) }
	})
}

// open opens a database that must open, and closes it when the test ends.
func open(t *testing.T, o postgres.Options) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
