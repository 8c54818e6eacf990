package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"strongroom/internal/store"
)

// The codes of PostgreSQL that are acted on (its manual, appendix A).
const (
	codeUnique            = "23505"
	codeForeignKey        = "23503"
	codeReadOnly          = "25006"
	codeSerialization     = "40001"
	codeDeadlock          = "40P01"
	codePermission        = "42501"
	codeUndefinedTable    = "42P01"
	codeUndefinedColumn   = "42703"
	codeUndefinedFunction = "42883"
	codeUndefinedSchema   = "3F000"
)

// The codes of our own that the schema's functions refuse with.
const (
	codeOtherRoot = "SR001"
	codeErased    = "SR002"
	codeKeysMoved = "SR003"
)

// advice says for codes that mean "not now" what the operator may do about it.
var advice = map[string]string{
	codeReadOnly:          "the database takes no writes: it is a standby, or was set to read only; it is tried again until it takes them, or another does under its address",
	codeSerialization:     "other writers were in the way for too long: try again",
	codeDeadlock:          "other writers were in the way for too long: try again",
	codePermission:        "the server's role lacks a right: run strongroom migrate with --server-role",
	codeUndefinedTable:    migrateAdvice,
	codeUndefinedColumn:   migrateAdvice,
	codeUndefinedFunction: migrateAdvice,
	codeUndefinedSchema:   migrateAdvice,
	"25P03":               "a transaction was idle for too long",
	"55P03":               "another transaction holds a lock for too long: try again",
	"57014":               "a query took too long",
	"57P01":               "the database was shut down",
	"57P02":               "the database has crashed and starts anew",
	"57P03":               "the database is starting or shutting down",
	"28P01":               "the password is wrong",
	"28000":               "the database does not let the role in",
	"3D000":               "there is no such database",
	"53100":               "the database's disk is full: make room",
	"53300":               "the database has too many connections: allow it more, or set pool_max_conns lower",
}

const migrateAdvice = "the schema is not the one that this strongroom needs: run strongroom migrate"

// classes are advice for the first two letters of codes.
var classes = map[string]string{
	"08": "the connection to the database broke",
	"53": "the database has run out of something: see its log",
	"57": "the database ended what it was doing",
	"58": "the database's machine fails: see its log",
	"XX": "the database is damaged, or fails: see its log",
}

// interpret turns what the driver says into the store's errors. ctx is the caller's: where
// it has ended, that is why. The text says nothing of where the database is, or of a value:
// /readyz shows it to anybody.
func interpret(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !hasCode(err, codeUnique, codeForeignKey) {
		return ctx.Err()
	}
	if said := (*pgconn.PgError)(nil); errors.As(err, &said) {
		return interpretCode(said)
	}
	return &unavailable{reason: outOfReach(err), cause: err}
}

func interpretCode(said *pgconn.PgError) error {
	switch said.Code {
	case codeUnique:
		return fmt.Errorf("%w: %s (%s)", store.ErrDuplicate, said.Message, said.Code)
	case codeForeignKey:
		return fmt.Errorf("%w: %s (%s)", store.ErrNotFound, said.Message, said.Code)
	case codeOtherRoot:
		return fmt.Errorf("%w: %s (%s)", store.ErrOtherRoot, said.Message, said.Code)
	case codeErased:
		return fmt.Errorf("%w: %s (%s)", store.ErrErased, said.Message, said.Code)
	case codeKeysMoved:
		return fmt.Errorf("%w: %s (%s)", store.ErrStale, said.Message, said.Code)
	}
	hint, ok := advice[said.Code]
	if !ok && len(said.Code) == 5 {
		hint, ok = classes[said.Code[:2]]
	}
	if ok {
		return &unavailable{reason: hint + " (" + said.Code + ")", cause: said}
	}
	return fmt.Errorf("%s (%s): %w", said.Message, said.Code, said)
}

// outOfReach says why a connection could not be made, or broke.
func outOfReach(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, pgconn.ErrReadOnlyConnection), errors.Is(err, pgconn.ErrStandbyConnection):
		// Of the hosts in the URL one is there that the service could not use, and none that it could.
		return advice[codeReadOnly]
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded):
		return "the database did not answer in time"
	case errors.As(err, &dns):
		return "the database's host name cannot be looked up"
	case errors.As(err, &op) && op.Op == "dial":
		return "no connection to the database can be made: check that it runs, and the network between"
	}
	return "the connection to the database broke"
}

// unavailable is a store.ErrUnavailable whose text is for anybody; the cause is for
// errors.As alone.
type unavailable struct {
	reason string
	cause  error
}

func (u *unavailable) Error() string   { return store.ErrUnavailable.Error() + ": " + u.reason }
func (u *unavailable) Unwrap() []error { return []error{store.ErrUnavailable, u.cause} }

func hasCode(err error, codes ...string) bool {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return false
	}
	for _, code := range codes {
		if said.Code == code {
			return true
		}
	}
	return false
}

// retaken tells that PostgreSQL took a transaction back because of another.
func retaken(err error) bool { return hasCode(err, codeSerialization, codeDeadlock) }

// broken tells that the connection is of no use any more, and that others to the same
// server are most likely not either.
func broken(err error) bool {
	if said := (*pgconn.PgError)(nil); errors.As(err, &said) {
		return said.Code == codeReadOnly || said.Code[:2] == "57" && said.Code != "57014" || said.Code[:2] == "08"
	}
	return true
}
