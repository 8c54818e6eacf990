// Package rekey replaces keys and destroys them: the root key, the organizations' keys, the
// key that signs the audit log.
//
// It owns the order of the steps, so that a kill at any moment leaves every record opening
// and every act on record:
//
//	RotateRoot           every wrapped key is rewrapped in memory, and then all of them and
//	                     the installation's fingerprint change in one transaction: all are
//	                     old, or all are new. Keys that came or changed meanwhile: once more
//	RotateOrganization   version n+1 is stored and used for what is sealed from then on; what
//	                     is sealed under others is re-sealed in batches. The records' own
//	                     headers say how far that is, and nothing else has to
//	RotateSigning        a new key is stored and the others are retired, in one transaction
//	Erase                keys and everything they seal go in one transaction; then the
//	                     database's files are scrubbed, which may be done again
//
// A batch replaces each ciphertext only where it is still the one that was read: a write that
// comes in between stays, since it is sealed under the newest key anyway. A record's version
// does not change, so its ETag does not either.
//
// It refuses to guess. What does not open is counted and named, and never skipped in silence;
// nothing is re-sealed under an older key than it has; no key is tried that a record does not
// name. Plaintext stays within package seal.
package rekey
