package seal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
)

// Service encrypts under a root key that stays with somebody else: a key service. It is
// safe for concurrent use.
type Service interface {
	// Encrypt takes a key of 32 bytes and returns at most MaxServiceCiphertext bytes.
	// Errors: ErrKeeper, with ErrRefused where asking again does not help; the context's.
	Encrypt(ctx context.Context, key []byte) ([]byte, error)
	// Decrypt returns the key. Errors: as Encrypt's, and ErrTampered where the service says
	// that it did not make this ciphertext under this root key.
	Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error)
	// Name is the root key's own, beginning with the kind of service and a colon. It stays
	// the same when the service makes a new version of the key, and no two keys share it.
	Name() string
	// Close ends idle connections.
	Close() error
}

// MaxServiceCiphertext is the longest ciphertext of a Service, in bytes.
const MaxServiceCiphertext = 4096

// infoRemote begins what the fingerprint of a key in a service is a hash of.
const infoRemote = "strongroom/root/remote/v1"

// Remote is a Keeper whose root key is in a key service.
//
// A wrapped key is
//
//	offset  bytes
//	0       1      format, wrapFormat
//	1       2      n, the length of what the service returned, big endian
//	3       n      a random data key of 32 bytes, encrypted by the service
//	3+n     …      nonce, ciphertext and tag of AES-256-GCM under the data key
//
// and GCM authenticates everything before the nonce, and the caller's associated data.
// Services differ in whether they bind associated data, how much of it they log, and how
// long a plaintext may be (190 bytes under RSA-2048): so the binding is made here, the
// same for all, and the service sees 32 random bytes.
type Remote struct {
	service     Service
	fingerprint string
	closed      atomic.Bool
}

// NewRemote makes a keeper over a key service, which it closes with itself. It has the
// service encrypt and decrypt a key for nothing, so that a missing permission shows at the
// start and not at the first use. Errors: Wrap's.
func NewRemote(ctx context.Context, service Service) (*Remote, error) {
	kind, _, _ := strings.Cut(service.Name(), ":")
	sum := sha256.Sum256([]byte(infoRemote + "\x00" + service.Name()))
	r := &Remote{service: service, fingerprint: kind + ":" + hex.EncodeToString(sum[:fingerprintSize])}
	_, err := r.Wrap(ctx, make([]byte, 1), nil)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Name returns what the service calls the key, for the operator's log.
func (r *Remote) Name() string { return r.service.Name() }

// Wrap implements Keeper. What the service encrypted is decrypted again before it is
// relied on: a key that never opens again is lost with everything under it.
func (r *Remote) Wrap(ctx context.Context, key, associated []byte) ([]byte, error) {
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	if err := checkWrap(key, associated); err != nil {
		return nil, err
	}
	data := make([]byte, aesKeySize)
	defer clear(data)
	if _, err := rand.Read(data); err != nil {
		return nil, fmt.Errorf("generate data key: %w", err)
	}
	encrypted, err := r.encrypt(ctx, data)
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(data)
	if err != nil {
		return nil, err
	}
	wrapped := append(make([]byte, 0, 3+len(encrypted)+len(key)+aead.Overhead()), wrapFormat)
	wrapped = binary.BigEndian.AppendUint16(wrapped, uint16(len(encrypted)))
	wrapped = append(wrapped, encrypted...)
	return aead.Seal(wrapped, nil, key, remoteAssociated(wrapped, associated)), nil
}

func (r *Remote) encrypt(ctx context.Context, data []byte) ([]byte, error) {
	encrypted, err := r.service.Encrypt(ctx, data)
	if err != nil {
		return nil, err
	}
	if len(encrypted) == 0 || len(encrypted) > MaxServiceCiphertext {
		return nil, fmt.Errorf("%w: the key service returned a ciphertext of %d bytes", ErrKeeper, len(encrypted))
	}
	again, err := r.service.Decrypt(ctx, encrypted)
	defer clear(again)
	switch {
	case err != nil && !errors.Is(err, ErrTampered):
		return nil, err
	case err != nil || subtle.ConstantTimeCompare(again, data) != 1:
		return nil, fmt.Errorf("%w: the key service does not decrypt what it has just encrypted", ErrKeeper)
	}
	return encrypted, nil
}

// Unwrap implements Keeper.
func (r *Remote) Unwrap(ctx context.Context, wrapped, associated []byte) ([]byte, error) {
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	if len(wrapped) < 3 || wrapped[0] != wrapFormat || len(associated) > MaxAssociated {
		return nil, ErrTampered
	}
	n := int(binary.BigEndian.Uint16(wrapped[1:]))
	if n == 0 || n > MaxServiceCiphertext || len(wrapped) <= 3+n+gcmOverhead || len(wrapped) > 3+n+gcmOverhead+MaxKey {
		return nil, ErrTampered
	}
	head, sealed := wrapped[:3+n], wrapped[3+n:]
	data, err := r.service.Decrypt(ctx, head[3:])
	if err != nil {
		return nil, err
	}
	defer clear(data)
	if len(data) != aesKeySize {
		return nil, ErrTampered
	}
	aead, err := newAEAD(data)
	if err != nil {
		return nil, err
	}
	key, err := aead.Open(nil, nil, sealed, remoteAssociated(head, associated))
	if err != nil {
		return nil, ErrTampered
	}
	return key, nil
}

// Fingerprint implements Keeper: the kind of service and 32 hex digits, a hash of the
// key's name.
func (r *Remote) Fingerprint() string { return r.fingerprint }

// Close implements Keeper.
func (r *Remote) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	return r.service.Close()
}

func (r *Remote) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.closed.Load() {
		return errClosed
	}
	return nil
}

// remoteAssociated returns what GCM authenticates: head says its own length.
func remoteAssociated(head, associated []byte) []byte {
	return append(append(make([]byte, 0, len(head)+len(associated)), head...), associated...)
}
