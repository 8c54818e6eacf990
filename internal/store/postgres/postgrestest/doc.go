// Package postgrestest gives tests databases of a real PostgreSQL that are set up for
// strongroom.
//
// It owns the roles, as an operator would make them: one that owns the tables and one that
// the server runs as, neither of them a superuser. A template is migrated once, and each
// database is a copy of it.
package postgrestest
