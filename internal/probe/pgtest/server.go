package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// DSN is the environment variable that names a server to use instead of one that is started.
const DSN = "STRONGROOM_TEST_POSTGRES_DSN"

// patience bounds one statement, and the start.
const patience = time.Minute

// Server is a running PostgreSQL.
type Server struct {
	// Host is the name that the server's certificate is for.
	Host string
	Port string
	// CA is the certificate, in PEM, that the server's leads to.
	CA string

	admin *pgconn.Config
	// log is the path of the server's log, where the server was started.
	log string
	// programs and dir are where its programs are and what it runs in, where it was started.
	programs, dir string
	// options are the server's, for when it is started again.
	options string
	// pipe, where the server was started, is what it lives as long as.
	pipe io.Closer
}

var shared = sync.OnceValues(open)

// Start returns the test binary's server, and starts it for the first that asks. The test
// fails where it cannot be had.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s, err := shared()
	if err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
	return s
}

// Private starts a server that nobody else uses, to be broken, and stops it with the test.
// Settings ("fsync=on") win over those that every server gets here.
func Private(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s, err := launch(settings...)
	if err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
	tb.Cleanup(func() { _ = s.pipe.Close() })
	return s
}

func open() (*Server, error) {
	if dsn := os.Getenv(DSN); dsn != "" {
		return named(dsn)
	}
	return launch()
}

// named returns the server that a DSN names.
func named(dsn string) (*Server, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read as a connection string", DSN)
	}
	var ca []byte
	for field := range strings.FieldsFuncSeq(dsn, func(r rune) bool { return strings.ContainsRune("?& ", r) }) {
		if path, ok := strings.CutPrefix(field, "sslrootcert="); ok {
			if ca, err = os.ReadFile(path); err != nil {
				return nil, fmt.Errorf("the file that sslrootcert of %s names cannot be read: %w", DSN, err)
			}
		}
	}
	if ca == nil {
		return nil, fmt.Errorf("%s has to name the CA's file with sslrootcert", DSN)
	}
	return &Server{Host: config.Host, Port: fmt.Sprint(config.Port), CA: string(ca), admin: config}, nil
}

// Exec runs statements as the superuser, each on its own, in the database that they are
// about; "" is the one that the superuser signs in to.
func (s *Server) Exec(tb testing.TB, database string, statements ...string) {
	tb.Helper()
	for _, statement := range statements {
		s.Query(tb, database, statement)
	}
}

// Query runs a statement as Exec does, and returns the first value of its first row; "" where
// there is none.
func (s *Server) Query(tb testing.TB, database, statement string) string {
	tb.Helper()
	config := s.admin.Copy()
	if database != "" {
		config.Database = database
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.Exec(ctx, statement).ReadAll()
	if err != nil {
		tb.Fatalf("PostgreSQL: %s: %v", statement, err)
	}
	if len(results) == 0 || len(results[0].Rows) == 0 {
		return ""
	}
	return string(results[0].Rows[0][0])
}

// Hold runs statements as the superuser in a transaction that keeps its locks until release,
// which takes it back.
func (s *Server) Hold(tb testing.TB, statements string) (release func()) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, s.admin.Copy())
	if err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
	release = sync.OnceFunc(func() { _ = conn.Close(context.Background()) })
	tb.Cleanup(release)
	if _, err := conn.Exec(ctx, "begin; "+statements).ReadAll(); err != nil {
		tb.Fatalf("PostgreSQL: %s: %v", statements, err)
	}
	return release
}

// Log returns what the server has logged. Where the server was not started here, it has to
// keep its log by a collector of its own.
func (s *Server) Log(tb testing.TB) string {
	tb.Helper()
	path := "pg_current_logfile()"
	if s.log != "" {
		path = "'" + s.log + "'"
	}
	return s.Query(tb, "", "select pg_read_file("+path+")")
}

// Database makes an empty database that only its owner, the superuser, and who is granted
// it may connect to, and drops it with the test.
func (s *Server) Database(tb testing.TB) (name string) {
	tb.Helper()
	return s.Copy(tb, "template1")
}

// Copy is Database with all that another database holds, to which nobody may be connected.
func (s *Server) Copy(tb testing.TB, of string) (name string) {
	tb.Helper()
	name = "db_" + unique()
	s.Exec(tb, "", "create database "+name+" template "+of, "revoke all on database "+name+" from public")
	tb.Cleanup(func() { s.Exec(tb, "", "drop database "+name+" with (force)") })
	return name
}

// Role makes a role with attributes ("login superuser") and a password, and drops it with
// the test; what it is granted belongs into a database that was made after it.
func (s *Server) Role(tb testing.TB, attributes string) (name, password string) {
	tb.Helper()
	name, password = "role_"+unique(), rand.Text()
	s.Exec(tb, "", "create role "+name+" password '"+password+"' "+attributes)
	tb.Cleanup(func() { s.Exec(tb, "", "drop role "+name) })
	return name, password
}

func unique() string { return strings.ToLower(rand.Text()) }
