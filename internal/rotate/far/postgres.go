package far

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"strongroom"
	"strongroom/internal/probe"
	"strongroom/secret"
)

// firstSCRAM is the first PostgreSQL that knows verifiers. An older one would take a
// verifier for the password itself.
const firstSCRAM = 100000

var (
	errAnotherRole = &probe.Failure{Code: strongroom.CheckPermission, Message: "Signing in leads to another role than the one whose password is to be changed; a pooler or a map of user names stands between, so sign in to the server itself"}
	errTooOld      = &probe.Failure{Code: strongroom.CheckProtocol, Message: "The server is older than PostgreSQL 10 and does not know SCRAM, without which a password would have to be sent to it; update it"}
	errReadOnly    = &probe.Failure{Code: strongroom.CheckPermission, Message: "The server takes no changes, as a standby does; name the primary"}
	errMayNot      = &probe.Failure{Code: strongroom.CheckPermission, Message: "The server does not let the role change its own password; an administrator has to allow it, or to change it"}
	errAnswer      = errors.New("the server answered something else than was asked")
)

// refusals are what the server's SQLSTATE says of the change of a password.
var refusals = map[string]*probe.Failure{
	"42501": errMayNot,
	"25006": errReadOnly,
	// A standby's, where a transaction is begun that may write.
	"0A000": errReadOnly,
	// A server's that does not know the timeouts, which came before SCRAM did.
	"42704": errTooOld,
}

// TestPostgreSQL signs in with a credential's data and asks what the role may do.
func (f Far) TestPostgreSQL(ctx context.Context, data secret.Value) strongroom.CheckResult {
	target, err := probe.PostgreSQLData(data)
	if err != nil {
		return unfit(err)
	}
	return f.Prober.PostgreSQL(ctx, target)
}

// SetPassword signs in with a credential's data and gives the role, which must be the one
// that it signs in as, the new password. The server is told a verifier of it, which opens
// where pg_hba.conf has the role sign in by scram-sha-256, md5 or password, and nowhere else
// (ldap, peer, cert …): whether it opens is for the caller to test.
//
// Where the result is a failure with the code timeout or protocol, the password may have
// been changed all the same.
func (f Far) SetPassword(ctx context.Context, data secret.Value, role string, newPassword secret.Value) strongroom.CheckResult {
	target, err := probe.PostgreSQLData(data)
	if err != nil {
		return unfit(err)
	}
	verifier, err := Verifier(newPassword)
	if err != nil {
		return unfit(err)
	}
	r, err := f.Prober.WithPostgreSQL(ctx, target, func(ctx context.Context, conn *pgconn.PgConn) error {
		return explainState(setPassword(ctx, conn, role, verifier))
	})
	return concluded(r, err, "The role has the new password")
}

// setPassword changes the role's password in one transaction, so that a pooler keeps to one
// connection, and makes sure that the commit is on disk before it is reported, whatever the
// role's settings say. A role that is set to act as another acts as itself here.
//
// Nothing is changed after the context's deadline, on a server that was held up either: it
// waits a third of the time for the change to arrive, and works at it for a third.
func setPassword(ctx context.Context, conn *pgconn.PgConn, role, verifier string) error {
	third := remaining(ctx) / 3
	if third < time.Millisecond {
		return context.DeadlineExceeded
	}
	limit := strconv.FormatInt(third.Milliseconds(), 10)
	results, err := conn.Exec(ctx, "begin read write; set local role none; set local synchronous_commit = on; "+
		"set local idle_in_transaction_session_timeout = "+limit+"; set local statement_timeout = "+limit+"; "+
		"select session_user, current_user, current_setting('server_version_num')").ReadAll()
	if err != nil {
		return err
	}
	if len(results) != 6 || len(results[5].Rows) != 1 || len(results[5].Rows[0]) != 3 {
		return errAnswer
	}
	row := results[5].Rows[0]
	version, err := strconv.Atoi(string(row[2]))
	switch {
	case err != nil:
		return errAnswer
	case version < firstSCRAM:
		return errTooOld
	case string(row[0]) != role || string(row[1]) != role:
		return errAnotherRole
	case remaining(ctx) < 2*third:
		return context.DeadlineExceeded
	}
	// A verifier has no character that would have to be quoted.
	return conn.Exec(ctx, "alter role "+quoted(role)+" password '"+verifier+"'; commit").Close()
}

// remaining is how long the context lasts; it has a deadline wherever words go to a server.
func remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return time.Until(deadline)
}

// quoted returns a name as an SQL identifier.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// explainState puts the server's refusals of a change into words; other errors are left to
// the connection's.
func explainState(err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) && refusals[server.Code] != nil {
		return refusals[server.Code]
	}
	return err
}
