package postgres

import (
	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store/stored"
)

// owner is whose rows an account's or key's are: the operator's where it has no
// organization.
func owner(organization *uuid.UUID) uuid.UUID {
	if organization == nil {
		return uuid.Nil
	}
	return *organization
}

// Account implements store.Tx.
func (t *tx) Account(organization, id uuid.UUID) (found strongroom.ServiceAccount, err error) {
	answer, err := t.in(organization, accountByID(organization, id))
	if err != nil {
		return found, err
	}
	return one(answer, scanAccount)
}

// CreateAccount implements store.Tx.
func (t *tx) CreateAccount(a strongroom.ServiceAccount) error {
	grants, err := stored.EncodeGrants(a.Grants)
	if err != nil {
		return err
	}
	_, err = t.in(owner(a.OrganizationID), sql(`INSERT INTO strongroom.service_accounts
			(id, organization_id, name, description, status, grants, modified_by, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		a.ID, a.OrganizationID, a.Name, a.Description, string(a.Status), encodedJSON(grants), a.ModifiedBy, a.CreatedAt, a.UpdatedAt))
	return err
}

// SaveAccount implements store.Tx.
func (t *tx) SaveAccount(a strongroom.ServiceAccount) error {
	grants, err := stored.EncodeGrants(a.Grants)
	if err != nil {
		return err
	}
	return t.change(owner(a.OrganizationID), sql(`UPDATE strongroom.service_accounts
		SET name = $1, description = $2, status = $3, grants = $4, modified_by = $5, updated_at = $6
		WHERE id = $7 AND organization_id IS NOT DISTINCT FROM $8`,
		a.Name, a.Description, string(a.Status), encodedJSON(grants), a.ModifiedBy, a.UpdatedAt, a.ID, a.OrganizationID))
}

// DeleteAccount implements store.Tx. Its keys go with it (ON DELETE CASCADE).
func (t *tx) DeleteAccount(organization *uuid.UUID, id uuid.UUID) error {
	return t.change(owner(organization), sql(`DELETE FROM strongroom.service_accounts WHERE id = $1 AND organization_id IS NOT DISTINCT FROM $2`,
		id, organization))
}

// APIKey implements store.Tx.
func (t *tx) APIKey(organization *uuid.UUID, account, key uuid.UUID) (found strongroom.APIKey, err error) {
	answer, err := t.in(owner(organization), sql(`SELECT `+keyColumns+` FROM strongroom.api_keys k
		WHERE k.id = $1 AND k.service_account_id = $2 AND k.organization_id IS NOT DISTINCT FROM $3`, key, account, organization))
	if err != nil {
		return found, err
	}
	return one(answer, scanKey)
}

// CreateAPIKey implements store.Tx. The key is inserted only for an account of the
// key's own organization.
func (t *tx) CreateAPIKey(k strongroom.APIKey, hash [32]byte) error {
	return t.change(owner(k.OrganizationID), sql(`INSERT INTO strongroom.api_keys
			(hash, id, service_account_id, organization_id, user_id, name, description, token_prefix,
			 modified_by, created_at, updated_at, expires_at)
		SELECT $1, $2, a.id, a.organization_id, $3, $4, $5, $6, $7, $8, $9, $10
		FROM strongroom.service_accounts a WHERE a.id = $11 AND a.organization_id IS NOT DISTINCT FROM $12`,
		hash, k.ID, k.UserID, k.Name, k.Description, k.TokenPrefix, k.ModifiedBy, k.CreatedAt, k.UpdatedAt, k.ExpiresAt,
		k.ServiceAccountID, k.OrganizationID))
}

// SaveAPIKey implements store.Tx.
func (t *tx) SaveAPIKey(k strongroom.APIKey) error {
	return t.change(owner(k.OrganizationID), sql(`UPDATE strongroom.api_keys SET name = $1, description = $2, modified_by = $3, updated_at = $4
		WHERE id = $5 AND service_account_id = $6 AND organization_id IS NOT DISTINCT FROM $7`,
		k.Name, k.Description, k.ModifiedBy, k.UpdatedAt, k.ID, k.ServiceAccountID, k.OrganizationID))
}

// DeleteAPIKey implements store.Tx.
func (t *tx) DeleteAPIKey(organization *uuid.UUID, account, key uuid.UUID) error {
	return t.change(owner(organization), sql(`DELETE FROM strongroom.api_keys
		WHERE id = $1 AND service_account_id = $2 AND organization_id IS NOT DISTINCT FROM $3`, key, account, organization))
}
