package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/audit"
	"strongroom/internal/backup"
	"strongroom/internal/rekey"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

// Verification returns the public keys that audit signatures are checked with, and when
// which was retired.
func Verification(ctx context.Context, c Config, s store.Keys) (o audit.VerifyOptions, err error) {
	keepers, close, err := openKeepers(ctx, c)
	defer func() { err = errors.Join(err, close()) }()
	if err != nil {
		return o, err
	}
	signing, err := s.SigningKeys(ctx)
	if err != nil {
		return o, fmt.Errorf("the audit signing keys cannot be read: %w", err)
	}
	trusted, err := openSigningKeys(ctx, keepers, signing)
	return audit.VerifyOptions{Keys: trusted.Keys, Retired: trusted.Retired}, err
}

// openSigningKeys opens signing keys, newest first. Each one is trusted because the root key
// opens its private half, so that a key slipped into the database verifies nothing.
func openSigningKeys(ctx context.Context, keepers seal.Keepers, newestFirst []store.SigningKey) (backup.Trusted, error) {
	t := backup.Trusted{Keys: map[uuid.UUID]ed25519.PublicKey{}, Retired: map[uuid.UUID]time.Time{}}
	current, _ := rekey.CurrentSigningKey(newestFirst)
	for _, k := range newestFirst {
		signer, err := rekey.OpenSigningKey(ctx, keepers, k)
		if err != nil {
			return t, err
		}
		t.Keys[k.ID] = signer.Key.Public().(ed25519.PublicKey)
		if k.RetiredAt != nil {
			t.Retired[k.ID] = *k.RetiredAt
		}
		if k.ID == current.ID {
			t.Signer = signer
		}
	}
	return t, nil
}
