// Package connections holds the service to its promise that what it keeps opens what it is
// for: connections are tested, watched, and their passwords and keys changed, without anybody
// being locked out and without a secret getting away.
//
// It owns the tests of that over the whole service, at real servers:
//
//	users, programs ──► service ──► sshd, PostgreSQL, an HTTP server
//	                    clock: the true one, put forward where a test says so
//
//	unsaved ..... every answer of a test of what is not stored
//	stored ...... what a test leaves on the credential; a changed host key
//	scheduled ... what is due is tested, once over several processes; no account is locked out
//	password .... PostgreSQL rotations, under readers, with one role and with two
//	key ......... SFTP rotations, and what stands in authorized_keys beside
//	trouble ..... rotations that come to nothing, get stuck, are resumed and abandoned
//	record ...... every act is in the audit log
//
// When a test ends its audit log must verify, and no secret that it has used may stand in the
// log, the database, the audit export, or an answer other than the door's.
//
// It refuses stand-ins for the far end, but for one that shows what none may be sent.
package connections
