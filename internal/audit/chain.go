package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// The labels keep the four uses of hash and signature apart. Each ends in a zero
// byte, so that none is the beginning of another.
const (
	labelEvent      = "strongroom/audit/event/v1\x00"
	labelChain      = "strongroom/audit/chain/v1\x00"
	labelHead       = "strongroom/audit/head/v1\x00"
	labelCheckpoint = "strongroom/audit/checkpoint/v1\x00"
)

// Signer signs heads and checkpoints.
type Signer struct {
	// KeyID is what verification finds the public key by.
	KeyID uuid.UUID
	Key   ed25519.PrivateKey
}

// pen is the signer of the moment: it may be replaced while the log is written.
type pen struct{ current atomic.Pointer[Signer] }

func newPen(s Signer) *pen {
	p := &pen{}
	p.current.Store(&s)
	return p
}

func (p *pen) signer() Signer { return *p.current.Load() }

// position is a place in a chain: how many events there are, and the last one's hash.
type position struct {
	sequence int64
	hash     [32]byte
}

// origin is the position of a chain without events.
func origin(chain uuid.UUID) position {
	return position{hash: sha256.Sum256(append([]byte(labelChain), chain[:]...))}
}

// linker hashes links; it keeps the buffer between them.
type linker struct{ buf []byte }

// hash returns the hash of one link.
func (l *linker) hash(chain uuid.UUID, sequence int64, previous [32]byte, body []byte) [32]byte {
	b := append(l.buf[:0], labelEvent...)
	b = append(b, chain[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(sequence))
	b = append(b, previous[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(body)))
	b = append(b, body...)
	l.buf = b
	return sha256.Sum256(b)
}

// headMessage is what a head's signature covers.
func headMessage(chain uuid.UUID, p position) []byte {
	b := make([]byte, 0, len(labelHead)+len(chain)+8+len(p.hash))
	b = append(b, labelHead...)
	b = append(b, chain[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.sequence))
	return append(b, p.hash[:]...)
}

// checkpointMessage is what a checkpoint's signature covers.
func checkpointMessage(body []byte) []byte {
	return append([]byte(labelCheckpoint), body...)
}

// signHead returns the signed head of a chain at p.
func (s Signer) signHead(chain uuid.UUID, p position) store.AuditHead {
	return store.AuditHead{
		Chain: chain, Sequence: p.sequence, Hash: p.hash,
		KeyID: s.KeyID, Signature: ed25519.Sign(s.Key, headMessage(chain, p)),
	}
}
