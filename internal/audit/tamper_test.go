package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/audit"
	"strongroom/internal/store"
)

// found names a problem by its kind, the index of its chain (-1: none) and its sequence.
type found struct {
	kind     audit.Kind
	chain    int
	sequence int64
}

// tampering is what somebody who can write to the database does to a scene, and what
// verification must name, among other things.
type tampering struct {
	name string
	do   func(*scene)
	want []found
	// offHost verifies against the newest line that was kept off the host.
	offHost bool
}

var tamperings = []tampering{
	{name: "an event's content is edited", want: []found{{audit.KindEventEdited, 0, 3}},
		do: func(s *scene) {
			e := s.event(0, 3)
			e.Body = bytes.Replace(e.Body, []byte("192.0.2.7"), []byte("192.0.2.8"), 1)
		}},
	{name: "an event's content is edited and its hash made to fit", want: []found{{audit.KindEventEdited, 0, 4}},
		do: func(s *scene) {
			e := s.event(0, 3)
			e.Body = bytes.Replace(e.Body, []byte("192.0.2.7"), []byte("192.0.2.8"), 1)
			e.Hash = documentedHash(*e, s.event(0, 2).Hash)
		}},
	{name: "an event's content is edited and all hashes made to fit", want: []found{{audit.KindChainRewritten, 0, 8}},
		do: func(s *scene) {
			e := s.event(0, 3)
			e.Body = bytes.Replace(e.Body, []byte("192.0.2.7"), []byte("192.0.2.8"), 1)
			s.rehash(0)
		}},
	{name: "an event is made no JSON", want: []found{{audit.KindEventEdited, 0, 3}},
		do: func(s *scene) { s.event(0, 3).Body = []byte("{") }},
	{name: "the last event of a chain is edited", want: []found{{audit.KindEventEdited, 0, 8}},
		do: func(s *scene) { b := s.event(0, 8).Body; b[len(b)-3] ^= 1 }},
	{name: "an event is shown to another organization", want: []found{{audit.KindEventEdited, 0, 3}},
		do: func(s *scene) { s.event(0, 3).OrganizationID[0] ^= 1 }},
	{name: "an event is dated back beside its content", want: []found{{audit.KindEventEdited, 0, 3}},
		do: func(s *scene) { e := s.event(0, 3); e.At = e.At.Add(-time.Hour) }},

	{name: "the first event is removed", do: func(s *scene) { s.remove(0, 1) }, want: []found{{audit.KindEventRemoved, 0, 1}}},
	{name: "an event in the middle is removed", do: func(s *scene) { s.remove(0, 4) }, want: []found{{audit.KindEventRemoved, 0, 4}}},
	{name: "events in the middle are removed", do: func(s *scene) { s.remove(0, 3, 4, 6) },
		want: []found{{audit.KindEventRemoved, 0, 3}, {audit.KindEventRemoved, 0, 6}}},
	{name: "the last event is removed", do: func(s *scene) { s.remove(0, 8) }, want: []found{{audit.KindTailCutOff, 0, 8}}},
	{name: "all events of a chain are removed", do: func(s *scene) { s.remove(0) }, want: []found{{audit.KindTailCutOff, 0, 1}}},
	{name: "an event is removed and the ones behind it renumbered", want: []found{{audit.KindEventEdited, 0, 4}, {audit.KindTailCutOff, 0, 8}},
		do: func(s *scene) {
			s.remove(0, 4)
			for q := int64(5); q <= 8; q++ {
				s.event(0, q).Sequence--
			}
		}},
	{name: "an event is removed, the ones behind it renumbered and hashed anew", want: []found{{audit.KindTailCutOff, 0, 8}},
		do: func(s *scene) {
			s.remove(0, 4)
			for q := int64(5); q <= 8; q++ {
				s.event(0, q).Sequence--
			}
			s.rehash(0)
		}},

	{name: "two neighbours change places", want: []found{{audit.KindEventReordered, 0, 4}},
		do: func(s *scene) { swap(s.event(0, 3), s.event(0, 4)) }},
	{name: "two distant events change places", want: []found{{audit.KindEventReordered, 0, 6}},
		do: func(s *scene) { swap(s.event(0, 3), s.event(0, 6)) }},
	{name: "two events change their numbers", want: []found{{audit.KindEventReordered, 0, 4}},
		do: func(s *scene) {
			a, b := s.event(0, 3), s.event(0, 5)
			a.Sequence, b.Sequence = b.Sequence, a.Sequence
		}},
	{name: "an event is copied to the end", want: []found{{audit.KindEventUnsigned, 0, 9}},
		do: func(s *scene) {
			e := *s.event(0, 3)
			e.Sequence, e.Cursor = 9, 99
			s.records = append(s.records, e)
		}},
	{name: "an event is moved to another chain", want: []found{{audit.KindTailCutOff, 0, 8}, {audit.KindEventUnsigned, 1, 4}},
		do: func(s *scene) {
			e := s.event(0, 8)
			e.Chain, e.Sequence, e.Cursor = s.chains[1], 4, 99
		}},
	{name: "an event is forged at the end", want: []found{{audit.KindEventUnsigned, 1, 4}},
		do: func(s *scene) { s.forge(1) }},
	{name: "an event is forged and its head signed by another key", want: []found{{audit.KindHeadUnknownKey, 1, 4}},
		do: func(s *scene) {
			sequence, hash := s.forge(1)
			s.head(1, func(h *store.AuditHead) {
				h.KeyID, h.Sequence, h.Hash = uuid.Max, sequence, hash
				h.Signature = ed25519.Sign(impostor, documentedHead(*h))
			})
		}},
	{name: "an event is forged and its head signed in the name of a known key", want: []found{{audit.KindHeadEdited, 1, 4}},
		do: func(s *scene) {
			sequence, hash := s.forge(1)
			s.head(1, func(h *store.AuditHead) {
				h.Sequence, h.Hash = sequence, hash
				h.Signature = ed25519.Sign(impostor, documentedHead(*h))
			})
		}},

	{name: "a head is removed", want: []found{{audit.KindHeadMissing, 1, 0}},
		do: func(s *scene) { delete(s.heads, s.chains[1]) }},
	{name: "a head says more than there is", want: []found{{audit.KindHeadEdited, 1, 9}},
		do: func(s *scene) { s.head(1, func(h *store.AuditHead) { h.Sequence = 9 }) }},
	{name: "a head is another chain's", want: []found{{audit.KindHeadEdited, 1, 8}},
		do: func(s *scene) {
			other := s.heads[s.chains[0]]
			s.head(1, func(h *store.AuditHead) {
				h.Sequence, h.Hash, h.Signature = other.Sequence, other.Hash, other.Signature
			})
		}},
	{name: "a chain and its head are taken back to an earlier state", want: []found{{audit.KindHeadReplayed, 0, 5}, {audit.KindTailCutOff, 0, 6}},
		do: func(s *scene) {
			s.remove(0, 6, 7, 8)
			s.heads[s.chains[0]] = s.halfway.heads[s.chains[0]]
		}},
	{name: "a head alone is taken back to an earlier state", want: []found{{audit.KindHeadReplayed, 0, 5}, {audit.KindEventUnsigned, 0, 6}},
		do: func(s *scene) { s.heads[s.chains[0]] = s.halfway.heads[s.chains[0]] }},
	{name: "a whole chain is removed", want: []found{{audit.KindChainVanished, 1, 3}},
		do: func(s *scene) { s.remove(1); delete(s.heads, s.chains[1]) }},
	{name: "a chain gets another id", want: []found{{audit.KindChainVanished, 2, 3}},
		do: func(s *scene) {
			other := uuid.MustParse("0198c0de-0000-7000-8000-00000000ffff")
			for i := range s.records {
				if s.records[i].Chain == s.chains[2] {
					s.records[i].Chain = other
				}
			}
			h := s.heads[s.chains[2]]
			delete(s.heads, s.chains[2])
			h.Chain = other
			s.heads[other] = h
		}},

	{name: "the first checkpoint is removed", want: []found{{audit.KindCheckpointRemoved, -1, 1}},
		do: func(s *scene) { s.removeCheckpoints(1) }},
	{name: "a checkpoint in the middle is removed", want: []found{{audit.KindCheckpointRemoved, -1, 3}},
		do: func(s *scene) { s.removeCheckpoints(3) }},
	{name: "a checkpoint is removed and the ones behind it renumbered", want: []found{{audit.KindCheckpointReordered, -1, 3}},
		do: func(s *scene) {
			s.removeCheckpoints(3)
			for i := 2; i < len(s.checkpoints); i++ {
				s.checkpoints[i].Sequence--
			}
		}},
	{name: "the newest checkpoints are removed", want: []found{{audit.KindCheckpointRemoved, 2, 0}},
		do: func(s *scene) { s.removeCheckpoints(5, 6) }},
	{name: "all checkpoints are removed", want: []found{{audit.KindCheckpointRemoved, 0, 0}, {audit.KindCheckpointRemoved, 1, 0}, {audit.KindCheckpointRemoved, 2, 0}},
		do: func(s *scene) { s.checkpoints = nil }},
	{name: "two checkpoints change places", want: []found{{audit.KindCheckpointReordered, -1, 2}, {audit.KindCheckpointReordered, -1, 4}},
		do: func(s *scene) {
			a, b := &s.checkpoints[1], &s.checkpoints[3]
			*a, *b = *b, *a
			a.Sequence, b.Sequence = b.Sequence, a.Sequence
		}},
	{name: "a checkpoint is edited", want: []found{{audit.KindCheckpointEdited, -1, 2}},
		do: func(s *scene) {
			c := &s.checkpoints[1]
			c.Body = bytes.Replace(c.Body, []byte(`"sequence":5`), []byte(`"sequence":4`), 1)
		}},
	{name: "a checkpoint is dated back beside its content", want: []found{{audit.KindCheckpointEdited, -1, 2}},
		do: func(s *scene) { c := &s.checkpoints[1]; c.CreatedAt = c.CreatedAt.Add(-time.Hour) }},
	{name: "a checkpoint is signed by another key", want: []found{{audit.KindCheckpointUnknownKey, -1, 6}},
		do: func(s *scene) { s.checkpoints[5].KeyID = uuid.Max }},
	{name: "a checkpoint is signed in the name of a known key", want: []found{{audit.KindCheckpointEdited, -1, 6}},
		do: func(s *scene) { c := &s.checkpoints[5]; c.Signature = ed25519.Sign(impostor, c.Body) }},
	{name: "a head's signature stands under a checkpoint", want: []found{{audit.KindCheckpointEdited, -1, 6}},
		do: func(s *scene) { s.checkpoints[5].Signature = s.heads[s.chains[2]].Signature }},

	{name: "the newest checkpoint is removed, and one was kept off the host", offHost: true, want: []found{{audit.KindOffHostMissing, -1, 6}},
		do: func(s *scene) { s.removeCheckpoints(6) }},
	{name: "the whole log is taken back, and a checkpoint was kept off the host", offHost: true,
		want: []found{{audit.KindOffHostMissing, -1, 6}, {audit.KindChainVanished, 2, 3}},
		do:   func(s *scene) { s.contents = s.halfway }},
	{name: "the whole log is emptied, and a checkpoint was kept off the host", offHost: true,
		want: []found{{audit.KindOffHostMissing, -1, 6}, {audit.KindChainVanished, 2, 3}},
		do:   func(s *scene) { s.records, s.checkpoints = nil, nil; clear(s.heads) }},
	{name: "an end is cut off that a checkpoint off the host names", offHost: true,
		want: []found{{audit.KindTailCutOff, 2, 3}, {audit.KindOffHostMissing, -1, 6}},
		do:   func(s *scene) { s.remove(2, 3); s.removeCheckpoints(6) }},
	{name: "a checkpoint stands in the place of the one off the host", offHost: true, want: []found{{audit.KindOffHostContradicted, -1, 6}},
		do: func(s *scene) { s.checkpoints[5].Body = bytes.Clone(s.checkpoints[4].Body) }},
	{name: "a chain is rewritten that a checkpoint off the host names", offHost: true, want: []found{{audit.KindChainRewritten, 2, 3}},
		do: func(s *scene) { b := s.event(2, 2).Body; b[len(b)-4] ^= 1; s.rehash(2) }},
}

