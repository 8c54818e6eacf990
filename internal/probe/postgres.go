package probe

import (
	"context"
	"encoding/json"
	"errors"
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
// can_create, read_only, in_recovery, and tls: the version, or false.
func (p *Prober) PostgreSQL(ctx context.Context, t PostgreSQL) Result {
	target, err := newPGTarget(t)
	if err != nil {
		return pgFailed(err, nil, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, pgTimeout)
	defer cancel()
	trace := newPGTrace(p.clock, p.dialer)
	defer trace.close()

	details, err := target.ask(ctx, trace)
	phases := trace.end()
	if err != nil {
		return pgFailed(err, trace, phases)
	}
	return Result{Success: true, Message: pgWorked, Phases: phases, Details: details}
}

// ask connects and asks for the details.
func (t *pgTarget) ask(ctx context.Context, trace *pgTrace) (map[string]any, error) {
	conn, err := pgconn.ConnectConfig(trace.mark(ctx), t.config(trace))
	if err != nil {
		return nil, err
	}
	trace.begin(pgOperation)
	details, err := pgDetails(ctx, conn)
	if err != nil {
		return nil, err
	}
	// Close would wait for the server's own; a polite word is enough.
	conn.Frontend().Send(&pgproto3.Terminate{})
	_ = conn.Frontend().Flush()
	return details, nil
}
