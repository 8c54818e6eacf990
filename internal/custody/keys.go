package custody

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

// organizationKeys keeps wrapped organization keys in the store, and puts the making of
// one on record in the same transaction.
type organizationKeys struct {
	store store.Keys
	log   audit.Recorder
	clock strongroom.Clock
}

// OrganizationKeys returns the seal.KeyStore over a store.
func OrganizationKeys(s store.Keys, log audit.Recorder, clock strongroom.Clock) seal.KeyStore {
	return organizationKeys{store: s, log: log, clock: clock}
}

// OrganizationKey implements seal.KeyStore.
func (k organizationKeys) OrganizationKey(ctx context.Context, organization uuid.UUID, version int64) (strongroom.OrganizationKey, bool, error) {
	return found(k.store.OrganizationKey(ctx, organization, version))
}

// CurrentOrganizationKey implements seal.KeyStore.
func (k organizationKeys) CurrentOrganizationKey(ctx context.Context, organization uuid.UUID) (strongroom.OrganizationKey, bool, error) {
	return found(k.store.CurrentOrganizationKey(ctx, organization))
}

// CreateOrganizationKey implements seal.KeyStore.
func (k organizationKeys) CreateOrganizationKey(ctx context.Context, key strongroom.OrganizationKey) (bool, error) {
	err := k.log.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		event := strongroom.Event{
			Time: k.clock.Now(), Action: strongroom.ActionOrganizationKeyCreate, Outcome: strongroom.OutcomeAllowed,
			OrganizationID: key.OrganizationID, PrincipalKind: strongroom.KindStrongroom, Version: key.Version,
		}
		if err := tx.EnsureOrganization(key.OrganizationID, event.Time); err != nil {
			return nil, err
		}
		return []strongroom.Event{event}, tx.CreateOrganizationKey(key)
	})
	if errors.Is(err, store.ErrDuplicate) {
		return false, nil
	}
	return err == nil, err
}

// RootFingerprint implements seal.KeyStore.
func (k organizationKeys) RootFingerprint(ctx context.Context) (string, error) {
	i, err := k.store.Installation(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return i.RootFingerprint, err
}

func found(key strongroom.OrganizationKey, err error) (strongroom.OrganizationKey, bool, error) {
	if errors.Is(err, store.ErrNotFound) {
		return strongroom.OrganizationKey{}, false, nil
	}
	return key, err == nil, err
}