// swap exchanges two events but for their place in the table and in the chain.
func swap(a, b *store.AuditRecord) {
	a.Body, b.Body = b.Body, a.Body
	a.Hash, b.Hash = b.Hash, a.Hash
	a.At, b.At = b.At, a.At
	a.OrganizationID, b.OrganizationID = b.OrganizationID, a.OrganizationID
}

// mustFind verifies the spoiled log and checks that the tampering is named.
func (x tampering) mustFind(t *testing.T, s store.Audit, sc *scene) {
	t.Helper()
	var o audit.VerifyOptions
	if x.offHost {
		o.Checkpoint = []byte(sc.lines[len(sc.lines)-1])
	}
	r := verify(t, s, o)
	var got []found
	for _, p := range r.Problems {
		got = append(got, found{p.Kind, slices.Index(sc.chains[:], p.Chain), p.Sequence})
	}
	for _, w := range x.want {
		if !slices.Contains(got, w) {
			t.Errorf("%+v is not named; found %s", w, describe(r))
		}
	}
	if r.OK() || r.ProblemCount != len(r.Problems) {
		t.Errorf("OK = %v with %d of %d problems", r.OK(), len(r.Problems), r.ProblemCount)
	}
}

func describe(r audit.Report) string {
	text := ""
	for _, p := range r.Problems {
		text += fmt.Sprintf("\n  %s %s %d: %s", p.Kind, p.Chain, p.Sequence, p.Text)
	}
	return text
}

func TestVerifyNamesWhatWasTamperedWith(t *testing.T) {
	m := newMemory()
	whole := makeScene(t, m)
	for _, x := range tamperings {
		t.Run(x.name, func(t *testing.T) {
			spoiled := whole.copy()
			x.do(spoiled)
			x.mustFind(t, &memory{kept: spoiled.contents}, spoiled)
		})
	}
}
