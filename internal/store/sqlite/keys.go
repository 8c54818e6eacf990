package sqlite

import (
	"context"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

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
func (db *DB) Installation(ctx context.Context) (store.Installation, error) {
	return read(ctx, db, "installation", func(c *sqlite.Conn) (store.Installation, error) {
		return one(c, `SELECT id, root_fingerprint, created_at FROM installation`, func(*params) {},
			func(r *row) store.Installation {
				return store.Installation{ID: r.uuid(), RootFingerprint: r.text(), CreatedAt: r.time()}
			})
	})
}

// OrganizationKey implements store.Keys.
func (db *DB) OrganizationKey(ctx context.Context, organization uuid.UUID, version int64) (strongroom.OrganizationKey, error) {
	return read(ctx, db, "organization_key", func(c *sqlite.Conn) (strongroom.OrganizationKey, error) {
		return one(c, `SELECT `+organizationKeyColumns+` FROM organization_keys WHERE organization_id = ? AND version = ?`,
			func(p *params) { p.uuid(organization); p.int(version) }, scanOrganizationKey)
	})
}

// CurrentOrganizationKey implements store.Keys.
func (db *DB) CurrentOrganizationKey(ctx context.Context, organization uuid.UUID) (strongroom.OrganizationKey, error) {
	return read(ctx, db, "current_organization_key", func(c *sqlite.Conn) (strongroom.OrganizationKey, error) {
		return one(c, `SELECT `+organizationKeyColumns+` FROM organization_keys WHERE organization_id = ?
			ORDER BY version DESC LIMIT 1`,
			func(p *params) { p.uuid(organization) }, scanOrganizationKey)
	})
}

// SigningKeys implements store.Keys.
func (db *DB) SigningKeys(ctx context.Context) ([]store.SigningKey, error) {
	return readLong(ctx, db, "signing_keys", func(c *sqlite.Conn) ([]store.SigningKey, error) {
		return many(c, `SELECT id, public, wrapped_private, root_fingerprint, created_at, retired_at FROM signing_keys
			ORDER BY created_at DESC, id DESC`,
			func(*params) {}, func(r *row) store.SigningKey {
				return store.SigningKey{
					ID: r.uuid(), Public: r.blob(), WrappedPrivate: r.blob(), RootFingerprint: r.text(), CreatedAt: r.time(), RetiredAt: r.optionalTime(),
				}
			})
	})
}

// CreateInstallation implements store.Tx.
func (t *tx) CreateInstallation(i store.Installation) error {
	_, err := t.run(`INSERT INTO installation (singleton, id, root_fingerprint, created_at) VALUES (1, ?, ?, ?)`,
		func(p *params) { p.uuid(i.ID); p.text(i.RootFingerprint); p.time(i.CreatedAt) })
	return err
}

// CreateOrganizationKey implements store.Tx.
func (t *tx) CreateOrganizationKey(k strongroom.OrganizationKey) error {
	_, err := t.run(`INSERT INTO organization_keys (`+organizationKeyColumns+`) VALUES (?, ?, ?, ?, ?)`,
		func(p *params) {
			p.uuid(k.OrganizationID)
			p.int(k.Version)
			p.blob(k.Wrapped)
			p.text(k.RootFingerprint)
			p.time(k.CreatedAt)
		})
	return err
}

// CreateSigningKey implements store.Tx.
func (t *tx) CreateSigningKey(k store.SigningKey) error {
	_, err := t.run(`INSERT INTO signing_keys (id, public, wrapped_private, root_fingerprint, created_at, retired_at) VALUES (?, ?, ?, ?, ?, ?)`,
		func(p *params) {
			p.uuid(k.ID)
			p.blob(k.Public)
			p.blob(k.WrappedPrivate)
			p.text(k.RootFingerprint)
			p.time(k.CreatedAt)
			p.optionalTime(k.RetiredAt)
		})
	return err
}
