package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// SealedTables are the tables of sealedTables, without their schema.
func SealedTables() (tables []string) {
	for _, kind := range store.SealedKinds {
		tables = append(tables, strings.TrimPrefix(sealedTables[kind].name, "strongroom."))
	}
	return tables
}

// WholeRows are the columns of the tables whose rows key_account_credential answers, as they
// are read, with those that are left out.
func WholeRows() map[string]string {
	before, after, _ := strings.Cut(credentialColumns, "c.health_state")
	return map[string]string{
		"api_keys":         "k.hash, " + keyColumns,
		"service_accounts": accountColumns,
		"credentials": before + "c.renew_fence, c.leased_until, c.claimed_until, c.check_claimed_until, c.rotate_claimed_until, c.health_state" +
			after + ", c.sealed",
	}
}

// Alive is alive.
var Alive = alive

// DecodeRecord is decodeRecord.
var DecodeRecord = decodeRecord

// MostAloft is mostAloft.
const MostAloft = mostAloft

// FullFlight is fullFlight.
const FullFlight = fullFlight

// SetLateAfter sets lateAfter, before the first look-up.
func (db *DB) SetLateAfter(d time.Duration) { db.lateAfter = d }

// Waiting counts the look-ups that wait for a shared flight.
func (db *DB) Waiting() int { return db.together.queued() }

// Known is the schema version of this binary.
var Known = int64(len(migrations))

// MigrateWith is Migrate with further steps, as a newer binary has them.
func MigrateWith(ctx context.Context, o MigrateOptions, further ...string) (Migrated, error) {
	return migrate(ctx, o, append(migrations[:len(migrations):len(migrations)], further...))
}

// Run runs a statement as a look-up of the organization's does, nil: of nobody's, and
// returns how many rows it found or changed.
func (db *DB) Run(ctx context.Context, organization *uuid.UUID, text string, args ...any) (int, error) {
	statements := []statement{sql(text, args...)}
	if organization != nil {
		statements = []statement{enter(*organization), statements[0]}
	}
	answer, err := db.lookUp(ctx, "test", statements...)
	return int(answer.changed), err
}

// RunInTx runs a statement in the transaction.
func RunInTx(t store.Tx, text string, args ...any) error {
	_, err := t.(*tx).run(sql(text, args...))
	return err
}
