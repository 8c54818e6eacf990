package audit_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/audit"
	"strongroom/internal/store"
)

var (
	nextID  = uuid.MustParse("0198c0de-0000-7000-8000-0000000000b2")
	nextKey = ed25519.NewKeyFromSeed([]byte("another seed for tests, 32 bytes"))
	moment  = time.Date(2031, 3, 14, 15, 0, 0, 0, time.UTC)
)

// succession is a log whose key was retired at a moment, for another.
type succession struct {
	*testing.T
	memory *memory
	log    *audit.Log
	now    time.Time
}

func succeed(t *testing.T) *succession {
	t.Helper()
	s := &succession{T: t, memory: newMemory(), now: moment.Add(-time.Hour)}
	s.log = open(t, s.memory, func(o *audit.Options) { o.Clock = func() time.Time { return s.now } })
	mustRecord(t, s.log, "before")
	s.now = moment
	return s
}

func (s *succession) options() audit.VerifyOptions {
	both := maps.Clone(keys)
	both[nextID] = nextKey.Public().(ed25519.PublicKey)
	return audit.VerifyOptions{Keys: both, Retired: map[uuid.UUID]time.Time{keyID: moment}}
}

// want checks which kinds of problems verification finds.
func (s *succession) want(kinds ...audit.Kind) {
	s.Helper()
	report, err := audit.Verify(s.Context(), s.memory, s.options())
	if err != nil {
		s.Fatal(err)
	}
	var found []audit.Kind
	for _, p := range report.Problems {
		found = append(found, p.Kind)
	}
	if !slices.Equal(found, kinds) {
		s.Errorf("found %v, want %v", report.Problems, kinds)
	}
}

func TestASigningKeyIsReplacedWhileTheLogIsWritten(t *testing.T) {
	s := succeed(t)
	if err := s.log.SetSigner(audit.Signer{KeyID: nextID}); err == nil {
		t.Error("a signer without a key is taken")
	}
	if err := s.log.SetSigner(audit.Signer{KeyID: nextID, Key: nextKey}); err != nil || s.log.SignedBy() != nextID {
		t.Fatal(err, s.log.SignedBy())
	}
	s.now = moment.Add(24 * time.Hour)
	mustRecord(t, s.log, "after")
	if err := s.log.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeLog(t, s.log)
	s.want()
	kept := s.memory.snapshot()
	if first, last := kept.checkpoints[0], kept.checkpoints[len(kept.checkpoints)-1]; first.KeyID != keyID || last.KeyID != nextID {
		t.Errorf("signed by %s and %s", first.KeyID, last.KeyID)
	}
	for _, c := range kept.checkpoints {
		var says struct {
			KeyID uuid.UUID `json:"key_id"`
		}
		if err := json.Unmarshal(c.Body, &says); err != nil || says.KeyID != c.KeyID {
			t.Errorf("checkpoint %d says that it is signed by %s: %v", c.Sequence, says.KeyID, err)
		}
	}
}

func TestARetiredKeyThatGoesOnSigningIsNoticed(t *testing.T) {
	s := succeed(t)
	s.now = moment.Add(audit.RetirementGrace)
	mustRecord(t, s.log, "in time")
	if err := s.log.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want()
	s.now = moment.Add(audit.RetirementGrace + time.Second)
	mustRecord(t, s.log, "too late")
	s.want(audit.KindRetiredKey)
	closeLog(t, s.log)
	s.want(audit.KindRetiredKey, audit.KindRetiredKey)
}

func TestARetiredKeyCannotStateAnEarlierTime(t *testing.T) {
	s := succeed(t)
	if err := s.log.SetSigner(audit.Signer{KeyID: nextID, Key: nextKey}); err != nil {
		t.Fatal(err)
	}
	s.now = moment.Add(24 * time.Hour)
	mustRecord(t, s.log, "after")
	if err := s.log.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want()
	// Whoever has the old key and the database writes as if it were before.
	s.now = moment.Add(-time.Minute)
	forger := open(t, s.memory, func(o *audit.Options) { o.Clock = func() time.Time { return s.now } })
	s.want(audit.KindRetiredKey)
	closeLog(t, forger)
}

func TestTheKeyBesideACheckpointIsTheOneInIt(t *testing.T) {
	s := succeed(t)
	closeLog(t, s.log)
	// The same key under another id: its signature is good, and yet it is not what was signed.
	s.memory.edit(func(c *contents) { c.checkpoints[0].KeyID = nextID })
	o := s.options()
	o.Keys[nextID] = o.Keys[keyID]
	report, err := audit.Verify(t.Context(), s.memory, o)
	if err != nil || len(report.Problems) != 1 || report.Problems[0].Kind != audit.KindCheckpointEdited {
		t.Errorf("%+v, %v", report.Problems, err)
	}
}

func TestACheckpointOfAnOlderReleaseStillVerifies(t *testing.T) {
	s := succeed(t)
	closeLog(t, s.log)
	s.memory.edit(func(c *contents) {
		var previous []byte
		for i, old := range c.checkpoints {
			c.checkpoints[i] = olderForm(t, old, previous)
			previous = c.checkpoints[i].Body
		}
	})
	s.want()
}

// olderForm signs a checkpoint as releases did that named the key beside the signature alone.
func olderForm(t *testing.T, c store.AuditCheckpoint, previous []byte) store.AuditCheckpoint {
	t.Helper()
	var body map[string]json.RawMessage
	if err := json.Unmarshal(c.Body, &body); err != nil {
		t.Fatal(err)
	}
	delete(body, "key_id")
	if previous != nil {
		body["previous"] = quotedDigest(previous)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	c.Body = encoded
	c.Signature = ed25519.Sign(private, append([]byte("strongroom/audit/checkpoint/v1\x00"), encoded...))
	return c
}

// quotedDigest is the SHA-256 of a body as JSON shows it.
func quotedDigest(body []byte) json.RawMessage {
	return fmt.Appendf(nil, `"%x"`, sha256.Sum256(body))
}
