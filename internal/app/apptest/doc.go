// Package apptest starts the whole service for tests: the real parts over a database of
// their own, answering on a real port.
//
// It owns the harness alone, and refuses to stand in for any part: what is tested through
// it is what runs in production.
package apptest
