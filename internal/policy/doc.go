// Package policy decides: may this caller do this to that, now?
//
// It owns every rule about who may do what ([Decide], [Scope], [MaySeeRefreshToken])
// as pure functions over domain types. The time is a parameter.
//
// It refuses to know anything else: no store, no HTTP, no clock, so that every rule
// can be read here and tested as a table. Whether a thing exists is not its question;
// the authorities ask it before they look, and again when they know what they found.
package policy
