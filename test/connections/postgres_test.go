package connections_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"strongroom/internal/probe/pgtest"
)

// database is one of a real PostgreSQL, with a role that may connect to it.
type database struct {
	*pgtest.Server
	t          *testing.T
	name, role string
	// password is the role's first.
	password string
}

// postgres makes a database and a role, whose statements PostgreSQL logs whole.
func (s *scene) postgres() *database {
	s.t.Helper()
	d := &database{Server: pgtest.Start(s.t), t: s.t}
	d.role, d.password = d.newRole()
	d.name = d.Database(s.t)
	d.grant(d.role)
	s.secret(d.password)
	return d
}

func (d *database) newRole() (name, password string) {
	d.t.Helper()
	name, password = d.Role(d.t, "login")
	d.Exec(d.t, "", "alter role "+name+" set log_statement = 'all'")
	return name, password
}

func (d *database) grant(role string) {
	d.t.Helper()
	d.Exec(d.t, "", "grant connect on database "+d.name+" to "+role)
	// A role that is granted something cannot be dropped.
	d.t.Cleanup(func() { d.Exec(d.t, "", "revoke connect on database "+d.name+" from "+role) })
}

// data signs in as the role, without TLS: the certificate of the server ends too soon to be
// no matter of a warning.
func (d *database) data() object {
	return object{"host": d.Host, "port": d.Port, "username": d.role, "password": d.password, "database": d.name, "sslmode": "disable"}
}

// url is a connection string with parameters.
func (d *database) url(parameters url.Values) string {
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(d.role, d.password), Host: net.JoinHostPort(d.Host, d.Port), Path: "/" + d.name, RawQuery: parameters.Encode()}
	return u.String()
}

// setPassword changes a role's password behind the service's back.
func (d *database) setPassword(role, password string) {
	d.t.Helper()
	d.Exec(d.t, "", "alter role "+role+" password '"+password+"'")
}

// signIn connects as a worker would.
func (d *database) signIn(ctx context.Context, role, password string) (*pgconn.PgConn, error) {
	config, err := pgconn.ParseConfig("")
	if err != nil {
		return nil, err
	}
	port, err := net.LookupPort("tcp", d.Port)
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.User, config.Password, config.Database = d.Host, uint16(port), role, password, d.name
	config.TLSConfig, config.Fallbacks = nil, nil
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return pgconn.ConnectConfig(ctx, config)
}

// opens tells whether the password signs the role in.
func (d *database) opens(role, password string) bool {
	d.t.Helper()
	conn, err := d.signIn(d.t.Context(), role, password)
	if err != nil {
		if !wrongPassword(err) {
			d.t.Fatalf("PostgreSQL: %v", err)
		}
		return false
	}
	must(d.t, conn.Close(d.t.Context()))
	return true
}

// wrongPassword tells a refused password from every other failure.
func wrongPassword(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == "28P01"
}
