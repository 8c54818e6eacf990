package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// explain puts what the driver says into a sentence.
func explain(err error) error {
	var (
		server      *pgconn.PgError
		certificate *tls.CertificateVerificationError
		network     *net.OpError
	)
	switch {
	case errors.As(err, &server):
		return reported(server.Code)
	case errors.As(err, &certificate):
		return errors.New("the server's certificate does not prove what the credential asks for; check its CA certificates, host and TLS mode")
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the server did not answer in time; check host, port and the firewalls between")
	case errors.As(err, &network):
		return fmt.Errorf("the server is not reached: %w", network)
	}
	return errors.New("the connection failed; check host, port and TLS mode")
}

// reported puts an SQLSTATE into a sentence
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func reported(state string) error {
	switch state {
	case "28P01", "28000":
		return errors.New("the server refused the user name or the password; store the credential with those that are valid now")
	case "3D000":
		return errors.New("the database does not exist on this server; check its name")
	case "42501":
		return errors.New("the user may not connect to this database; an administrator can grant it")
	}
	return fmt.Errorf("the server refused with SQLSTATE %q", state)
}
