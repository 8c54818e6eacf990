package sqlite

import (
	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom"
	"strongroom/internal/store/stored"
)

// Account implements store.Tx.
func (t *tx) Account(organization, id uuid.UUID) (strongroom.ServiceAccount, error) {
	return within(t, func(c *sqlite.Conn) (strongroom.ServiceAccount, error) {
		return one(c, accountByID, func(p *params) { p.uuid(id); p.uuid(organization) }, scanAccount)
	})
}

// CreateAccount implements store.Tx.
func (t *tx) CreateAccount(a strongroom.ServiceAccount) error {
	grants, err := stored.EncodeGrants(a.Grants)
	if err != nil {
		return err
	}
	_, err = t.run(`INSERT INTO service_accounts
			(id, organization_id, name, description, status, grants, modified_by, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		func(p *params) {
			p.uuid(a.ID)
			p.optionalUUID(a.OrganizationID)
			p.text(a.Name)
			p.optionalText(a.Description)
			p.text(string(a.Status))
			p.json(grants)
			p.uuid(a.ModifiedBy)
			p.time(a.CreatedAt)
			p.time(a.UpdatedAt)
		})
	return err
}

// SaveAccount implements store.Tx.
func (t *tx) SaveAccount(a strongroom.ServiceAccount) error {
	grants, err := stored.EncodeGrants(a.Grants)
	if err != nil {
		return err
	}
	return t.runOne(`UPDATE service_accounts SET name = ?, description = ?, status = ?, grants = ?, modified_by = ?, updated_at = ?
		WHERE id = ? AND organization_id IS ?`,
		func(p *params) {
			p.text(a.Name)
			p.optionalText(a.Description)
			p.text(string(a.Status))
			p.json(grants)
			p.uuid(a.ModifiedBy)
			p.time(a.UpdatedAt)
			p.uuid(a.ID)
			p.optionalUUID(a.OrganizationID)
		})
}

// DeleteAccount implements store.Tx. Its keys go with it (ON DELETE CASCADE).
func (t *tx) DeleteAccount(organization *uuid.UUID, id uuid.UUID) error {
	return t.runOne(`DELETE FROM service_accounts WHERE id = ? AND organization_id IS ?`,
		func(p *params) { p.uuid(id); p.optionalUUID(organization) })
}

// APIKey implements store.Tx.
func (t *tx) APIKey(organization *uuid.UUID, account, key uuid.UUID) (strongroom.APIKey, error) {
	return within(t, func(c *sqlite.Conn) (strongroom.APIKey, error) {
		return one(c, `SELECT `+keyColumns+` FROM api_keys k
			WHERE k.id = ? AND k.service_account_id = ? AND k.organization_id IS ?`,
			func(p *params) { p.uuid(key); p.uuid(account); p.optionalUUID(organization) }, scanKey)
	})
}

// CreateAPIKey implements store.Tx. The key is inserted only for an account of the
// key's own organization.
func (t *tx) CreateAPIKey(k strongroom.APIKey, hash [32]byte) error {
	return t.runOne(`INSERT INTO api_keys
			(hash, id, service_account_id, organization_id, user_id, name, description, token_prefix,
			 modified_by, created_at, updated_at, expires_at)
		SELECT ?1, ?2, a.id, a.organization_id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
		FROM service_accounts a WHERE a.id = ?11 AND a.organization_id IS ?12`,
		func(p *params) {
			p.blob(hash[:])
			p.uuid(k.ID)
			p.optionalUUID(k.UserID)
			p.text(k.Name)
			p.optionalText(k.Description)
			p.text(k.TokenPrefix)
			p.uuid(k.ModifiedBy)
			p.time(k.CreatedAt)
			p.time(k.UpdatedAt)
			p.optionalTime(k.ExpiresAt)
			p.uuid(k.ServiceAccountID)
			p.optionalUUID(k.OrganizationID)
		})
}

// SaveAPIKey implements store.Tx.
func (t *tx) SaveAPIKey(k strongroom.APIKey) error {
	return t.runOne(`UPDATE api_keys SET name = ?, description = ?, modified_by = ?, updated_at = ?
		WHERE id = ? AND service_account_id = ? AND organization_id IS ?`,
		func(p *params) {
			p.text(k.Name)
			p.optionalText(k.Description)
			p.uuid(k.ModifiedBy)
			p.time(k.UpdatedAt)
			p.uuid(k.ID)
			p.uuid(k.ServiceAccountID)
			p.optionalUUID(k.OrganizationID)
		})
}

// DeleteAPIKey implements store.Tx.
func (t *tx) DeleteAPIKey(organization *uuid.UUID, account, key uuid.UUID) error {
	return t.runOne(`DELETE FROM api_keys WHERE id = ? AND service_account_id = ? AND organization_id IS ?`,
		func(p *params) { p.uuid(key); p.uuid(account); p.optionalUUID(organization) })
}
