// Package strongroom holds the language of the service: who calls (Caller,
// Principal), what is kept (Credential, ServiceAccount, APIKey, Grant), what goes
// on record (Event), what can go wrong (Error, Code), and the interfaces of the
// services that the HTTP layer and the command line stand on.
//
// It owns names and meanings, no behaviour that touches the outside: nothing here
// reads a clock, a disk or a network, and it imports nothing of ours but package
// secret. Adapters (SQL, HTTP, key services) import this package, never the other
// way round.
//
// Identifiers are UUIDs; new ones are version 7 (RFC 9562, section 5.7). Times are
// UTC and carry microseconds at most, the precision both stores keep; [Now] makes one.
package strongroom
