package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations are the schema's steps in order; applying the first n makes version n. A
// release has one at most, and each must leave the binary of before at work.
var migrations = func() []string {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		panic(err)
	}
	steps := make([]string, len(names))
	for i, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			panic(err)
		}
		steps[i] = string(text)
	}
	return steps
}()

const (
	// migrationLock is the advisory lock that migrations are made under: "strongrm".
	migrationLock = 0x7374726f6e67726d
	// migrateTimeout bounds the whole of a migration, the wait for others' included.
	migrateTimeout = 10 * time.Minute
	// minimumVersion is PostgreSQL's, as it numbers itself.
	minimumVersion = 140000
)

// MigrateOptions say what to migrate, and for whom.
type MigrateOptions struct {
	// URL is that of Options, with the role that owns the tables, or is to own them.
	Options
	// ServerRole is the role that servers run as. It is made where it is missing, if the
	// owner may make roles, and gets the rights it needs and no others.
	ServerRole string
}

// Migrated is what a migration did.
type Migrated struct {
	// From and To are schema versions; alike where nothing was to be done.
	From, To int64
}

// Migrate brings the schema up to date, all of it in one transaction, under a lock: of
// several at once one does the work, and the others find it done. Its errors are sentences
// for the operator.
func Migrate(ctx context.Context, o MigrateOptions) (done Migrated, err error) {
	return migrate(ctx, o, migrations)
}

func migrate(ctx context.Context, o MigrateOptions, steps []string) (done Migrated, err error) {
	c, err := configure(o.Options)
	if err != nil {
		return done, err
	}
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, &c.ConnConfig.Config)
	if err != nil {
		return done, fmt.Errorf("migrate the database: %w", interpret(ctx, err))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // and with it, a transaction that has not ended
	done, err = migration{ctx: ctx, conn: conn, role: o.ServerRole}.run(steps)
	if err != nil {
		return done, fmt.Errorf("migrate the database: %w", err)
	}
	return done, nil
}

// migration is one run, within one transaction.
type migration struct {
	ctx  context.Context
	conn *pgconn.PgConn
	role string
}

// ask returns the rows of one statement.
func (m migration) ask(s statement) (result, error) {
	results, err := fly(m.ctx, m.conn, []statement{s})
	if err != nil {
		return result{}, explainMigration(m.ctx, err)
	}
	return results[0], nil
}

// execute runs a script.
func (m migration) execute(script string) error {
	_, err := m.conn.Exec(m.ctx, script).ReadAll()
	return explainMigration(m.ctx, err)
}

// explainMigration shows what PostgreSQL said: here it is the operator who reads it.
func explainMigration(ctx context.Context, err error) error {
	if said := (*pgconn.PgError)(nil); errors.As(err, &said) {
		if said.Code == codePermission {
			return fmt.Errorf("sign in as the role that owns the tables, or is to own them and may create in the database; PostgreSQL says: %s (%s)", said.Message, said.Code)
		}
		return fmt.Errorf("PostgreSQL says: %s (%s)", said.Message, said.Code)
	}
	return interpret(ctx, err)
}

func (m migration) run(steps []string) (done Migrated, err error) {
	if err := m.checkServer(); err != nil {
		return done, err
	}
	if err := m.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"); err != nil {
		return done, err
	}
	if _, err := m.ask(sql(`SELECT pg_advisory_xact_lock($1)`, int64(migrationLock))); err != nil {
		return done, err
	}
	if done.From, err = m.version(); err != nil {
		return done, err
	}
	done.To = max(done.From, int64(len(steps)))
	for version := done.From; version < int64(len(steps)); version++ {
		if err := m.execute(steps[version]); err != nil {
			return done, fmt.Errorf("to schema %d: %w", version+1, err)
		}
	}
	if _, err := m.ask(sql(`UPDATE strongroom.schema SET version = $1`, done.To)); err != nil {
		return done, err
	}
	if err := m.grant(); err != nil {
		return done, err
	}
	return done, m.execute("COMMIT")
}

// version makes sure that there is a schema with a version, and returns that.
func (m migration) version() (int64, error) {
	answer, err := m.ask(sql(`SELECT to_regnamespace('strongroom') IS NOT NULL`))
	if err != nil {
		return 0, err
	}
	there, err := one(answer, (*row).bool)
	if err != nil {
		return 0, err
	}
	if !there {
		err := m.execute(`CREATE SCHEMA strongroom;
			CREATE TABLE strongroom.schema (singleton boolean PRIMARY KEY CHECK (singleton), version bigint NOT NULL);
			INSERT INTO strongroom.schema (singleton, version) VALUES (true, 0)`)
		return 0, err
	}
	answer, err = m.ask(schemaVersion)
	if err != nil {
		return 0, err
	}
	return one(answer, (*row).int)
}

func (m migration) checkServer() error {
	answer, err := m.ask(sql(`SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding')`))
	if err != nil {
		return err
	}
	server, err := one(answer, func(r *row) struct {
		version  int64
		encoding string
	} {
		return struct {
			version  int64
			encoding string
		}{r.int(), r.text()}
	})
	switch {
	case err != nil:
		return err
	case server.version < minimumVersion:
		return errors.New("strongroom needs PostgreSQL 14 or later")
	case server.encoding != "UTF8":
		return errors.New("the database's encoding must be UTF8: make it with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0")
	}
	return nil
}
