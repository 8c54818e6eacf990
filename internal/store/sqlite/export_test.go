package sqlite

import (
	"context"
	"fmt"

	"strongroom/internal/store"
)

// SealedTables are the tables of sealedTables.
func SealedTables() (tables []string) {
	for _, kind := range store.SealedKinds {
		tables = append(tables, sealedTables[kind].name)
	}
	return tables
}

// SealedRecords is the text of sealedRecords.
func SealedRecords(kind store.SealedKind) string { return sealedRecords(sealedTables[kind]) }

// Recognize is recognize.
var Recognize = recognize

// Interpret is interpret.
var Interpret = interpret

// The queries whose plans are tested.
const (
	CountHealth  = countHealth
	DueChecks    = dueChecks
	DueRotations = dueRotations
	DueStarts    = dueStarts
)

// RotationList is the text of rotationList.
func RotationList(f store.RotationFilter) string {
	query, _ := rotationList(f)
	return query
}

// SetMaxPages bounds the size of the database, as a full disk would; 0 lifts the
// bound. It returns how many pages there are.
func (db *DB) SetMaxPages(ctx context.Context, pages int) (count int, err error) {
	c, err := db.writer.take(ctx)
	if err != nil {
		return 0, err
	}
	defer db.writer.put(c)
	if pages == 0 {
		pages = 1 << 30
	}
	if _, err := pragma(c, fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		return 0, err
	}
	return pragma(c, "PRAGMA page_count")
}

// BreakWriter leaves a transaction open on the writer, as a rollback that fails does.
func (db *DB) BreakWriter(ctx context.Context) error {
	c, err := db.writer.take(ctx)
	if err != nil {
		return err
	}
	defer db.writer.put(c)
	return db.begin(ctx, c)
}

// RunInTx runs a statement in the transaction.
func RunInTx(t store.Tx, statement string) error {
	_, err := t.(*tx).run(statement, nil)
	return err
}
