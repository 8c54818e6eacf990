// Package storetest is the conformance suite that every implementation of store.Store
// passes, so that the service behaves alike on each.
//
// It owns what package store promises, said as tests: what every method returns, what
// it refuses, what one organization can see of another (nothing), what survives a
// crash and a cancelled context, and what happens when many do the same at once. How a
// backend fails (a full disk, a lost connection) is for its own tests.
//
//	sqlite_test ──┐
//	              ├──► Run(t, create) ──► create a database ──► Opener ──► store.Store
//	postgres_test ┘
package storetest
