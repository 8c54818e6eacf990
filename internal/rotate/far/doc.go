// Package far takes the steps of a rotation at the far end: it gives a PostgreSQL role
// another password, adds a key to an SFTP user's authorized_keys, takes one out, and asks
// whether a credential opens. Beside that it makes what is new (a password, a key) and
// writes it into a credential's data.
//
// Every step can be taken again: what is done already is left as it is. A step that fails
// has either changed nothing or has been cut off while it was changing; which of the two is
// found out by asking with TestPostgreSQL or TestSFTP.
//
//	PostgreSQL   begin ─► who am I? ─► alter role … password '<verifier>' ─► commit
//	SFTP         read ─► temporary file beside it ─► the same still there? ─► rename over it
//
// No new password leaves this process when it is set: the server is sent a SCRAM verifier.
// A file of authorized keys is whole at every moment, and what it holds beside the key that
// the step is about stays as it is, byte by byte. One that is a symbolic link is refused: a
// rename would put a file in the link's place, and what it leads to may be shared by other
// users or kept by a tool that would undo the change.
//
// It refuses to know where credentials are kept: it imports no store, custody or seal, and
// keeps no state. Everything that connects goes through internal/probe.
package far
