// Package backup tests backups of the whole service: of servers that are written to
// meanwhile, on both databases, with backups and restores that are killed in the middle, and
// with what was restored in use afterwards.
//
// It refuses stand-ins: servers are processes, PostgreSQL is one, and what was stored before
// must open through the API of a server that runs on what was restored.
package backup
