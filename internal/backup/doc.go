// Package backup makes backups of a whole installation and brings them back.
//
// It owns the form of the two files, the judgement whether they are whole, genuine and
// open, and the restore into an empty database. A backup is logical: it says the same
// whichever database it was made of, and can be restored into any.
//
//	store.Dumper ─ one unchanging view ─┬─► data file   everything but wrapped keys; one a backup
//	                                    └─► keys file   wrapped keys, and which organizations were erased; replaced by each backup
//
//	data file ─┐   1 whole? ── digest, signature, tables and their rows
//	keys file ─┴─► 2 genuine and open? ── root key ► signing keys ► signature; organization
//	   ▲             keys ► every sealed record; the audit log's chains; what has changed since
//	   root key    3 store.Loader ── one transaction, with its own event in the log, read again
//
// The keys file is apart, and there is one, for two reasons: an organization whose key was
// deleted is unreadable in every older backup too as soon as the keys file is replaced; and
// a new root key opens older backups, since keys that were wrapped anew are in it.
//
// # The form of a file
//
// A line of text, "strongroom-backup/1", then one gzip stream of frames, each a letter and
// what follows from it. Lengths and counts are unsigned varints.
//
//	H  length, JSON          header: what it is, whose, when
//	T  length, JSON          a table begins: its name and its columns
//	R  values                a row: for each column 0 for null, or the length plus 1 and the value
//	E  count                 the table ends, after so many rows
//	Z  length, JSON          trailer: the rows of every table
//	S  32 + 16 + 64 bytes    SHA-256 of all before it, the first line included; the id of an
//	                         audit signing key; its Ed25519 signature of
//	                         "strongroom/backup/v1\0" and the SHA-256
//
// What is signed says whether it is data or keys, and of which installation, so that neither
// passes for the other or for somebody else's. The signing key is trusted because the root
// key opens its private half from the keys file. Somebody who can write to where backups are
// kept can take one away or put an older one in its place, and nothing else unnoticed.
//
// It refuses to open what it does not have to: what a record holds is destroyed as soon as
// it is known to open. It refuses to guess: the first thing that is wrong with a file ends
// it, with one sentence, and nothing is written before everything was checked. It knows no
// database: the backends are behind store.Dumper and store.Loader.
package backup
