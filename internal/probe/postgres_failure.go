package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"strongroom/internal/outbound"
	"strongroom/internal/probe/phases"
)

const pgWorked = "The connection works"

// What is wrong before, or beside, the server's own errors.
var (
	errPGString    = &Failure{CodeProtocol, "The connection string cannot be read; write postgres://user:password@host:port/database with special characters percent-encoded, or pairs of key=value"}
	errPGParameter = &Failure{CodeProtocol, "The connection string has a parameter, or a value of one, that PostgreSQL's clients do not take; remove or correct it"}
	errPGFile      = &Failure{CodeProtocol, "The connection string names files of the machine it is used on (passfile, service, sslcert, sslkey, sslrootcert or the like), and a test reads none; give the password and the CA certificates themselves"}
	errPGDirect    = &Failure{CodeProtocol, "sslnegotiation=direct needs the TLS mode require, verify-ca or verify-full; set one"}
	errPGMode      = &Failure{CodeProtocol, "The TLS mode must be disable, allow, prefer, require, verify-ca or verify-full; set one of them"}
	errPGRoot      = &Failure{CodeTLS, "The CA certificates cannot be read; give them in PEM, from BEGIN CERTIFICATE to END CERTIFICATE"}
	errPGMethod    = &Failure{CodeAuth, "GSSAPI encryption is not supported; use TLS instead"}
	errPGUser      = &Failure{CodeProtocol, "No user is named; add the user name"}
	errPGField     = &Failure{CodeProtocol, "The user name, password or database name is too long or holds a NUL character; correct it"}
	errPGHost      = &Failure{CodeProtocol, "The host must be a host name or an IP address alone; correct it"}
	errPGHosts     = &Failure{CodeProtocol, "There are too many hosts, or not as many ports as hosts; name at most 8 hosts, with one port for all or one for each"}
	errPGPort      = &Failure{CodeProtocol, "The port must be a number from 1 to 65535; correct it"}
	errPGSocket    = &Failure{CodeBlockedAddress, "The host is the path of a socket of the machine itself; name a host that can be reached over TCP"}
	errPGSession   = &Failure{CodeProtocol, "None of the servers is of the sort that target_session_attrs asks for; name another host or change it"}
	errPGTooMuch   = &Failure{CodeProtocol, "The server sent far more than PostgreSQL does; check host and port"}
	errPGAnswer    = &Failure{CodeProtocol, pgStranger}
)

const (
	pgStranger = "What answered does not speak PostgreSQL's protocol as expected; check host and port, and how the user signs in"
	pgGone     = "The server closed the connection without an answer; check host and port, and whether it takes connections from here"
)

// pgStates are the sentences for what the server itself reports by SQLSTATE
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
var pgStates = map[string]*Failure{
	"28P01": {CodeAuth, "The server refused the user name or the password; check both, and that the password has not expired"},
	"28000": {CodeAuth, "The server does not let this user sign in: the role does not exist or may not log in, or no rule of its pg_hba.conf allows this user, database, address and TLS mode"},
	"42501": {CodePermission, "The user may not connect to this database or look at it; an administrator can allow it with GRANT CONNECT ON DATABASE"},
	"3D000": {CodeProtocol, "The database does not exist on this server; check its name"},
	"53300": {CodeProtocol, "No connection is free: the server, the database or the user has reached its limit; close some or raise the limit"},
	"57P01": {CodeProtocol, "The server is shutting down; try again when it is up"},
	"57P03": {CodeProtocol, "The server is starting, shutting down or recovering and takes no connections yet; try again in a moment"},
	"55000": {CodePermission, "The database takes no connections; an administrator can allow them with ALTER DATABASE"},
	"57014": {CodeTimeout, "The server gave the test's query up, as its statement_timeout says; raise it or try again"},
	"0A000": {CodeProtocol, "The server or a pooler before it does not support what is asked for; check the connection string's parameters"},
	"22023": {CodeProtocol, "The server does not take a parameter of the connection string; check its options"},
	"42704": {CodeProtocol, "The server does not know a parameter of the connection string; check its options"},
}

// sqlState is the form of an SQLSTATE; it comes from the server, who could write anything.
var sqlState = regexp.MustCompile(`^[0-9A-Z]{5}$`)

// pgFailed makes the result of a test that failed.
func pgFailed(err error, trace *pgTrace) Result {
	f := pgExplain(err, trace)
	return Result{Code: f.Code, Message: f.Message, Phases: trace.phases.End()}
}

// pgExplains tells whether an error of what worked on the connection is for pgExplain: the
// server's, the connection's or a *Failure.
func pgExplains(ctx context.Context, conn *pgconn.PgConn, err error) bool {
	var (
		own    *Failure
		server *pgconn.PgError
	)
	return ctx.Err() != nil || conn.IsClosed() || errors.As(err, &own) || errors.As(err, &server)
}

