package postgres

import (
	"context"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

const organizationKeyColumns = `organization_id, version, wrapped, root_fingerprint, created_at`

func scanOrganizationKey(r *row) strongroom.OrganizationKey {
	return strongroom.OrganizationKey{
		OrganizationID: r.uuid(), Version: r.int(), Wrapped: r.blob(), RootFingerprint: r.text(), CreatedAt: r.time(),
	}
}

// Installation implements store.Keys.
func (db *DB) Installation(ctx context.Context) (found store.Installation, err error) {
	answer, err := db.lookUp(ctx, "installation", sql(`SELECT id, root_fingerprint, created_at FROM strongroom.installation`))
	if err != nil {
		return found, err
	}
	return one(answer, func(r *row) store.Installation {
		return store.Installation{ID: r.uuid(), RootFingerprint: r.text(), CreatedAt: r.time()}
	})
}

// OrganizationKey implements store.Keys.
func (db *DB) OrganizationKey(ctx context.Context, organization uuid.UUID, version int64) (found strongroom.OrganizationKey, err error) {
	answer, err := db.lookUp(ctx, "organization_key", enter(organization),
		sql(`SELECT `+organizationKeyColumns+` FROM strongroom.organization_keys WHERE organization_id = $1 AND version = $2`, organization, version))
	if err != nil {
		return found, err
	}
	return one(answer, scanOrganizationKey)
}

// CurrentOrganizationKey implements store.Keys.
func (db *DB) CurrentOrganizationKey(ctx context.Context, organization uuid.UUID) (found strongroom.OrganizationKey, err error) {
	answer, err := db.lookUp(ctx, "current_organization_key", enter(organization),
		sql(`SELECT `+organizationKeyColumns+` FROM strongroom.organization_keys WHERE organization_id = $1
			ORDER BY version DESC LIMIT 1`, organization))
	if err != nil {
		return found, err
	}
	return one(answer, scanOrganizationKey)
}

// SigningKeys implements store.Keys.
func (db *DB) SigningKeys(ctx context.Context) ([]store.SigningKey, error) {
	answer, err := db.list(ctx, "signing_keys", sql(`SELECT id, public, wrapped_private, root_fingerprint, created_at, retired_at
		FROM strongroom.signing_keys ORDER BY created_at DESC, id DESC`))
	if err != nil {
		return nil, err
	}
	return many(answer, func(r *row) store.SigningKey {
		return store.SigningKey{
			ID: r.uuid(), Public: r.blob(), WrappedPrivate: r.blob(), RootFingerprint: r.text(), CreatedAt: r.time(), RetiredAt: r.optionalTime(),
		}
	})
}

// CreateInstallation implements store.Tx.
func (t *tx) CreateInstallation(i store.Installation) error {
	_, err := t.run(sql(`INSERT INTO strongroom.installation (singleton, id, root_fingerprint, created_at) VALUES (true, $1, $2, $3)`,
		i.ID, i.RootFingerprint, i.CreatedAt))
	return err
}

// CreateOrganizationKey implements store.Tx.
func (t *tx) CreateOrganizationKey(k strongroom.OrganizationKey) error {
	_, err := t.in(k.OrganizationID, sql(`INSERT INTO strongroom.organization_keys (`+organizationKeyColumns+`) VALUES ($1, $2, $3, $4, $5)`,
		k.OrganizationID, k.Version, k.Wrapped, k.RootFingerprint, k.CreatedAt))
	return err
}

// CreateSigningKey implements store.Tx.
func (t *tx) CreateSigningKey(k store.SigningKey) error {
	_, err := t.run(sql(`INSERT INTO strongroom.signing_keys (id, public, wrapped_private, root_fingerprint, created_at, retired_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, k.ID, k.Public, k.WrappedPrivate, k.RootFingerprint, k.CreatedAt, k.RetiredAt))
	return err
}
