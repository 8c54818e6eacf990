package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/audit"
	"strongroom/internal/rekey"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

// Verification returns the public keys that audit signatures are checked with, and when
// which was retired. Each one is trusted because the root key opens its private half, so that
// a key slipped into the database verifies nothing.
func Verification(ctx context.Context, c Config, s store.Keys) (o audit.VerifyOptions, err error) {
	var keepers seal.Keepers
	for _, where := range []string{c.RootKey, c.NextRootKey} {
		if where == "" && keepers != nil {
			continue
		}
		keeper, err := openKeeper(ctx, where, nil, keyPatience)
		if err != nil {
			return o, err
		}
		defer func() { err = errors.Join(err, keeper.Close()) }()
		keepers = append(keepers, keeper)
	}
	signing, err := s.SigningKeys(ctx)
	if err != nil {
		return o, fmt.Errorf("the audit signing keys cannot be read: %w", err)
	}
	o.Keys, o.Retired = make(map[uuid.UUID]ed25519.PublicKey, len(signing)), map[uuid.UUID]time.Time{}
	for _, k := range signing {
		signer, err := rekey.OpenSigningKey(ctx, keepers, k)
		if err != nil {
			return o, err
		}
		o.Keys[k.ID] = signer.Key.Public().(ed25519.PublicKey)
		if k.RetiredAt != nil {
			o.Retired[k.ID] = *k.RetiredAt
		}
	}
	return o, nil
}
