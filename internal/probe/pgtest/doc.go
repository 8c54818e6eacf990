// Package pgtest runs a real PostgreSQL for tests.
//
// It owns the harness alone: [Start] makes a database cluster from Debian's packages in a
// temporary directory and runs it, once per test binary, as a user other than root, with
// SCRAM and with TLS from a CA of its own. A shell in between holds a pipe to the test
// binary: when the binary ends, in whatever way, the server is stopped and its directory
// removed.
//
//	test binary ── pipe ──► sh ──► pg_ctl ──► postgres
//	     └────────── TCP on localhost, TLS ──────┘
//
// Where STRONGROOM_TEST_POSTGRES_DSN names a superuser's connection, that server is used
// instead. It has to speak TLS with a certificate for the DSN's host name, not for its
// address, and sslrootcert in the DSN names the file of the CA. Its authentication rule
// for others has to be md5, which means SCRAM for whoever has a SCRAM password.
//
// [Private] is a server that a test may stop, crash and start again ([Server.Control]), and
// [Server.Bouncer] puts a real PgBouncer before a server.
//
// It skips no test: where there is no PostgreSQL the test fails, and says what to install.
package pgtest
