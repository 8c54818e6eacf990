// Package tamper changes what is stored, behind the service's back, and watches what the
// service makes of it.
//
// It owns the tests of a hostile hand in the database file, over the whole service: bits
// of sealed records flipped, records and keys put in the place of others (record_test.go),
// and the audit log edited, reordered and cut (log_test.go). The door then answers 500
// internal_error and gives out nothing, the operator's log says which credential and why,
// the read is on record as failed; and audit verification names what was done to the log.
//
// It refuses to test the ciphers and the hash chain themselves, which have their tests
// beside them: here a change has to go through the file and come out at the door.
package tamper
