// Package contract holds the service to its HTTP contract, over HTTP, as a client would.
//
// It owns tests alone: one file a subject, each case named by the sentence it holds true.
// They start the whole service (package apptest) and send requests; only where no request
// can bring something about (a fault of the disk or of the key service, an expiry long
// past, what the operator does on the command line) do they reach for a part behind it.
//
// Every request goes through one door (scene.send), which holds the answer to what all
// answers promise, whatever the test itself is about:
//
//	scene.send
//	  ├─ X-Request-ID is a ULID, nosniff and no-store are set
//	  ├─ an error has the envelope, its code the status of the one table
//	  ├─ status, code and body are what /openapi.json says of the operation
//	  ├─ times are RFC 3339 in UTC, with a Z
//	  └─ no secret, API key or JWT stands in it, but where it is asked for
//
// Who may do what, and what happens at once, is asked over SQLite and over PostgreSQL
// (onEither): there the two could differ. The rest stands on what package storetest holds
// both to.
//
// It refuses to know how anything is done inside: what a test asserts is what a client
// sees, or that nothing has changed.
package contract
