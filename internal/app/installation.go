package app

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"strongroom/internal/audit"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

// checkInstallation refuses a root key other than the one that the database was made
// with; in a new database it writes down which one that is.
func (a *App) checkInstallation(ctx context.Context) error {
	known, err := a.Store.Installation(ctx)
	if errors.Is(err, store.ErrNotFound) {
		known, err = a.install(ctx)
	}
	if err != nil {
		return fmt.Errorf("the database cannot be read: %w", err)
	}
	return checkFingerprint(a.Keeper, known)
}

// checkFingerprint refuses a root key that is not a database's own.
func checkFingerprint(keeper seal.Keeper, known store.Installation) error {
	if found := keeper.Fingerprint(); found != known.RootFingerprint {
		return fmt.Errorf("this is not the root key of this database: expected the key with fingerprint %s, found %s; set --root-key to the key that the database was made with", known.RootFingerprint, found)
	}
	return nil
}

func (a *App) install(ctx context.Context) (store.Installation, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return store.Installation{}, err
	}
	installation := store.Installation{ID: id, RootFingerprint: a.Keeper.Fingerprint(), CreatedAt: a.clock.Now()}
	err = a.Store.Write(ctx, func(tx store.Tx) error { return tx.CreateInstallation(installation) })
	if errors.Is(err, store.ErrDuplicate) {
		// Another process that started with this one was first.
		return a.Store.Installation(ctx)
	}
	return installation, err
}

// signer returns the newest audit signing key, or makes the first. The keeper is asked
// here for the first time: a root key that only looks like the right one ends the start.
func (a *App) signer(ctx context.Context) (signer audit.Signer, err error) {
	keys, err := a.Store.SigningKeys(ctx)
	if err != nil {
		return audit.Signer{}, fmt.Errorf("the audit signing keys cannot be read: %w", err)
	}
	err = a.whileAway(ctx, func(ctx context.Context) (err error) {
		if len(keys) == 0 {
			signer, err = a.newSigner(ctx)
			return err
		}
		private, err := openSigningKey(ctx, a.Keeper, keys[0])
		signer = audit.Signer{KeyID: keys[0].ID, Key: private}
		return err
	})
	return signer, err
}

func (a *App) newSigner(ctx context.Context) (audit.Signer, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return audit.Signer{}, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return audit.Signer{}, err
	}
	key := store.SigningKey{ID: id, Public: public, CreatedAt: a.clock.Now()}
	if key.WrappedPrivate, err = a.Keeper.Wrap(ctx, private.Seed(), signingKeyContext(key)); err != nil {
		return audit.Signer{}, fmt.Errorf("the root key cannot wrap the audit signing key: %w", err)
	}
	if err := a.Store.Write(ctx, func(tx store.Tx) error { return tx.CreateSigningKey(key) }); err != nil {
		return audit.Signer{}, fmt.Errorf("the audit signing key cannot be stored: %w", err)
	}
	return audit.Signer{KeyID: id, Key: private}, nil
}

// unwrapper is the half of a keeper that opens.
type unwrapper interface {
	Unwrap(ctx context.Context, wrapped, associated []byte) ([]byte, error)
}

// openSigningKey unwraps the private half and checks that it is the public one's: a row
// that was put there by somebody without the root key fails.
func openSigningKey(ctx context.Context, keeper unwrapper, key store.SigningKey) (ed25519.PrivateKey, error) {
	seed, err := keeper.Unwrap(ctx, key.WrappedPrivate, signingKeyContext(key))
	if err != nil {
		return nil, fmt.Errorf("the audit signing key %s does not open with this root key: %w", key.ID, err)
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("the audit signing key %s is not of the right length", key.ID)
	}
	private := ed25519.NewKeyFromSeed(seed)
	if subtle.ConstantTimeCompare(private.Public().(ed25519.PublicKey), key.Public) != 1 {
		return nil, fmt.Errorf("the audit signing key %s does not match its public half", key.ID)
	}
	return private, nil
}

// signingKeyContext binds a wrapped signing key to its purpose, id and public half.
func signingKeyContext(key store.SigningKey) []byte {
	return []byte("strongroom/audit-signing-key/v1|" + key.ID.String() + "|" + hex.EncodeToString(key.Public))
}
