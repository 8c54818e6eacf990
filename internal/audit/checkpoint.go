package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// maxLine bounds the line of a checkpoint that was kept off the host, in bytes.
const maxLine = 16 << 20

// digest is a SHA-256 that JSON shows in hexadecimal.
type digest [32]byte

func (d digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

func (d *digest) UnmarshalText(text []byte) error {
	if len(text) != 2*len(d) {
		return errors.New("a hash has 64 hexadecimal digits")
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// statement is a checkpoint's body.
type statement struct {
	// Sequence counts from 1 over the whole database.
	Sequence int64     `json:"sequence"`
	Time     time.Time `json:"time"`
	// Previous is the SHA-256 of the body of the checkpoint before; zeros in the first.
	Previous digest `json:"previous"`
	// Heads are those that moved since the checkpoint before.
	Heads []claim `json:"heads"`
	// KeyID is the key that signs this; the nil UUID: the release that wrote it named the key
	// beside the signature alone.
	KeyID uuid.UUID `json:"key_id,omitzero"`
}

// claim says that a chain's event has this hash.
type claim struct {
	Chain    uuid.UUID `json:"chain"`
	Sequence int64     `json:"sequence"`
	Hash     digest    `json:"hash"`
}

// line is a checkpoint as it is kept off the host. The body is a string, so that it
// stays the same byte for byte where something on the way reformats JSON.
type line struct {
	KeyID     uuid.UUID `json:"key_id"`
	Signature []byte    `json:"signature"`
	Body      string    `json:"body"`
}

// parseStatement returns what a checkpoint's body says.
func parseStatement(body []byte) (statement, error) {
	var s statement
	if err := json.Unmarshal(body, &s); err != nil {
		return statement{}, errors.New("the body is not a checkpoint's JSON")
	}
	if s.Sequence < 1 {
		return statement{}, errors.New("the body has no sequence")
	}
	for _, h := range s.Heads {
		if h.Sequence < 1 {
			return statement{}, errors.New("the body names a head without a sequence")
		}
	}
	return s, nil
}

// parseLine returns a checkpoint that was kept off the host, and what it says. Its
// signature is not checked.
func parseLine(text []byte) (store.AuditCheckpoint, statement, error) {
	if len(text) > maxLine {
		return store.AuditCheckpoint{}, statement{}, fmt.Errorf("audit: the checkpoint line is longer than %d bytes", maxLine)
	}
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return store.AuditCheckpoint{}, statement{}, errors.New("audit: the checkpoint is not one line of JSON with key_id, signature and body")
	}
	s, err := parseStatement([]byte(l.Body))
	if err != nil {
		return store.AuditCheckpoint{}, statement{}, fmt.Errorf("audit: the checkpoint line: %w", err)
	}
	c := store.AuditCheckpoint{
		Sequence: s.Sequence, Body: []byte(l.Body), KeyID: l.KeyID, Signature: l.Signature, CreatedAt: s.Time,
	}
	return c, s, nil
}

// formatLine returns the checkpoint as the line to be kept off the host.
func formatLine(c store.AuditCheckpoint) ([]byte, error) {
	text, err := json.Marshal(line{KeyID: c.KeyID, Signature: c.Signature, Body: string(c.Body)})
	if err != nil {
		return nil, fmt.Errorf("audit: encode checkpoint line: %w", err)
	}
	return append(text, '\n'), nil
}

// signCheckpoint returns the checkpoint that makes the statement.
func (s Signer) signCheckpoint(what statement) (store.AuditCheckpoint, error) {
	what.KeyID = s.KeyID
	body, err := json.Marshal(what)
	if err != nil {
		return store.AuditCheckpoint{}, fmt.Errorf("audit: encode checkpoint: %w", err)
	}
	return store.AuditCheckpoint{
		Sequence: what.Sequence, Body: body, KeyID: s.KeyID,
		Signature: ed25519.Sign(s.Key, checkpointMessage(body)), CreatedAt: what.Time,
	}, nil
}

// mark is what the next checkpoint links to.
type mark struct {
	sequence int64
	digest   digest
}

func markOf(c store.AuditCheckpoint) mark {
	return mark{sequence: c.Sequence, digest: sha256.Sum256(c.Body)}
}
