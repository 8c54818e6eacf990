package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
)

// TestAClaimDoesNotGoThroughWhatItLeavesOut: however much is due of a provider that has its
// share already, a claim for the others looks at none of it.
func TestAClaimDoesNotGoThroughWhatItLeavesOut(t *testing.T) {
	cluster := postgrestest.New(t)
	db := open(t, postgres.Options{URL: cluster.Database(t).URL})
	t.Cleanup(func() { _ = db.Close() })
	organization, _ := furnish(t, db)
	const due = 300
	write(t, db, func(tx store.Tx) error {
		for i := range due + 1 {
			c := newCredential(organization)
			c.Name, c.Health.NextAt = fmt.Sprint("due ", i), &moment
			if i == 0 {
				c.Provider = "postgresql"
			}
			if err := tx.CreateCredential(c, store.CredentialLimits{}); err != nil {
				return err
			}
		}
		return nil
	})
	claimed := 0
	write(t, db, func(tx store.Tx) error {
		found, err := tx.ClaimChecks(moment, moment.Add(time.Minute), 10, []string{newCredential(organization).Provider})
		if err != nil {
			return err
		}
		claimed = len(found)
		return postgres.RunInTx(tx, `SELECT 1 / (pg_stat_get_xact_tuples_fetched('strongroom.credentials'::regclass) < 20)::int`)
	})
	if claimed != 1 {
		t.Errorf("%d were claimed", claimed)
	}
}
