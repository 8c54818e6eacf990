// Package rotation kills the service in the middle of rotations, over the whole of it and
// against a real PostgreSQL and a real sshd, and looks whether the credential still opens
// them.
//
// It owns one promise: whatever step a process is killed at, the next one rolls the rotation
// forward or back; what a reader is given in between opens the server, and when it is over
// only the new secret does. A round is
//
//	a role, two roles or a key ◄── services that kill themselves, each at one step
//	          │                                  (or are killed at any moment)
//	          ▼                                           │ the same database
//	which secrets sign in ──────► verdict ◄── a healthy service serves, and goes on
//
// It refuses stand-ins: processes die by SIGKILL, the database is a file that the next
// process recovers, passwords and keys are tried by signing in. Only leases and the grace
// period are shortened, so that nobody waits a day.
//
//	go test ./test/rotation -run Torture -rounds 200 -timeout 60m
//
// makes that many rounds, the named ones first and then drawn by lot; -seed repeats a run.
package rotation
