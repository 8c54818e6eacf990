package app

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// VerificationKeys returns the public keys that audit signatures are checked with. Each
// one is trusted because the root key opens its private half, so that a key slipped into
// the database verifies nothing.
func VerificationKeys(ctx context.Context, c Config, s store.Keys) (map[uuid.UUID]ed25519.PublicKey, error) {
	keeper, err := openKeeper(ctx, c.RootKey, nil, keyPatience)
	if err != nil {
		return nil, err
	}
	defer keeper.Close()
	signing, err := s.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("the audit signing keys cannot be read: %w", err)
	}
	keys := make(map[uuid.UUID]ed25519.PublicKey, len(signing))
	for _, k := range signing {
		private, err := openSigningKey(ctx, keeper, k)
		if err != nil {
			return nil, err
		}
		keys[k.ID] = private.Public().(ed25519.PublicKey)
	}
	return keys, nil
}
