package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/sqlite"
)

// OpenStore opens the configured database alone, to read: for commands that look and do
// not act. They need no root key, and work while a server runs.
func OpenStore(ctx context.Context, c Config) (store.Store, error) {
	return openStore(ctx, c, true, nil)
}

func openStore(ctx context.Context, c Config, readOnly bool, observe func(string, time.Duration, error)) (store.Store, error) {
	if isPostgres(c.DatabaseURL) {
		return postgres.Open(ctx, postgres.Options{
			URL: c.DatabaseURL, Dial: operatorDialer().DialContext, ReadOnly: readOnly, Observe: observe,
		})
	}
	path, err := sqlitePath(c.DatabaseURL)
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, sqlite.Options{Path: path, ReadOnly: readOnly, Observe: observe})
}

// Migrated is what Migrate did.
type Migrated = postgres.Migrated

// Migrate brings a PostgreSQL database's schema up to date, as the role in the URL, and
// gives serverRole the rights that a server needs.
func Migrate(ctx context.Context, c Config, serverRole string) (Migrated, error) {
	if err := checkDatabaseURL(c.DatabaseURL); err != nil {
		return Migrated{}, err
	}
	if !isPostgres(c.DatabaseURL) {
		return Migrated{}, errors.New("only PostgreSQL is migrated by hand: a SQLite file is brought up to date whenever it is opened")
	}
	return postgres.Migrate(ctx, postgres.MigrateOptions{
		Options: postgres.Options{URL: c.DatabaseURL, Dial: operatorDialer().DialContext}, ServerRole: serverRole,
	})
}

func isPostgres(databaseURL string) bool {
	return strings.HasPrefix(databaseURL, "postgres://") || strings.HasPrefix(databaseURL, "postgresql://")
}

// ErrNoDatabase says what to set.
var ErrNoDatabase = errors.New("no database is configured: set --database-url sqlite:PATH or postgres://… (STRONGROOM_DATABASE_URL), or --data DIR")

// checkDatabaseURL finds what can be found wrong without opening anything.
func checkDatabaseURL(databaseURL string) error {
	if databaseURL == "" {
		return ErrNoDatabase
	}
	if isPostgres(databaseURL) {
		return postgres.CheckURL(databaseURL)
	}
	_, err := sqlitePath(databaseURL)
	return err
}

// sqlitePath returns the file that a database URL names.
func sqlitePath(databaseURL string) (string, error) {
	if path, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok && path != "" {
		return strings.TrimPrefix(path, "//"), nil
	}
	return "", errors.New("--database-url is of no known kind: write sqlite:PATH or postgres://ROLE@HOST:PORT/DATABASE")
}
