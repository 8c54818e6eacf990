package probe

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"strongroom/secret"
)

// pgTimeout is how long a PostgreSQL test may take in all, every host of the user's list included.
const pgTimeout = 15 * time.Second

// PostgreSQL is a PostgreSQL server and who signs in to it. What is left empty is never
// taken from the environment or from files of the machine, as libpq would.
type PostgreSQL struct {
	// Host is a name or an IP address; "" only beside a ConnectionString.
	Host string
	// Port is 1 to 65535 in digits; default 5432.
	Port string
	// Username has no default.
	Username string
	Password secret.Value
	// Database is the server's default, one named as the user, where empty.
	Database string
	// SSLMode is disable, allow, prefer, require, verify-ca or verify-full; default prefer.
	// As with libpq, require verifies the chain where RootCertificate is given.
	SSLMode string
	// RootCertificate holds, in PEM, the only certificates that the server's may lead to;
	// where empty, the system's.
	RootCertificate string
	// ConnectionString, a postgres:// URL or pairs of key=value, is taken instead of the
	// fields before it. SSLMode holds where the string names none, and RootCertificate
	// always, for a string could but name a file.
	ConnectionString secret.Value
}

// Role returns the name of the role that it signs in as; the error is a *Failure.
func (t PostgreSQL) Role() (string, error) {
	target, err := newPGTarget(t)
	if err != nil {
		return "", err
	}
	return target.user, nil
}

// PostgreSQLData reads the data of a stored credential of type user_password. The error
// tells nothing of the data.
func PostgreSQLData(data secret.Value) (PostgreSQL, error) {
	var d struct {
		Host             string          `json:"host"`
		Port             json.RawMessage `json:"port"`
		Username         string          `json:"username"`
		Password         string          `json:"password"`
		Database         string          `json:"database"`
		SSLMode          string          `json:"sslmode"`
		RootCertificate  string          `json:"sslrootcert"`
		ConnectionString string          `json:"connection_string"`
	}
	if json.Unmarshal(data.Reveal(), &d) != nil {
		return PostgreSQL{}, errors.New("the data is not that of a PostgreSQL credential")
	}
	return PostgreSQL{
		Host: d.Host,
		// The schema takes a number as well as digits in quotes.
		Port:             strings.Trim(string(d.Port), `"`),
		Username:         d.Username,
		Password:         secret.New([]byte(d.Password)),
		Database:         d.Database,
		SSLMode:          d.SSLMode,
		RootCertificate:  d.RootCertificate,
		ConnectionString: secret.New([]byte(d.ConnectionString)),
	}, nil
}

// PostgreSQL connects, signs in and asks the server what the role may do. It writes
// nothing. It ends with the context, or after 15 s.
//
// Phases are connect (the name's look-up included), tls where the connection is encrypted,
// login and operation; one that is gone through for several hosts or modes has their time
// in all. Details of a success are server_version, database, user, is_superuser,
// can_create, read_only, in_recovery, and what WithPostgreSQL learns.
func (p *Prober) PostgreSQL(ctx context.Context, t PostgreSQL) Result {
	var found map[string]any
	result, _ := p.WithPostgreSQL(ctx, t, func(ctx context.Context, conn *pgconn.PgConn) (err error) {
		found, err = pgDetails(ctx, conn)
		return err
	})
	if result.Success {
		maps.Copy(result.Details, found)
	}
	return result
}

// WithPostgreSQL connects and signs in as PostgreSQL does, and lets do work on the
// connection, which is closed then; do has to end with its context.
//
// The Result says how it went, what do did included: do's error is explained where it is
// the server's or the driver's, or a *Failure, and otherwise is none of the connection's:
// a success. The error is do's own as it is, and nil where do was not called.
//
// Details of a success are tls, the version or false, and, with TLS,
// server_certificate_expires_at in RFC 3339.
func (p *Prober) WithPostgreSQL(ctx context.Context, t PostgreSQL, do func(context.Context, *pgconn.PgConn) error) (Result, error) {
	trace := newPGTrace(p.clock, p.dialer)
	defer trace.close()
	target, err := newPGTarget(t)
	if err != nil {
		return pgFailed(err, trace), nil
	}
	ctx, cancel := context.WithTimeout(ctx, pgTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(trace.mark(ctx), target.config(trace))
	if err != nil {
		return pgFailed(err, trace), nil
	}
	trace.phases.Begin(phaseOperation)
	details := pgSecurity(conn)
	if err = do(ctx, conn); err != nil && pgExplains(ctx, conn, err) {
		return pgFailed(err, trace), err
	}
	if !conn.IsClosed() {
		// Close would wait for the server's own; a polite word is enough.
		conn.Frontend().Send(&pgproto3.Terminate{})
		_ = conn.Frontend().Flush()
	}
	return Result{Success: true, Message: pgWorked, Phases: trace.phases.End(), Details: details}, err
}
