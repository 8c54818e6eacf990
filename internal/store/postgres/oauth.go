package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/stored"
)

const (
	clientColumns = `organization_id, provider, id, client_id, version, modified_by, created_at, updated_at, sealed`
	flowColumns   = `state_hash, id, organization_id, user_id, role, provider, type, name, credential_id, client_id, redirect_to,
	callback_path, scopes, browser_hash, created_at, expires_at, used_at, code_hash, outcome, sealed`
)

func scanClient(r *row) (c store.OAuthClient) {
	c.OrganizationID, c.Provider, c.ID, c.ClientID, c.Version = r.uuid(), r.text(), r.uuid(), r.text(), r.int()
	c.ModifiedBy, c.CreatedAt, c.UpdatedAt, c.Sealed = r.uuid(), r.time(), r.time(), r.blob()
	return c
}

// OAuthClient implements store.OAuth.
func (db *DB) OAuthClient(ctx context.Context, organization uuid.UUID, provider string) (found store.OAuthClient, err error) {
	answer, err := db.lookUp(ctx, "oauth_client", enter(organization),
		sql(`SELECT `+clientColumns+` FROM strongroom.oauth_clients WHERE organization_id = $1 AND provider = $2`, organization, provider))
	if err != nil {
		return found, err
	}
	return one(answer, scanClient)
}

// ListOAuthClients implements store.OAuth.
func (db *DB) ListOAuthClients(ctx context.Context, organization uuid.UUID) ([]store.OAuthClient, error) {
	answer, err := db.list(ctx, "list_oauth_clients", enter(organization),
		sql(`SELECT `+clientColumns+` FROM strongroom.oauth_clients WHERE organization_id = $1 ORDER BY provider`, organization))
	if err != nil {
		return nil, err
	}
	return many(answer, scanClient)
}

// SaveOAuthClient implements store.Tx.
func (t *tx) SaveOAuthClient(c store.OAuthClient) error {
	text := `INSERT INTO strongroom.oauth_clients (client_id, modified_by, created_at, updated_at, sealed, version, organization_id, provider, id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`
	if c.Version > 1 {
		text = `UPDATE strongroom.oauth_clients SET client_id = $1, modified_by = $2, created_at = $3, updated_at = $4, sealed = $5, version = version + 1
			WHERE version = $6 - 1 AND organization_id = $7 AND provider = $8 AND id = $9`
	}
	answer, err := t.in(c.OrganizationID, sql(text, c.ClientID, c.ModifiedBy, c.CreatedAt, c.UpdatedAt, c.Sealed, c.Version, c.OrganizationID, c.Provider, c.ID))
	if err == nil && answer.changed == 0 {
		return store.ErrStale
	}
	return err
}

// DeleteOAuthClient implements store.Tx.
func (t *tx) DeleteOAuthClient(organization uuid.UUID, provider string) error {
	return t.change(organization, sql(`DELETE FROM strongroom.oauth_clients WHERE organization_id = $1 AND provider = $2`, organization, provider))
}

func scanFlow(r *row) (f store.OAuthFlow) {
	f.StateHash, f.ID, f.OrganizationID, f.UserID = r.hash(), r.uuid(), r.uuid(), r.uuid()
	f.Role, f.Provider, f.Type, f.Name = strongroom.Role(r.text()), r.text(), strongroom.CredentialType(r.text()), r.text()
	f.CredentialID, f.ClientID, f.RedirectTo, f.CallbackPath = r.optionalUUID(), r.text(), r.text(), r.text()
	f.Scopes, f.BrowserHash, f.CreatedAt, f.ExpiresAt = r.texts(), r.hash(), r.time(), r.time()
	f.UsedAt, f.CodeHash = r.optionalTime(), optional(r, (*row).hash)
	f.Outcome, f.Sealed = r.json(), r.blob()
	return f
}

// OAuthFlow implements store.OAuth.
func (db *DB) OAuthFlow(ctx context.Context, stateHash [32]byte) (found store.OAuthFlow, err error) {
	answer, err := db.lookUp(ctx, "oauth_flow", sql(`SELECT strongroom.enter_flow($1)`, stateHash),
		sql(`SELECT `+flowColumns+` FROM strongroom.oauth_flows
			WHERE state_hash = $1 AND organization_id = strongroom.current_organization()`, stateHash))
	if err != nil {
		return found, err
	}
	return one(answer, scanFlow)
}

// Flows are kept for a while after they end, so that a callback that comes again is
// answered as the first was; forgetPerFlow bounds the work of each new one.
const (
	keepFlows     = time.Hour
	forgetPerFlow = 20
)

// CreateOAuthFlow implements store.Tx.
func (t *tx) CreateOAuthFlow(f store.OAuthFlow, maxFlows int) error {
	_, err := t.run(sql(`SELECT strongroom.forget_flows($1, $2)`, f.CreatedAt.Add(-keepFlows), forgetPerFlow))
	if err != nil {
		return err
	}
	if err := t.lock(f.OrganizationID); err != nil {
		return err
	}
	answer, err := t.in(f.OrganizationID, sql(`SELECT count(*) FROM strongroom.oauth_flows
		WHERE organization_id = $1 AND user_id = $2 AND expires_at > $3 AND used_at IS NULL`, f.OrganizationID, f.UserID, f.CreatedAt))
	if err != nil {
		return err
	}
	open, err := one(answer, (*row).int)
	if err != nil {
		return err
	}
	if open >= int64(maxFlows) {
		return store.ErrUserLimit
	}
	scopes, err := stored.EncodeTexts(f.Scopes)
	if err != nil {
		return err
	}
	_, err = t.in(f.OrganizationID, sql(`INSERT INTO strongroom.oauth_flows (`+flowColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, NULL, NULL, NULL, $17)`,
		f.StateHash, f.ID, f.OrganizationID, f.UserID, string(f.Role), f.Provider, string(f.Type), f.Name, f.CredentialID, f.ClientID,
		f.RedirectTo, f.CallbackPath, encodedJSON(scopes), f.BrowserHash, f.CreatedAt, f.ExpiresAt, f.Sealed))
	return err
}

// UseOAuthFlow implements store.Tx.
func (t *tx) UseOAuthFlow(organization uuid.UUID, stateHash, codeHash [32]byte, at time.Time) error {
	err := t.change(organization, sql(`UPDATE strongroom.oauth_flows SET used_at = $1, code_hash = $2
		WHERE state_hash = $3 AND organization_id = $4 AND used_at IS NULL AND expires_at > $1`, at, codeHash, stateHash, organization))
	return t.staleIfThere(err, organization, sql(`SELECT FROM strongroom.oauth_flows WHERE state_hash = $1 AND organization_id = $2`, stateHash, organization))
}

// EndOAuthFlow implements store.Tx.
func (t *tx) EndOAuthFlow(organization uuid.UUID, stateHash [32]byte, outcome []byte) error {
	return t.change(organization, sql(`UPDATE strongroom.oauth_flows SET outcome = $1, sealed = '' WHERE state_hash = $2 AND organization_id = $3`,
		encodedJSON(outcome), stateHash, organization))
}
