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
		// The table is too small for PostgreSQL to use an index otherwise.
		if err := postgres.RunInTx(tx, `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)`); err != nil {
			return err
		}
		found, err := tx.ClaimChecks(moment, moment.Add(time.Minute), 10, []string{newCredential(organization).Provider})
		if err != nil {
			return err
		}
		claimed = len(found)
		return postgres.RunInTx(tx, `SELECT 1 / (sum(pg_stat_get_xact_tuples_returned(indexrelid)) < 20)::int
			FROM pg_index WHERE indrelid = 'strongroom.credentials'::regclass`)
	})
	if claimed != 1 {
		t.Errorf("%d were claimed", claimed)
	}
}
