// Package canary stores secrets that can be recognized anywhere, and looks for them
// everywhere.
//
// It owns the test that no secret leaves the service except through its door. Every
// secret of a run carries the same random marker; keys and tokens that cannot carry one
// are looked for themselves (secrets_test.go). The service runs in a process of its own,
// at debug level, with traces sent to a collector of the test's (collector_test.go):
//
//	use it, abuse it (abuse_test.go), make its parts panic (faulty_test.go)
//	  ├─ every answer but the door's and a new key's ... body and header
//	  ├─ metrics, traces
//	  └─ then crash it ... its output with all stacks, database, -wal, -shm,
//	                       checkpoint file, audit export
//	none of it holds a secret, in any encoding that scan_test.go knows
//
// Over PostgreSQL (postgres_test.go) the server's files are looked through as well, its
// write-ahead log and a log of every statement with its parameters among them.
//
// Tokens, codes and verifiers are made by others and carry no marker. A tap on the wire
// between the service and a real OAuth server (tap_test.go) has each looked for as it
// passes, and spoils answers so that they repeat them (providerfaults_test.go):
//
//	connect, renew, revoke (life_test.go) ── tap ── OAuth server
//	  └─ every answer of the provider goes wrong in every way, parts panic
//	     (explosive_test.go), and the crash comes in the middle of an exchange
//
// A password and a key that a rotation makes carry no marker either: farend_test.go has them
// looked for once the door has given them out, also in what was written before.
//
//	test, rotate (farend_test.go) ── sshd, PostgreSQL, servers that repeat what they are sent
//
// It refuses to trust its own eyes: the scanner must first find secrets planted in every
// encoding, and in what the door gives out.
package canary
