// Package audit keeps the audit log: it turns events into links of a hash chain,
// writes them durably and in groups, signs what it wrote, and can prove later that
// nothing was edited, removed, reordered or cut off.
//
// It owns the encoding of events, the chain, the group commit, the signed heads and
// checkpoints, verification and export. It refuses secrets: it does not import
// package secret, so it could not log one if it wanted to. It never drops an event
// in silence: whoever asks for a record gets it durably or gets an error.
//
// # Group commit
//
// Each process that opens the log has a chain of its own. One goroutine, the
// committer, writes it; while it waits for the disk, callers queue, and the next
// transaction takes all of them. There is no timer.
//
//	Record ─ encode ─┐                 ┌────────── one Store.Write ───────────┐
//	Record ─ encode ─┼─► queue ─► take │ change, change … each under Nested   │ ─► reply
//	Commit ──────────┘  (bounded)      │ sequence + hash, sign the head, append│    to all
//	                                   └──────────────────────────────────────┘
//
// The position in memory moves when the transaction is known to be kept. After any
// failed write the committer reads the head again, since a commit that failed may
// have been kept, and goes on only from a head of its own making: another one means
// that the database was changed behind its back, and to go on from it would sign what
// somebody else wrote.
//
// # Encoding
//
// Integers are unsigned 64-bit big-endian, ids the 16 bytes of the UUID, hashes 32
// bytes, and each label ends in a zero byte, so that no two inputs encode alike:
//
//	hash of link n  = SHA-256("strongroom/audit/event/v1\0" chain n previous len(body) body)
//	previous of 1   = SHA-256("strongroom/audit/chain/v1\0" chain)
//	head signature  = Ed25519("strongroom/audit/head/v1\0" chain sequence hash)
//	checkpoint sig. = Ed25519("strongroom/audit/checkpoint/v1\0" body)
//
// The body of a link is the event's JSON exactly as stored. The body of a checkpoint
// is JSON:
//
//	{"sequence":2,"time":"…","previous":"hex SHA-256 of the body of checkpoint 1",
//	 "heads":[{"chain":"…","sequence":17,"hash":"hex"}],"key_id":"…"}
//
// The key's id is that of the key that signs it: the one stored beside the signature must be
// the same. (A head names its key beside the signature alone; it is only the newest of many,
// and a checkpoint names it.) The body of an older release has no key_id and verifies as it
// did; an older release verifies one that has.
//
// It names every head that moved since the checkpoint before it, and the first one's
// previous is 64 zeros. So the linked checkpoints together name every chain.
//
// # Keys that sign
//
// The key may be replaced while the log is written (Log.SetSigner). What the old one has
// signed stays as it is and goes on to verify; what it signs more than RetirementGrace after
// it was retired is a problem. When that was, a checkpoint tells by its time, which cannot be
// before that of the checkpoints it follows, and a head by its last event.
//
// # What verification can and cannot see
//
// A chain fixes the order and content of its events, the signed head its end. Somebody
// who can write to the database but has no signing key can still take a chain back to
// an older signed head; the checkpoints tell, at most one interval late. Taking the
// checkpoints back as well is only told by one that was kept off the host
// (Options.CheckpointSink, VerifyOptions.Checkpoint).
package audit
