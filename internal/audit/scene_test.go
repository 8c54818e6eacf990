package audit_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/audit"
	"strongroom/internal/store"
)

// scene is a real log of three chains: the first closed with 8 events, the second
// left open with 3, the third closed with 3. There are six checkpoints: 1 to 3 are
// the first chain's (at its events 1, 5 and 8), 4 the second's opening, 5 and 6 the
// third's, 5 naming the second's end too.
type scene struct {
	contents
	chains [3]uuid.UUID
	// halfway is the state at the first chain's event 5, checkpoint 2.
	halfway contents
	// lines are the checkpoints off the host; the first is checkpoint 1.
	lines []string
}

func makeScene(t testing.TB, s backend) *scene {
	t.Helper()
	var off bytes.Buffer
	toSink := func(o *audit.Options) { o.CheckpointSink = &off }
	first := open(t, s, toSink)
	mustRecord(t, first, "a2", "a3", "a4", "a5")
	if err := first.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	halfway := contentsOf(t, s)
	mustRecord(t, first, "a6", "a7")
	closeLog(t, first)

	second := open(t, s, toSink)
	t.Cleanup(func() { _ = second.Close(context.Background()) })
	mustRecord(t, second, "b2", "b3")

	third := open(t, s, toSink)
	mustRecord(t, third, "c2")
	closeLog(t, third)

	sc := &scene{contents: contentsOf(t, s), halfway: halfway, lines: strings.Split(strings.TrimSpace(off.String()), "\n")}
	for _, r := range sc.records {
		if r.Sequence == 1 {
			i := slices.Index(sc.chains[:], uuid.Nil)
			sc.chains[i] = r.Chain
		}
	}
	if len(sc.records) != 14 || len(sc.checkpoints) != 6 || len(sc.lines) != 6 {
		t.Fatalf("the scene has %d events, %d checkpoints and %d lines", len(sc.records), len(sc.checkpoints), len(sc.lines))
	}
	return sc
}

// copy returns a scene that may be spoiled.
func (s *scene) copy() *scene {
	c := *s
	c.contents, c.halfway = s.contents.clone(), s.halfway.clone()
	for i := range c.records {
		c.records[i].Body = bytes.Clone(c.records[i].Body)
	}
	for i := range c.checkpoints {
		c.checkpoints[i].Body = bytes.Clone(c.checkpoints[i].Body)
		c.checkpoints[i].Signature = bytes.Clone(c.checkpoints[i].Signature)
	}
	for id, h := range c.heads {
		h.Signature = bytes.Clone(h.Signature)
		c.heads[id] = h
	}
	return &c
}

// event returns an event of the i-th chain.
func (s *scene) event(i int, sequence int64) *store.AuditRecord {
	return &s.records[slices.IndexFunc(s.records, func(r store.AuditRecord) bool {
		return r.Chain == s.chains[i] && r.Sequence == sequence
	})]
}

// remove removes events of the i-th chain.
func (s *scene) remove(i int, sequences ...int64) {
	s.records = slices.DeleteFunc(s.records, func(r store.AuditRecord) bool {
		return r.Chain == s.chains[i] && (len(sequences) == 0 || slices.Contains(sequences, r.Sequence))
	})
}

// removeCheckpoints removes checkpoints by their sequence.
func (s *scene) removeCheckpoints(sequences ...int64) {
	s.checkpoints = slices.DeleteFunc(s.checkpoints, func(c store.AuditCheckpoint) bool {
		return slices.Contains(sequences, c.Sequence)
	})
}

// head changes the head of the i-th chain.
func (s *scene) head(i int, change func(*store.AuditHead)) {
	h := s.heads[s.chains[i]]
	change(&h)
	s.heads[s.chains[i]] = h
}

// rehash makes the i-th chain consistent again, hashes alone, and returns its end.
func (s *scene) rehash(i int) (int64, [32]byte) {
	previous, last := documentedOrigin(s.chains[i]), int64(0)
	for n := range s.records {
		if r := &s.records[n]; r.Chain == s.chains[i] {
			r.Hash = documentedHash(*r, previous)
			previous, last = r.Hash, r.Sequence
		}
	}
	return last, previous
}

// forge appends an event to the i-th chain that fits it.
func (s *scene) forge(i int) (int64, [32]byte) {
	last := *s.event(i, s.heads[s.chains[i]].Sequence)
	last.Sequence++
	last.Cursor = s.records[len(s.records)-1].Cursor + 1
	s.records = append(s.records, last)
	return s.rehash(i)
}

// impostor signs like the service, with a key of its own.
var impostor = ed25519.NewKeyFromSeed([]byte("another seed for tests, 32 bytes"))

// contentsOf reads the whole log from a backend.
func contentsOf(t testing.TB, s store.Audit) contents {
	t.Helper()
	c := contents{heads: map[uuid.UUID]store.AuditHead{}, named: map[uuid.UUID]int64{}}
	err := s.AuditSnapshot(t.Context(), func(v store.AuditView) error {
		for r, err := range v.Records() {
			if err != nil {
				return err
			}
			r.Body = bytes.Clone(r.Body)
			c.records, c.cursor = append(c.records, r), r.Cursor
		}
		heads, err := v.Heads()
		for _, h := range heads {
			c.heads[h.Chain] = h
		}
		if err != nil {
			return err
		}
		for p, err := range v.Checkpoints() {
			if err != nil {
				return err
			}
			p.Body, p.Signature = bytes.Clone(p.Body), bytes.Clone(p.Signature)
			c.checkpoints = append(c.checkpoints, p)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("read the log: %v", err)
	}
	return c
}
