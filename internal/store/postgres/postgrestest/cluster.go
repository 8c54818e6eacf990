package postgrestest

import (
	"net/url"
	"testing"

	"strongroom/internal/probe/pgtest"
	"strongroom/internal/store/postgres"
)

// Cluster is a server with the roles of one installation.
type Cluster struct {
	Server *pgtest.Server
	// Owner and Role own the tables and run the server.
	Owner, Role Login
	// template is a database that was migrated.
	template string
}

// Login is a role that may sign in.
type Login struct{ Name, Password string }

// Database is one of the cluster's.
type Database struct {
	Name string
	// URL is for the server, OwnerURL for migrations.
	URL, OwnerURL string
}

// New makes the roles and migrates a template. They go with the test.
func New(tb testing.TB) *Cluster {
	tb.Helper()
	return On(tb, pgtest.Start(tb))
}

// On is New on a server of the test's own.
func On(tb testing.TB, server *pgtest.Server) *Cluster {
	tb.Helper()
	c := &Cluster{Server: server}
	c.Owner.Name, c.Owner.Password = c.Server.Role(tb, "login")
	c.Role.Name, c.Role.Password = c.Server.Role(tb, "login")
	empty := c.Empty(tb)
	c.Migrate(tb, empty)
	c.template = empty.Name
	return c
}

// Database makes a database with the schema and nothing in it.
func (c *Cluster) Database(tb testing.TB) Database {
	tb.Helper()
	return c.admit(tb, c.Server.Copy(tb, c.template))
}

// Copy makes a database with all that another one holds, to which nobody may be connected.
func (c *Cluster) Copy(tb testing.TB, of Database) Database {
	tb.Helper()
	return c.admit(tb, c.Server.Copy(tb, of.Name))
}

// Empty makes a database before its first migration.
func (c *Cluster) Empty(tb testing.TB) Database {
	tb.Helper()
	return c.admit(tb, c.Server.Database(tb))
}

func (c *Cluster) admit(tb testing.TB, name string) Database {
	tb.Helper()
	c.Server.Exec(tb, "", "grant connect, create on database "+name+" to "+c.Owner.Name+"; grant connect on database "+name+" to "+c.Role.Name)
	return Database{Name: name, URL: c.URL(c.Role, name), OwnerURL: c.URL(c.Owner, name)}
}

// Migrate brings a database to the schema of this binary.
func (c *Cluster) Migrate(tb testing.TB, d Database) {
	tb.Helper()
	_, err := postgres.Migrate(tb.Context(), postgres.MigrateOptions{Options: postgres.Options{URL: d.OwnerURL}, ServerRole: c.Role.Name})
	if err != nil {
		tb.Fatal(err)
	}
}

// URL names a database on the server for a role. Tests look into the protocol, so nothing
// is encrypted.
func (c *Cluster) URL(login Login, database string) string {
	return Address(c.Server.Host+":"+c.Server.Port, login, database)
}

// Address is URL for a server, or what stands before one, elsewhere.
func Address(hostPort string, login Login, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(login.Name, login.Password), Host: hostPort, Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Bouncer starts a PgBouncer before the cluster and returns where it listens.
func (c *Cluster) Bouncer(tb testing.TB) (hostPort string) {
	tb.Helper()
	return c.Server.Bouncer(tb, map[string]string{c.Owner.Name: c.Owner.Password, c.Role.Name: c.Role.Password})
}

// Clear takes everything out of a database but its schema. A superuser can: triggers are
// not asked.
func (c *Cluster) Clear(tb testing.TB, d Database) {
	tb.Helper()
	c.Server.Exec(tb, d.Name, `DO $$
		DECLARE emptied text;
		BEGIN
			SET LOCAL session_replication_role = replica;
			SELECT string_agg(format('strongroom.%I', tablename), ', ') INTO emptied
				FROM pg_tables WHERE schemaname = 'strongroom' AND tablename NOT IN ('schema', 'readiness');
			EXECUTE 'TRUNCATE ' || emptied || ' RESTART IDENTITY';
		END $$`)
}
