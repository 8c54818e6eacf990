package seal

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/secret"
)

// KeyStore keeps wrapped organization keys. Not found is (zero, false, nil).
type KeyStore interface {
	OrganizationKey(ctx context.Context, organization uuid.UUID, version int64) (strongroom.OrganizationKey, bool, error)
	// CurrentOrganizationKey returns the newest version.
	CurrentOrganizationKey(ctx context.Context, organization uuid.UUID) (strongroom.OrganizationKey, bool, error)
	// CreateOrganizationKey returns false where that version exists already. It refuses a key
	// that another root key has wrapped than the one that RootFingerprint names by then.
	CreateOrganizationKey(ctx context.Context, key strongroom.OrganizationKey) (bool, error)
	// RootFingerprint names the root key that wraps new keys; empty: none is known yet.
	RootFingerprint(ctx context.Context) (string, error)
}

// Observe is told of each call of the keeper: "wrap" or "unwrap", how long it took and
// how it ended. It is called from many goroutines and must not wait.
type Observe func(operation string, took time.Duration, err error)

// Sealer seals and opens credentials' data. It is safe for concurrent use.
type Sealer struct {
	ring *keyring
}

// New makes a sealer that keeps organization keys for as long as there is room. observe
// may be nil. Closing the keeper stays the caller's.
func New(keeper Keeper, keys KeyStore, clock strongroom.Clock, observe Observe) *Sealer {
	if observe == nil {
		observe = func(string, time.Duration, error) {}
	}
	return &Sealer{ring: newKeyring(keeper, keys, clock, observe)}
}

// ForgetAfter sets how long an organization's key stays in memory at most; it is renewed
// behind the callers' backs from half of that on, as long as it is used. 0, from which a
// sealer starts: no limit. It is for use before the first Seal and Open.
func (s *Sealer) ForgetAfter(maxAge time.Duration) { s.ring.cache.maxAge = maxAge }

// AddKeeper lets the sealer open what another root key has wrapped as well: one that takes
// the place of the first. It is for use before the first Seal and Open.
func (s *Sealer) AddKeeper(k Keeper) { s.ring.keepers = append(s.ring.keepers, k) }

// Seal encrypts under the organization's newest key, which it makes where there is
// none. The result is 37 bytes longer than the plaintext. Errors: ErrKeeper,
// ErrWrongRoot, ErrTampered (of the wrapped organization key), and the store's.
func (s *Sealer) Seal(ctx context.Context, b Binding, plaintext secret.Value) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	plain := plaintext.Reveal()
	if len(plain) > MaxPlaintext {
		return nil, fmt.Errorf("a record holds at most %d bytes, this has %d", MaxPlaintext, len(plain))
	}
	key, err := s.ring.current(ctx, b.OrganizationID)
	if err != nil {
		return nil, err
	}
	return key.seal(b, plain)
}

// Open decrypts what Seal made for the same binding. The receiver destroys the value.
// Errors: ErrTampered, ErrUnknownKey, ErrKeeper, ErrWrongRoot, and the store's.
func (s *Sealer) Open(ctx context.Context, b Binding, sealed []byte) (secret.Value, error) {
	if err := b.check(); err != nil {
		return secret.Value{}, err
	}
	header, keyVersion, ciphertext, err := split(sealed)
	if err != nil {
		return secret.Value{}, err
	}
	key, err := s.ring.version(ctx, b.OrganizationID, keyVersion)
	if err != nil {
		return secret.Value{}, err
	}
	defer clear(key.prk[:])
	aead, err := key.recordAEAD(b)
	if err != nil {
		return secret.Value{}, err
	}
	plain, err := aead.Open(nil, nil, ciphertext, b.associated(header))
	if err != nil {
		return secret.Value{}, ErrTampered
	}
	return secret.New(plain), nil
}

// Reseal opens a record and seals it for the same binding under a version of the
// organization's key. Its plaintext does not leave this function. Errors: Open's.
func (s *Sealer) Reseal(ctx context.Context, b Binding, sealed []byte, keyVersion int64) ([]byte, error) {
	plain, err := s.Open(ctx, b, sealed)
	if err != nil {
		return nil, err
	}
	defer plain.Destroy()
	key, err := s.ring.version(ctx, b.OrganizationID, keyVersion)
	if err != nil {
		return nil, err
	}
	return key.seal(b, plain.Reveal())
}

// Ready tells whether a version of an organization's key is there and opens. Errors: Open's.
func (s *Sealer) Ready(ctx context.Context, organization uuid.UUID, version int64) error {
	key, err := s.ring.version(ctx, organization, version)
	clear(key.prk[:])
	return err
}
