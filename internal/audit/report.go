package audit

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Kind says what sort of damage a Problem is.
type Kind string

// What verification finds.
const (
	// KindEventEdited: an event's content, hash or columns are not what was recorded.
	KindEventEdited Kind = "event_edited"
	// KindEventRemoved: a sequence is missing between others.
	KindEventRemoved Kind = "event_removed"
	// KindEventReordered: an event stands where another was.
	KindEventReordered Kind = "event_reordered"
	// KindEventUnsigned: an event stands behind the signed end of its chain.
	KindEventUnsigned Kind = "event_unsigned"
	// KindTailCutOff: the signed head, or a checkpoint, names more than there is.
	KindTailCutOff Kind = "tail_cut_off"
	// KindHeadMissing: a chain has events and no head.
	KindHeadMissing Kind = "head_missing"
	// KindHeadEdited: a head is not what its key signed.
	KindHeadEdited Kind = "head_edited"
	// KindHeadUnknownKey: a head is signed by a key that is none of ours.
	KindHeadUnknownKey Kind = "head_unknown_key"
	// KindHeadReplayed: a head is an older one; a checkpoint names a later.
	KindHeadReplayed Kind = "head_replayed"
	// KindChainRewritten: the chain differs from what its head or a checkpoint signed.
	KindChainRewritten Kind = "chain_rewritten"
	// KindChainVanished: a checkpoint names a chain that is not there at all.
	KindChainVanished Kind = "chain_vanished"
	// KindCheckpointEdited: a checkpoint is not what its key signed.
	KindCheckpointEdited Kind = "checkpoint_edited"
	// KindCheckpointUnknownKey: a checkpoint is signed by a key that is none of ours.
	KindCheckpointUnknownKey Kind = "checkpoint_unknown_key"
	// KindCheckpointRemoved: a checkpoint is missing.
	KindCheckpointRemoved Kind = "checkpoint_removed"
	// KindCheckpointReordered: a checkpoint stands where another was, or does not
	// follow the one before it.
	KindCheckpointReordered Kind = "checkpoint_reordered"
	// KindOffHostMissing: the database lacks the checkpoint that was kept off the host.
	KindOffHostMissing Kind = "off_host_checkpoint_missing"
	// KindOffHostContradicted: the database has another checkpoint in its place.
	KindOffHostContradicted Kind = "off_host_checkpoint_contradicted"
	// KindRetiredKey: a head or checkpoint is signed by a key that was retired before.
	KindRetiredKey Kind = "signed_by_retired_key"
	// KindUnreadable: the database could not give out a part of the log.
	KindUnreadable Kind = "unreadable"
)

// Problem is one thing that is not as it was written.
type Problem struct {
	Kind Kind
	// Chain is the nil UUID where the problem is a checkpoint's.
	Chain uuid.UUID
	// Sequence is the event's, or the checkpoint's; 0 where it is about neither.
	Sequence int64
	// Text is a sentence for the operator. It holds nothing of an event's content.
	Text string
}

// MaxProblems bounds the list in a Report.
const MaxProblems = 1000

// Report is what Verify found.
type Report struct {
	Chains      int
	Events      int64
	Checkpoints int64
	// Unclosed are the chains that do not end with audit.chain_close: their processes
	// are running or have crashed.
	Unclosed []uuid.UUID
	// Problems are the first MaxProblems; ProblemCount counts all of them.
	Problems     []Problem
	ProblemCount int
}

// OK tells whether the log is as it was written.
func (r Report) OK() bool { return r.ProblemCount == 0 }

// add notes a problem.
func (r *Report) add(kind Kind, chain uuid.UUID, sequence int64, format string, args ...any) {
	r.ProblemCount++
	if len(r.Problems) < MaxProblems {
		r.Problems = append(r.Problems, Problem{kind, chain, sequence, fmt.Sprintf(format, args...)})
	}
}

// VerifyOptions say what a log is verified against.
type VerifyOptions struct {
	// Keys are the public keys whose signatures count. They should come from where
	// somebody who can write to the database cannot put one.
	Keys map[uuid.UUID]ed25519.PublicKey
	// Retired says from when on keys were to sign nothing more. RetirementGrace later, what
	// one of them signs is a problem.
	Retired map[uuid.UUID]time.Time
	// Checkpoint is a line that was kept off the host; empty: none. The newest proves
	// most.
	Checkpoint []byte
}

// RetirementGrace is how long a retired key may go on signing: processes find out that there
// is a new one by asking, and a key service may be away.
const RetirementGrace = time.Hour

// expired tells whether a key was retired too long before to have signed at a time.
func (o VerifyOptions) expired(key uuid.UUID, at time.Time) bool {
	retired, ok := o.Retired[key]
	return ok && at.After(retired.Add(RetirementGrace))
}

// signature is the result of checking one.
type signature int

const (
	signatureGood signature = iota
	signatureWrong
	signatureUnknownKey
)

func (o VerifyOptions) check(key uuid.UUID, message, sig []byte) signature {
	public, known := o.Keys[key]
	switch {
	case !known || len(public) != ed25519.PublicKeySize:
		return signatureUnknownKey
	case !ed25519.Verify(public, message, sig):
		return signatureWrong
	default:
		return signatureGood
	}
}
