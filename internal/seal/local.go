package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync/atomic"

	"strongroom/secret"
)

// What a root key is never used for directly: HKDF makes one key for each of these.
const (
	infoWrap        = "strongroom/root/wrap/v1"
	infoFingerprint = "strongroom/root/fingerprint/v1"
)

const (
	wrapFormat      = 1
	fingerprintSize = 16
)

// Local is a Keeper with its root key in this process's memory.
type Local struct {
	// aead is nil once closed.
	aead        atomic.Pointer[cipher.AEAD]
	fingerprint string
}

// NewLocal makes a keeper of a root key of 32 bytes. It keeps keys derived from the
// root key and not the root key, which the caller may destroy.
//
// A wrapped key is a format byte, then nonce, ciphertext and tag of AES-256-GCM; the
// format byte and the caller's associated data are what GCM authenticates besides.
func NewLocal(root secret.Value) (*Local, error) {
	key := root.Reveal()
	if len(key) != rootSize {
		return nil, fmt.Errorf("root key has %d bytes and should have %d", len(key), rootSize)
	}
	wrapping, err := hkdf.Key(sha256.New, key, nil, infoWrap, aesKeySize)
	if err != nil {
		return nil, fmt.Errorf("derive wrapping key: %w", err)
	}
	defer clear(wrapping)
	fingerprint, err := hkdf.Key(sha256.New, key, nil, infoFingerprint, fingerprintSize)
	if err != nil {
		return nil, fmt.Errorf("derive fingerprint: %w", err)
	}
	aead, err := newAEAD(wrapping)
	if err != nil {
		return nil, err
	}
	l := &Local{fingerprint: "local:" + hex.EncodeToString(fingerprint)}
	l.aead.Store(&aead)
	return l, nil
}

// Wrap implements Keeper.
func (l *Local) Wrap(ctx context.Context, key, associated []byte) ([]byte, error) {
	aead, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkWrap(key, associated); err != nil {
		return nil, err
	}
	wrapped := make([]byte, 1, 1+len(key)+aead.Overhead())
	wrapped[0] = wrapFormat
	return aead.Seal(wrapped, nil, key, wrapAssociated(associated)), nil
}

// Unwrap implements Keeper.
func (l *Local) Unwrap(ctx context.Context, wrapped, associated []byte) ([]byte, error) {
	aead, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	if len(wrapped) < 1+aead.Overhead() || len(wrapped) > 1+MaxKey+aead.Overhead() ||
		wrapped[0] != wrapFormat || len(associated) > MaxAssociated {
		return nil, ErrTampered
	}
	key, err := aead.Open(nil, nil, wrapped[1:], wrapAssociated(associated))
	if err != nil {
		return nil, ErrTampered
	}
	return key, nil
}

// Fingerprint implements Keeper: "local:" and 32 hex digits, derived from the root key.
func (l *Local) Fingerprint() string { return l.fingerprint }

// Close implements Keeper.
func (l *Local) Close() error {
	l.aead.Store(nil)
	return nil
}

func (l *Local) open(ctx context.Context) (cipher.AEAD, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	aead := l.aead.Load()
	if aead == nil {
		return nil, errClosed
	}
	return *aead, nil
}

func wrapAssociated(associated []byte) []byte {
	return append([]byte{wrapFormat}, associated...)
}

// aesKeySize is AES-256's.
const aesKeySize = 32

// newAEAD returns GCM that puts a random nonce of its own before each ciphertext, over
// AES with a key of aesKeySize bytes.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("AES: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("GCM: %w", err)
	}
	return aead, nil
}
