package audit_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// What follows is written from the package's documentation, not from its code.

func documentedOrigin(chain uuid.UUID) [32]byte {
	return sha256.Sum256(append([]byte("strongroom/audit/chain/v1\x00"), chain[:]...))
}

func documentedHash(r store.AuditRecord, previous [32]byte) [32]byte {
	b := append([]byte("strongroom/audit/event/v1\x00"), r.Chain[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Sequence))
	b = append(b, previous[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(r.Body)))
	return sha256.Sum256(append(b, r.Body...))
}

func documentedHead(h store.AuditHead) []byte {
	b := append([]byte("strongroom/audit/head/v1\x00"), h.Chain[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Sequence))
	return append(b, h.Hash[:]...)
}

func TestTheLogIsEncodedAsDocumented(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	mustRecord(t, l, "one", "two")
	closeLog(t, l)
	kept := m.snapshot()
	previous := documentedOrigin(kept.records[0].Chain)
	for _, r := range kept.records {
		if want := documentedHash(r, previous); r.Hash != want {
			t.Errorf("event %d has hash %x, want %x", r.Sequence, r.Hash, want)
		}
		previous = r.Hash
	}
	public := keys[keyID]
	for _, h := range kept.heads {
		if h.KeyID != keyID || !ed25519.Verify(public, documentedHead(h), h.Signature) {
			t.Errorf("the head %+v is not signed as documented", h)
		}
		if h.Hash != previous || h.Sequence != 4 {
			t.Errorf("the head is at %d, want the end of the chain, 4", h.Sequence)
		}
	}
	for _, c := range kept.checkpoints {
		if !ed25519.Verify(public, append([]byte("strongroom/audit/checkpoint/v1\x00"), c.Body...), c.Signature) {
			t.Errorf("checkpoint %d is not signed as documented", c.Sequence)
		}
	}
}
