package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/backup"
	"strongroom/internal/catalog"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/sqlite"
)

// whole is a database that can be read and filled as a whole.
type whole interface {
	store.Store
	store.Dumper
	store.Loader
}

// openWhole opens a database as a whole, which takes more rights than a server has.
func openWhole(ctx context.Context, databaseURL string, readOnly bool) (whole, error) {
	if isPostgres(databaseURL) {
		return postgres.Open(ctx, postgres.Options{
			URL: databaseURL, Dial: operatorDialer().DialContext, ReadOnly: readOnly, Whole: true,
		})
	}
	path, err := sqlitePath(databaseURL)
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, sqlite.Options{Path: path, ReadOnly: readOnly})
}

// BackupOptions say whereto. Without a Directory, the keys file alone is written.
type BackupOptions struct {
	Directory, Keys string
}

// Backup makes a backup of the configured database, which servers may go on using.
func Backup(ctx context.Context, c Config, o BackupOptions) (done backup.Created, err error) {
	if err := c.Validate(false); err != nil {
		return done, err
	}
	s, err := openWhole(ctx, c.DatabaseURL, true)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	keepers, close, err := openKeepers(ctx, c)
	defer func() { err = errors.Join(err, close()) }()
	if err != nil {
		return done, err
	}
	trusted, err := trust(ctx, keepers, s)
	if err != nil {
		return done, err
	}
	return backup.Create(ctx, backup.CreateOptions{
		From: s, Directory: o.Directory, Keys: o.Keys, Signer: trusted.Signer, Clock: systemClock, MadeBy: Version(),
	})
}

// trust opens the signing keys of a database whose root key is among the keepers.
func trust(ctx context.Context, keepers seal.Keepers, s store.Keys) (trusted backup.Trusted, err error) {
	known, err := s.Installation(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return trusted, backup.ErrNothing
	}
	if err != nil {
		return trusted, fmt.Errorf("the database cannot be read: %w", err)
	}
	if err := checkRootKey(keepers, known); err != nil {
		return trusted, err
	}
	keys, err := s.SigningKeys(ctx)
	if err != nil {
		return trusted, fmt.Errorf("the audit signing keys cannot be read: %w", err)
	}
	if len(keys) == 0 {
		return trusted, backup.ErrNothing
	}
	return openSigningKeys(ctx, keepers, keys)
}

// RestoreOptions say what to restore.
type RestoreOptions struct {
	Data string
	// Keys is the keys file; empty: the one beside the data.
	Keys string
	// Previous is the database that the restored one takes the place of, to compare with;
	// empty: none.
	Previous string
	Caller   strongroom.Caller
}

// CheckBackup checks a backup and writes nothing. Where no other is named, it is compared
// with the configured database.
func CheckBackup(ctx context.Context, c Config, o RestoreOptions) (report *backup.Report, err error) {
	if o.Previous == "" {
		o.Previous = c.DatabaseURL
	}
	err = o.prepare(ctx, c, func(options backup.Options) error {
		report, err = backup.Check(ctx, options)
		return err
	})
	return report, err
}

// RestoreBackup restores a backup into the configured database, which must be empty: a
// SQLite file must not be there, and PostgreSQL must have been migrated.
func RestoreBackup(ctx context.Context, c Config, o RestoreOptions) (report *backup.Report, err error) {
	if err := c.Validate(false); err != nil {
		return nil, err
	}
	err = o.prepare(ctx, c, func(options backup.Options) error {
		restore := restorePostgres
		if !isPostgres(c.DatabaseURL) {
			restore = restoreSQLite
		}
		report, err = restore(ctx, c.DatabaseURL, options, o.Caller)
		return err
	})
	return report, err
}

