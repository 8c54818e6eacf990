package seal

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"strongroom"
)

// Keepers are the root keys that a process has: one, or two while the second takes the place
// of the first.
type Keepers []Keeper

// For returns the keeper of the root key with the fingerprint: that one, and never another.
// ErrWrongRoot.
func (k Keepers) For(fingerprint string) (Keeper, error) {
	found := make([]string, len(k))
	for i, keeper := range k {
		if found[i] = keeper.Fingerprint(); found[i] == fingerprint {
			return keeper, nil
		}
	}
	return nil, fmt.Errorf("%w: the one with fingerprint %q is needed, the one at hand has %q", ErrWrongRoot, fingerprint, strings.Join(found, " and "))
}

// Rewrap has one root key unwrap a key and another wrap it, for the same place. What it
// returns has been unwrapped once: a key that never opens again is lost with everything
// under it. Errors: the keepers'.
func Rewrap(ctx context.Context, from, to Keeper, wrapped, associated []byte) ([]byte, error) {
	key, err := from.Unwrap(ctx, wrapped, associated)
	defer clear(key)
	if err != nil {
		return nil, keeperError("unwrap with the root key so far", err)
	}
	rewrapped, err := to.Wrap(ctx, key, associated)
	if err != nil {
		return nil, keeperError("wrap with the new root key", err)
	}
	again, err := to.Unwrap(ctx, rewrapped, associated)
	defer clear(again)
	if err != nil {
		return nil, keeperError("unwrap what the new root key has just wrapped", err)
	}
	if subtle.ConstantTimeCompare(key, again) != 1 {
		return nil, fmt.Errorf("%w: the new root key unwraps something else than it has wrapped", ErrKeeper)
	}
	return rewrapped, nil
}

// RewrapOrganizationKey is Rewrap for a stored organization key. ErrWrongRoot: the first
// root key is not the one that wrapped it.
func RewrapOrganizationKey(ctx context.Context, from, to Keeper, key strongroom.OrganizationKey) ([]byte, error) {
	if _, err := (Keepers{from}).For(key.RootFingerprint); err != nil {
		return nil, err
	}
	return Rewrap(ctx, from, to, key.Wrapped, organizationAssociated(key.OrganizationID, key.Version))
}

// NewOrganizationKey makes a version of an organization's key, wrapped by the root key that
// the database knows. It is the caller's to store, and is used from then on. Errors: Seal's.
func (s *Sealer) NewOrganizationKey(ctx context.Context, organization uuid.UUID, version int64) (strongroom.OrganizationKey, error) {
	plain := make([]byte, organizationKeySize)
	defer clear(plain)
	return s.ring.wrapNew(ctx, organization, version, plain)
}
