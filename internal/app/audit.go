package app

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
)

// OpenStore opens the configured database alone, to read: for commands that look and do
// not act. They need no root key, and work while a server runs.
func OpenStore(ctx context.Context, c Config) (store.Store, error) {
	return openStore(ctx, c, true, nil)
}

func openStore(ctx context.Context, c Config, readOnly bool, observe func(string, time.Duration, error)) (store.Store, error) {
	path, err := sqlitePath(c.DatabaseURL)
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, sqlite.Options{Path: path, ReadOnly: readOnly, Observe: observe})
}

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
