package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"strongroom/internal/store"
)

// Ready implements store.Store. It commits a change of one row, as a write does, and looks
// whether the schema is still one that this binary knows.
func (db *DB) Ready(ctx context.Context) (err error) {
	if db.observe != nil {
		defer db.observed("ready", time.Now(), &err)
	}
	return db.write(ctx, func(t *tx) error {
		answer, err := t.run(schemaVersion)
		if err != nil {
			return err
		}
		version, err := one(answer, (*row).int)
		if err != nil {
			return err
		}
		if err := compatible(version, int64(len(migrations))); err != nil {
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		t.queue = append(t.queue, sql(`UPDATE strongroom.readiness SET tick = 1 - tick`))
		return nil
	})
}

var schemaVersion = sql(`SELECT version FROM strongroom.schema`)

// compatible says what to do about a schema that a binary cannot work with. One that is one
// step newer was made to work with the binary of before, so that replicas can be replaced
// one by one.
func compatible(found, known int64) error {
	switch {
	case found < known:
		return fmt.Errorf("the database has schema %d and this strongroom needs schema %d: run strongroom migrate of this version", found, known)
	case found > known+1:
		return fmt.Errorf("the database has schema %d, and this strongroom knows up to schema %d: run a strongroom that is at most one release older than the newest that has migrated it", found, known+1)
	}
	return nil
}

var errNoSchema = errors.New("the database has not been set up for strongroom: run strongroom migrate as the role that is to own the tables")