// pgExplain picks the attempt that tells the most and puts it into words.
func pgExplain(err error, trace *pgTrace) *Failure {
	best, rank := err, -1
	for _, attempt := range pgAttempts(err) {
		// The last of equals: with the mode prefer the first one is the encrypted one.
		if r := pgRank(attempt); r >= rank {
			best, rank = attempt, r
		}
	}
	var (
		own    *Failure
		server *pgconn.PgError
	)
	switch {
	case errors.As(best, &own):
		return own
	case errors.Is(best, errTooMuch):
		return errPGTooMuch
	case errors.As(best, &server):
		return pgReported(server.Code)
	}
	return pgBroken(best, trace)
}

// pgAttempts takes the errors of several hosts and modes apart.
func pgAttempts(err error) []error {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		return several.Unwrap()
	}
	return []error{err}
}

// pgRank says how much an attempt's error tells. A rule of pg_hba.conf is often about the
// one TLS mode and says less than what happens in the other.
func pgRank(err error) int {
	const nothing, network, certificate, rule, told = 0, 1, 2, 3, 4
	var (
		own    *Failure
		server *pgconn.PgError
	)
	switch {
	case errors.As(err, &own), errors.Is(err, errTooMuch):
		return told
	case errors.As(err, &server) && server.Code == "28000":
		return rule
	case errors.As(err, &server):
		return told
	case outbound.Classify(err) == outbound.CodeTLS:
		return certificate
	case outbound.Classify(err) != "":
		return network
	}
	return nothing
}

// pgReported puts a server's error into words; its own are not repeated.
func pgReported(state string) *Failure {
	if f, known := pgStates[state]; known {
		return f
	}
	if !sqlState.MatchString(state) {
		return errPGAnswer
	}
	return &Failure{CodeProtocol, "The server refused with SQLSTATE " + state + "; PostgreSQL's documentation of error codes says what it means"}
}

// pgBroken puts a connection that failed into words.
func pgBroken(err error, trace *pgTrace) *Failure {
	phase := trace.phases.Current()
	switch outbound.Classify(err) {
	case outbound.CodeBlockedAddress:
		return pgBlocked(err)
	case outbound.CodeDNS:
		return &Failure{CodeDNS, "The host's name cannot be resolved; check its spelling"}
	case outbound.CodeRefused:
		return &Failure{CodeRefused, "The connection was refused; check host, port and that the server is running and listens there"}
	case outbound.CodeTLS:
		return pgBrokenTLS(err)
	case outbound.CodeTimeout:
		return pgLate(phase)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &Failure{CodeTimeout, "The test was given up before the server had answered"}
	case phase == phases.TLS:
		return pgNoTLS(err, trace.last())
	case trace.last() != nil && trace.last().first() == 0:
		return &Failure{CodeProtocol, pgGone}
	}
	return errPGAnswer
}

func pgBlocked(err error) *Failure {
	var blocked *outbound.BlockedError
	if errors.As(err, &blocked) {
		return &Failure{CodeBlockedAddress, "The host is at " + blocked.Class + ", which is not connected to; name another, or ask the operator to allow it with --allow-addresses"}
	}
	return errPGSocket
}

// pgLate words a timeout by the phase that it fell into.
func pgLate(phase string) *Failure {
	switch phase {
	case phases.DNS, phaseConnect, "":
		return &Failure{CodeTimeout, "Nothing answered in time; check host, port and the firewalls between"}
	case phaseOperation:
		return &Failure{CodeTimeout, "Signing in worked, but the server did not answer a query in time; check how busy it is"}
	}
	return &Failure{CodeTimeout, "The connection was taken, but nothing answered as PostgreSQL in time; check host and port, and how busy the server is"}
}

// pgNoTLS words a connection that ended while TLS was asked for. The server's first byte
// is its answer: S and N are PostgreSQL's yes and no, 22 begins a record of TLS itself.
func pgNoTLS(err error, conn *boundedConn) *Failure {
	const record = 22
	switch conn.first() {
	case 'S', record:
		return pgBrokenTLS(err)
	case 'N':
		return &Failure{CodeTLS, "The server does not offer TLS; switch it on there, or choose a TLS mode that does without"}
	case 0:
		return &Failure{CodeProtocol, pgGone}
	}
	return errPGAnswer
}

// pgBrokenTLS words what the certificate or the handshake failed of.
func pgBrokenTLS(err error) *Failure {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &record) && strings.HasPrefix(string(record.RecordHeader[:]), "SH-"):
		// An SSH server's banner: its S was taken for the yes to TLS.
		return errPGAnswer
	case errors.As(err, &authority):
		return &Failure{CodeTLS, "The server's certificate does not lead to a CA that is trusted; give the certificates of the CA that issued it"}
	case errors.As(err, &name):
		return &Failure{CodeTLS, "The server's certificate is for another name; use the host that it names, or the TLS mode verify-ca"}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &Failure{CodeTLS, "The server's certificate has expired or is not valid yet; renew it there"}
	}
	return &Failure{CodeTLS, "The TLS handshake failed; check that the server offers TLS 1.2 or newer and that its certificate is sound"}
}
