package rekey

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

// CurrentSigningKey returns the newest key that is not retired; false: there is none.
func CurrentSigningKey(newestFirst []store.SigningKey) (store.SigningKey, bool) {
	for _, k := range newestFirst {
		if k.RetiredAt == nil {
			return k, true
		}
	}
	return store.SigningKey{}, false
}

// OpenSigningKey has the root key that wrapped the private half unwrap it, and checks that it
// is the public one's: a row that was put there by somebody without the root key fails.
func OpenSigningKey(ctx context.Context, keepers seal.Keepers, key store.SigningKey) (audit.Signer, error) {
	seed, err := openSigningKey(ctx, keepers, key)
	defer clear(seed)
	if err != nil {
		return audit.Signer{}, fmt.Errorf("the audit signing key %s does not open with this root key: %w", key.ID, err)
	}
	if len(seed) != ed25519.SeedSize {
		return audit.Signer{}, fmt.Errorf("the audit signing key %s is not of the right length", key.ID)
	}
	private := ed25519.NewKeyFromSeed(seed)
	if subtle.ConstantTimeCompare(private.Public().(ed25519.PublicKey), key.Public) != 1 {
		return audit.Signer{}, fmt.Errorf("the audit signing key %s does not match its public half", key.ID)
	}
	return audit.Signer{KeyID: key.ID, Key: private}, nil
}

func openSigningKey(ctx context.Context, keepers seal.Keepers, key store.SigningKey) ([]byte, error) {
	keeper, err := keepers.For(key.RootFingerprint)
	if err != nil {
		return nil, err
	}
	return keeper.Unwrap(ctx, key.WrappedPrivate, signingKeyContext(key))
}

// NewSigningKey makes a key, wrapped by the keeper. It is the caller's to store.
func NewSigningKey(ctx context.Context, keeper seal.Keeper, clock strongroom.Clock) (store.SigningKey, audit.Signer, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return store.SigningKey{}, audit.Signer{}, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return store.SigningKey{}, audit.Signer{}, err
	}
	key := store.SigningKey{ID: id, Public: public, RootFingerprint: keeper.Fingerprint(), CreatedAt: clock.Now()}
	seed := private.Seed()
	defer clear(seed)
	if key.WrappedPrivate, err = keeper.Wrap(ctx, seed, signingKeyContext(key)); err != nil {
		return store.SigningKey{}, audit.Signer{}, fmt.Errorf("the root key cannot wrap the audit signing key: %w", err)
	}
	return key, audit.Signer{KeyID: id, Key: private}, nil
}

func rewrapSigningKey(ctx context.Context, from, next seal.Keeper, key store.SigningKey) ([]byte, error) {
	if _, err := (seal.Keepers{from}).For(key.RootFingerprint); err != nil {
		return nil, err
	}
	return seal.Rewrap(ctx, from, next, key.WrappedPrivate, signingKeyContext(key))
}

// signingKeyContext binds a wrapped signing key to its purpose, id and public half.
func signingKeyContext(key store.SigningKey) []byte {
	return []byte("strongroom/audit-signing-key/v1|" + key.ID.String() + "|" + hex.EncodeToString(key.Public))
}

// RotatedSigning is what became of the keys that sign.
type RotatedSigning struct {
	Key     store.SigningKey
	Signer  audit.Signer
	Retired int
}

// RotateSigning makes a new key for the audit log and retires the others. What they have
// signed goes on to verify.
func (s *Service) RotateSigning(ctx context.Context, caller strongroom.Caller, keepers seal.Keepers) (RotatedSigning, error) {
	if err := mayRekey(caller); err != nil {
		return RotatedSigning{}, err
	}
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionSigningKeyRotate)
	known, err := s.Store.Installation(ctx)
	if err != nil {
		return RotatedSigning{}, fmt.Errorf("the database cannot be read: %w", err)
	}
	keeper, err := keepers.For(known.RootFingerprint)
	if err != nil {
		return RotatedSigning{}, s.failed(ctx, event, err)
	}
	var made RotatedSigning
	if made.Key, made.Signer, err = NewSigningKey(ctx, keeper, s.Clock); err != nil {
		return RotatedSigning{}, s.failed(ctx, event, err)
	}
	event.TargetKeyID = made.Key.ID
	err = s.Audit.Commit(ctx, func(tx store.Tx) (_ []strongroom.Event, err error) {
		if err := tx.CreateSigningKey(made.Key); err != nil {
			return nil, err
		}
		made.Retired, err = tx.RetireSigningKeys(made.Key.ID, made.Key.CreatedAt)
		return []strongroom.Event{event}, err
	})
	if errors.Is(err, store.ErrOtherRoot) {
		err = fmt.Errorf("the root key was replaced meanwhile; set --root-key to the new one, and run this again: %w", err)
	}
	if err != nil {
		return RotatedSigning{}, s.failed(ctx, event, err)
	}
	return made, nil
}
