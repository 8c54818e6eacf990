// Package phases times the parts that a connection test goes through.
//
// It owns the Recorder, which every test keeps, and Trace, with which net/http says by
// itself how far a request has come:
//
//	dns ─► connect ─► tls ─► what the test calls it: login, operation
//
// It refuses to know what a phase is for: the names are the tests' own.
package phases
