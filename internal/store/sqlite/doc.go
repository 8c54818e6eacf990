// Package sqlite implements store.Store on one SQLite file, without database/sql.
//
// It owns the schema (migrations), the connections, and what SQLite's errors mean to
// the store. It refuses files that are none of its own, files of a newer schema, and
// plaintext: like package store it imports neither secret nor seal.
//
//	Write, Ready ─► one writer ──── BEGIN IMMEDIATE … COMMIT ─► -wal ─► checkpoint ─► file
//	look-ups, lists ─► a pool of readers ── SELECT ─────────────┴────────────────────┘
//	AuditSnapshot ─► a connection of its own, for one long read
//
// Who waits for a connection, or for another process's lock, waits in Go and honours
// the context; SQLite's own busy handler is off. A commit is on the disk when it
// returns (WAL, synchronous=FULL).
//
// # A file that goes away
//
// SQLite goes on writing to a file that was moved or deleted, and what it acknowledges
// is lost. So every write looks, before it begins and after its commit, whether the
// files opened are still those at the path (device and inode), and answers
// store.ErrUnavailable where they are not. When the same file is back, work goes on;
// to use another one takes a restart, because everything held in memory (keys, the
// position in the audit chain) belongs to the first.
package sqlite
