// Package fault breaks what the service stands on and watches what it answers.
//
// It owns the tests of real faults, over the whole service: a disk that is full
// (namespace_linux_test.go makes a small one), a database that is read-only, moved away,
// deleted or locked by somebody else, a key service that is away, a process that is
// killed in the middle of its work or told to stop, two processes on one database, and
// several on a PostgreSQL that is broken, killed, or followed by its standby.
// Each asserts the same four things:
//
//	while it is broken ... 503 with a reason for the operator, and nothing is given out
//	when it is whole ..... the service goes on by itself
//	afterwards ........... what was acknowledged is there
//	always ............... each read that was answered is on record, and the log verifies
//
// It refuses stand-ins where the real thing can be had: disks fill, files go, locks are
// held and processes die for real. Only the key service, which is a file here, is a part
// that can be told to fail.
//
//	go test ./test/fault -run TortureOfReplicas -rounds 250 -timeout 60m
//
// kills replicas and PostgreSQL at random moments that many times; -seed draws the same blows
// again.
//
// STRONGROOM_KILL_ROUNDS sets how often the process is killed; 25 where it is not set.
package fault
