package sqlite

import (
	"context"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"

	"strongroom/internal/store"
)

// advice says for each of SQLite's primary codes that mean "not now" what the
// operator may do about it.
var advice = map[sqlite.ResultCode]string{
	sqlite.ResultFull:     "the disk, or the database's own limit, is full: make room",
	sqlite.ResultIOErr:    "the disk fails: check it and the kernel's log",
	sqlite.ResultCantOpen: "the database's files cannot be opened: check the directory, its permissions and the limit of open files",
	sqlite.ResultReadOnly: "the database cannot be written: check the permissions of the file and its directory, and the mount",
	sqlite.ResultPerm:     "the database cannot be accessed: check its permissions",
	sqlite.ResultBusy:     "another process holds the database locked for too long: stop it or let it finish",
	sqlite.ResultLocked:   "the database is locked: try again",
	sqlite.ResultProtocol: "other processes keep the database's locks too busy: try again",
	sqlite.ResultNoMem:    "there is no memory left",
	sqlite.ResultCorrupt:  "the database file is damaged: restore it from a backup",
	sqlite.ResultNotADB:   "the file is not a database or its header is damaged: restore it from a backup",
}

// interpret turns what the driver says into the store's errors, and leaves every
// other error as it is. The driver's text never holds a bound value.
func interpret(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	code := sqlite.ErrCode(err)
	switch code {
	case sqlite.ResultConstraintUnique, sqlite.ResultConstraintPrimaryKey, sqlite.ResultConstraintRowID:
		return fmt.Errorf("%w: %w", store.ErrDuplicate, err)
	case sqlite.ResultConstraintForeignKey:
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	case sqlite.ResultConstraintTrigger:
		return interpretTrigger(err)
	}
	primary := code.ToPrimary()
	if primary == sqlite.ResultInterrupt && ctx.Err() != nil {
		return ctx.Err()
	}
	if hint, ok := advice[primary]; ok {
		return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, hint, err)
	}
	return err
}

// interpretTrigger tells what a trigger of the schema refused, by the words it does so with.
func interpretTrigger(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "strongroom: erased"):
		return fmt.Errorf("%w: %w", store.ErrErased, err)
	case strings.Contains(text, "strongroom: other root"):
		return fmt.Errorf("%w: %w", store.ErrOtherRoot, err)
	}
	return err
}

// busy tells whether another connection's lock was in the way.
func busy(err error) bool { return sqlite.ErrCode(err).ToPrimary() == sqlite.ResultBusy }
