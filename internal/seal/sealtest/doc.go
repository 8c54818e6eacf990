// Package sealtest has the conformance suite that every keeper of a root key passes
// ([RunKeeper]), and what other packages' tests need to seal without a database: keys
// in memory ([MemoryKeys]) and a keeper that fails when told to ([Faulty]).
//
// It is for tests alone.
package sealtest