// prepare opens what a check needs, and closes it whatever comes.
func (o RestoreOptions) prepare(ctx context.Context, c Config, do func(backup.Options) error) (err error) {
	if c.RootKey == "" {
		return errNoRootKey
	}
	if o.Keys == "" {
		o.Keys = filepath.Join(filepath.Dir(o.Data), backup.KeysName)
	}
	providers, err := catalog.Load(c.Catalog)
	if err != nil {
		return err
	}
	keepers, close, err := openKeepers(ctx, c)
	defer func() { err = errors.Join(err, close()) }()
	if err != nil {
		return err
	}
	options := backup.Options{
		Data: o.Data, Keys: o.Keys, Root: keepers, Clock: systemClock,
		Trust: func(ctx context.Context, keys []store.SigningKey) (backup.Trusted, error) {
			return openSigningKeys(ctx, keepers, keys)
		},
		Rotates: func(provider string) bool {
			p, ok := providers.Provider(provider)
			return !ok || p.OAuth != nil && p.OAuth.Refresh.Rotates
		},
		NoPrevious: "no database is named to compare with",
	}
	if o.Previous != "" {
		previous, away := openWhole(ctx, o.Previous, true)
		if away != nil {
			options.NoPrevious = away.Error()
		} else {
			defer func() { err = errors.Join(err, previous.Close()) }()
			options.Previous = previous
		}
	}
	return do(options)
}

// restorePostgres restores within one transaction of the database.
func restorePostgres(ctx context.Context, databaseURL string, o backup.Options, caller strongroom.Caller) (report *backup.Report, err error) {
	db, err := openWhole(ctx, databaseURL, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	report, err = backup.Restore(ctx, o, db, caller)
	if err != nil {
		return report, err
	}
	return report, verifyRestored(ctx, db, o)
}

// verifyRestored verifies the audit log of what was restored, with what was put into it.
func verifyRestored(ctx context.Context, s store.Store, o backup.Options) error {
	signing, err := s.SigningKeys(ctx)
	if err != nil {
		return err
	}
	trusted, err := o.Trust(ctx, signing)
	if err != nil {
		return err
	}
	found, err := audit.Verify(ctx, s, audit.VerifyOptions{Keys: trusted.Keys, Retired: trusted.Retired})
	if err == nil && !found.OK() {
		err = fmt.Errorf("the restored audit log is not whole (problems: %d): do not use this database", found.ProblemCount)
	}
	return err
}

// restoringSuffix is behind the name of a file as long as it is not complete.
const restoringSuffix = ".restoring"

// restoreSQLite restores into a file beside the target, which gets its name at the end.
func restoreSQLite(ctx context.Context, databaseURL string, o backup.Options, caller strongroom.Caller) (report *backup.Report, err error) {
	path, err := sqlitePath(databaseURL)
	if err != nil {
		return nil, err
	}
	if err := vacant(path); err != nil {
		return nil, err
	}
	temporary := path + restoringSuffix
	if err := discard(temporary); err != nil { // of a restore that was cut off
		return nil, err
	}
	defer func() { err = errors.Join(err, discard(temporary)) }()
	if report, err = fillSQLite(ctx, temporary, o, caller); err != nil {
		return report, err
	}
	return report, backup.Publish(temporary, path)
}

// fillSQLite makes the file, complete and closed.
func fillSQLite(ctx context.Context, path string, o backup.Options, caller strongroom.Caller) (report *backup.Report, err error) {
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if report, err = backup.Restore(ctx, o, db, caller); err != nil {
		return report, err
	}
	return report, verifyRestored(ctx, db, o)
}

// besides are the endings of files that SQLite keeps beside a database.
var besides = []string{"", "-wal", "-shm", "-journal"}

// vacant refuses a path at which a database, or a part of one, stands: SQLite would take an
// old log for the new file's.
func vacant(path string) error {
	for _, end := range besides {
		if _, err := os.Lstat(path + end); err == nil {
			return fmt.Errorf("%s is there already, and nothing is restored over anything: stop the server, move %s and the files whose names begin with it away, or name another file with --database-url", path+end, path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s cannot be looked at: %w", path+end, err)
		}
	}
	return nil
}

// discard removes what an unfinished restore has made.
func discard(path string) error {
	var errs []error
	for _, end := range besides {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
