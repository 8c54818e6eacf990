// Command validate is a health service that fetches a PostgreSQL credential and validates it
// by connecting.
//
//	STRONGROOM_URL=http://127.0.0.1:8080 STRONGROOM_KEY=saf_… \
//	  go run ./examples/validate CREDENTIAL_ID
//
// It prints the server's version and exits with 0 where the credential opens the database,
// with 1 and a sentence where it does not, and with 2 where it was called wrongly. The
// driver's own errors are not printed: they name the user and the database.
//
// It refuses to weaken TLS: where the credential has CA certificates or a TLS mode beside a
// connection string, they hold for what the string leaves open.
package main
