package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Open opens the database, whose schema must have been made by [Migrate]. Its errors are
// sentences for the operator.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	c, err := configure(o)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, errURL
	}
	db := &DB{
		pool: pool, patience: o.Patience, readOnly: o.ReadOnly, observe: o.Observe,
		lateAfter: lateAfter, snapshots: make(chan struct{}, maxSnapshots), closed: make(chan struct{}),
	}
	if err := db.examine(ctx, o.Whole); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), db.Close())
	}
	return db, nil
}

// standing is what a role is to a database.
type standing struct {
	version                int64
	schema, enters, exempt bool
	durable                bool
}

// examine refuses a database that must not be used as it is.
func (db *DB) examine(ctx context.Context, whole bool) error {
	answer, err := db.lookUp(ctx, "examine", sql(`SELECT current_setting('server_version_num')::bigint, n.oid IS NOT NULL,
			coalesce(has_schema_privilege(n.oid, 'USAGE'), false),
			rolsuper OR rolbypassrls OR coalesce(pg_has_role(n.nspowner, 'MEMBER'), false),
			current_setting('synchronous_commit') <> 'off'
		FROM pg_roles LEFT JOIN pg_namespace n ON n.nspname = 'strongroom' WHERE rolname = current_user`))
	if err != nil {
		return err
	}
	s, err := one(answer, func(r *row) standing {
		return standing{version: r.int(), schema: r.bool(), enters: r.bool(), exempt: r.bool(), durable: r.bool()}
	})
	switch {
	case err != nil:
		return err
	case s.version < minimumVersion:
		return errors.New("strongroom needs PostgreSQL 14 or later")
	case whole && !s.schema:
		return errNoSchema
	case whole && !s.exempt:
		return errNotWhole
	case whole && s.enters:
	case s.exempt && s.schema || s.exempt && !s.enters:
		return errors.New("the role in the URL owns the tables, may become who does, or bypasses row-level security, so that nothing would stand between organizations: name the role that strongroom migrate was given with --server-role")
	case !s.schema:
		return errNoSchema
	case !s.enters:
		return errors.New("the role in the URL has no rights on strongroom's tables: name the one that strongroom migrate was given with --server-role, or run that again")
	}
	if !s.durable {
		return errors.New("synchronous_commit is off for this role or database, so that what was acknowledged could be lost: set it on")
	}
	return db.checkVersion(ctx)
}

func (db *DB) checkVersion(ctx context.Context) error {
	answer, err := db.lookUp(ctx, "schema_version", schemaVersion)
	if err != nil {
		return err
	}
	version, err := one(answer, (*row).int)
	if err != nil {
		return err
	}
	return compatible(version, int64(len(migrations)))
}
