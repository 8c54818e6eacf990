package audit

import (
	"bytes"
	"context"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// checkpoints checks every checkpoint and the links between them, and gathers what the
// good ones claim of the chains.
func (v *verifier) checkpoints(ctx context.Context, view store.AuditView) error {
	var previous mark
	offHostFound := false
	for c, err := range view.Checkpoints() {
		if err != nil {
			if stop(ctx, err) {
				return err
			}
			v.report.add(KindUnreadable, uuid.Nil, previous.sequence+1,
				"the checkpoints from %d on cannot be read: %v", previous.sequence+1, err)
			break
		}
		v.report.Checkpoints++
		v.checkpoint(c, previous)
		if v.offHost != nil && c.Sequence == v.offHost.Sequence {
			offHostFound = true
			v.compareOffHost(c)
		}
		previous = markOf(c)
	}
	if v.offHost != nil {
		v.checkOffHost(offHostFound, previous.sequence)
	}
	return nil
}

// checkpoint checks one checkpoint and that it follows the one before it.
func (v *verifier) checkpoint(c store.AuditCheckpoint, previous mark) {
	what, err := parseStatement(c.Body)
	signed := v.options.check(c.KeyID, checkpointMessage(c.Body), c.Signature)
	switch {
	case signed == signatureUnknownKey:
		v.report.add(KindCheckpointUnknownKey, uuid.Nil, c.Sequence,
			"checkpoint %d is signed by key %s, which is none of the known ones", c.Sequence, c.KeyID)
	case signed == signatureWrong:
		v.report.add(KindCheckpointEdited, uuid.Nil, c.Sequence,
			"checkpoint %d is not what key %s signed", c.Sequence, c.KeyID)
	case err != nil:
		v.report.add(KindCheckpointEdited, uuid.Nil, c.Sequence, "checkpoint %d: %v", c.Sequence, err)
	case what.KeyID != uuid.Nil && what.KeyID != c.KeyID:
		v.report.add(KindCheckpointEdited, uuid.Nil, c.Sequence,
			"checkpoint %d says that key %s signs it, and key %s stands beside it", c.Sequence, what.KeyID, c.KeyID)
	case !c.CreatedAt.Equal(what.Time):
		v.report.add(KindCheckpointEdited, uuid.Nil, c.Sequence,
			"the time stored beside checkpoint %d is not the one it states", c.Sequence)
	}
	v.follows(c, what, previous, signed == signatureGood && err == nil)
	if err != nil {
		return
	}
	if signed == signatureGood {
		v.inTime(c, what)
	}
	for _, h := range what.Heads {
		v.of(h.Chain).named = true
		if signed == signatureGood {
			v.claim(h, c.Sequence)
		}
	}
}

// inTime checks that the key was not retired when it signed. Whoever has a retired key may
// state what time they like, but not one that is earlier than the checkpoints before theirs.
func (v *verifier) inTime(c store.AuditCheckpoint, what statement) {
	if what.Time.After(v.newest) {
		v.newest = what.Time
	}
	if v.options.expired(c.KeyID, v.newest) {
		v.report.add(KindRetiredKey, uuid.Nil, c.Sequence,
			"checkpoint %d is signed by key %s, which was retired at %s", c.Sequence, c.KeyID, v.options.Retired[c.KeyID].Format(time.RFC3339))
	}
}

// follows checks the place of a checkpoint. What one that is not good states about its
// place is worth nothing; the row's own sequence is looked at in any case.
func (v *verifier) follows(c store.AuditCheckpoint, what statement, previous mark, good bool) {
	switch next := previous.sequence + 1; {
	case c.Sequence > next:
		v.report.add(KindCheckpointRemoved, uuid.Nil, next,
			"%s missing before checkpoint %d", span("checkpoint", next, c.Sequence-1), c.Sequence)
	case c.Sequence < next:
		v.report.add(KindCheckpointReordered, uuid.Nil, c.Sequence,
			"checkpoint %d stands behind checkpoint %d", c.Sequence, previous.sequence)
	case good && what.Sequence == c.Sequence && what.Previous != previous.digest:
		v.report.add(KindCheckpointReordered, uuid.Nil, c.Sequence,
			"checkpoint %d does not follow the one before it: that one was changed, or another one stood there", c.Sequence)
	}
	if good && what.Sequence != c.Sequence {
		v.report.add(KindCheckpointReordered, uuid.Nil, c.Sequence,
			"checkpoint %d stands in the place of checkpoint %d", what.Sequence, c.Sequence)
	}
}

// claim keeps what a good checkpoint says of a chain, and checks it against what
// earlier ones said: a chain only grows.
func (v *verifier) claim(h claim, by int64) {
	c := v.of(h.Chain)
	switch {
	case h.Sequence < c.highest.Sequence:
		v.report.add(KindTailCutOff, h.Chain, h.Sequence+1,
			"checkpoint %d names %d events of this chain, checkpoint %d after it only %d: the end was cut off in between",
			c.by, c.highest.Sequence, by, h.Sequence)
	case h.Sequence == c.highest.Sequence && h.Hash != c.highest.Hash:
		v.report.add(KindChainRewritten, h.Chain, h.Sequence,
			"checkpoints %d and %d disagree about event %d", c.by, by, h.Sequence)
	case h.Sequence > c.highest.Sequence:
		c.highest, c.by = h, by
	}
}

// compareOffHost compares the checkpoint from off the host with its counterpart.
func (v *verifier) compareOffHost(c store.AuditCheckpoint) {
	if !bytes.Equal(c.Body, v.offHost.Body) {
		v.report.add(KindOffHostContradicted, uuid.Nil, c.Sequence,
			"checkpoint %d in the database is not the one that was kept off the host", c.Sequence)
	}
}

// checkOffHost checks the checkpoint from off the host itself, and takes up its claims.
func (v *verifier) checkOffHost(found bool, newest int64) {
	c := v.offHost
	switch v.options.check(c.KeyID, checkpointMessage(c.Body), c.Signature) {
	case signatureUnknownKey:
		v.report.add(KindCheckpointUnknownKey, uuid.Nil, c.Sequence,
			"the checkpoint from off the host is signed by key %s, which is none of the known ones", c.KeyID)
		return
	case signatureWrong:
		v.report.add(KindCheckpointEdited, uuid.Nil, c.Sequence,
			"the checkpoint from off the host is not what key %s signed", c.KeyID)
		return
	case signatureGood:
	}
	if says := v.offHostSays.KeyID; says != uuid.Nil && says != c.KeyID {
		v.report.add(KindCheckpointEdited, uuid.Nil, c.Sequence,
			"the checkpoint from off the host says that key %s signs it, and names key %s beside its signature", says, c.KeyID)
		return
	}
	if !found {
		v.report.add(KindOffHostMissing, uuid.Nil, c.Sequence,
			"checkpoint %d was kept off the host and is not in the database, whose newest is %d", c.Sequence, newest)
	}
	for _, h := range v.offHostSays.Heads {
		v.of(h.Chain).offHost = &h
	}
}
