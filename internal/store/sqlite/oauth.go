package sqlite

import (
	"context"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

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
func (db *DB) OAuthClient(ctx context.Context, organization uuid.UUID, provider string) (store.OAuthClient, error) {
	return read(ctx, db, "oauth_client", func(c *sqlite.Conn) (store.OAuthClient, error) {
		return one(c, `SELECT `+clientColumns+` FROM oauth_clients WHERE organization_id = ? AND provider = ?`,
			func(p *params) { p.uuid(organization); p.text(provider) }, scanClient)
	})
}

// ListOAuthClients implements store.OAuth.
func (db *DB) ListOAuthClients(ctx context.Context, organization uuid.UUID) ([]store.OAuthClient, error) {
	return readLong(ctx, db, "list_oauth_clients", func(c *sqlite.Conn) ([]store.OAuthClient, error) {
		return many(c, `SELECT `+clientColumns+` FROM oauth_clients WHERE organization_id = ? ORDER BY provider`,
			func(p *params) { p.uuid(organization) }, scanClient)
	})
}

// SaveOAuthClient implements store.Tx.
func (t *tx) SaveOAuthClient(c store.OAuthClient) error {
	statement := `INSERT INTO oauth_clients (client_id, modified_by, created_at, updated_at, sealed, version, organization_id, provider, id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	if c.Version > 1 {
		statement = `UPDATE oauth_clients SET client_id = ?, modified_by = ?, created_at = ?, updated_at = ?, sealed = ?, version = version + 1
			WHERE version = ? - 1 AND organization_id = ? AND provider = ? AND id = ?`
	}
	changed, err := t.run(statement, func(p *params) {
		p.text(c.ClientID)
		p.uuid(c.ModifiedBy)
		p.time(c.CreatedAt)
		p.time(c.UpdatedAt)
		p.blob(c.Sealed)
		p.int(c.Version)
		p.uuid(c.OrganizationID)
		p.text(c.Provider)
		p.uuid(c.ID)
	})
	if err == nil && changed == 0 {
		return store.ErrStale
	}
	return err
}

// DeleteOAuthClient implements store.Tx.
func (t *tx) DeleteOAuthClient(organization uuid.UUID, provider string) error {
	return t.runOne(`DELETE FROM oauth_clients WHERE organization_id = ? AND provider = ?`,
		func(p *params) { p.uuid(organization); p.text(provider) })
}

func scanFlow(r *row) (f store.OAuthFlow) {
	f.StateHash, f.ID, f.OrganizationID, f.UserID = r.hash(), r.uuid(), r.uuid(), r.uuid()
	f.Role, f.Provider, f.Type, f.Name = strongroom.Role(r.text()), r.text(), strongroom.CredentialType(r.text()), r.text()
	f.CredentialID, f.ClientID, f.RedirectTo, f.CallbackPath = r.optionalUUID(), r.text(), r.text(), r.text()
	f.Scopes, f.BrowserHash, f.CreatedAt, f.ExpiresAt = r.texts(), r.hash(), r.time(), r.time()
	f.UsedAt = r.optionalTime()
	if !r.skipNull() {
		hash := r.hash()
		f.CodeHash = &hash
	}
	f.Outcome, f.Sealed = r.json(), r.blob()
	return f
}

// OAuthFlow implements store.OAuth.
func (db *DB) OAuthFlow(ctx context.Context, stateHash [32]byte) (store.OAuthFlow, error) {
	return read(ctx, db, "oauth_flow", func(c *sqlite.Conn) (store.OAuthFlow, error) {
		return one(c, `SELECT `+flowColumns+` FROM oauth_flows WHERE state_hash = ?`,
			func(p *params) { p.blob(stateHash[:]) }, scanFlow)
	})
}

// Flows are kept for a while after they end, so that a callback that comes again is
// answered as the first was; forgetPerFlow bounds the work of each new one.
const (
	keepFlows     = time.Hour
	forgetPerFlow = 20
)

// CreateOAuthFlow implements store.Tx.
func (t *tx) CreateOAuthFlow(f store.OAuthFlow, maxFlows int) error {
	_, err := t.run(`DELETE FROM oauth_flows WHERE rowid IN (SELECT rowid FROM oauth_flows WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`,
		func(p *params) { p.time(f.CreatedAt.Add(-keepFlows)); p.int(forgetPerFlow) })
	if err != nil {
		return err
	}
	open, err := t.count(`SELECT count(*) FROM oauth_flows WHERE organization_id = ? AND user_id = ? AND expires_at > ? AND used_at IS NULL`,
		func(p *params) { p.uuid(f.OrganizationID); p.uuid(f.UserID); p.time(f.CreatedAt) })
	if err != nil {
		return err
	}
	if open >= maxFlows {
		return store.ErrUserLimit
	}
	scopes, err := stored.EncodeTexts(f.Scopes)
	if err != nil {
		return err
	}
	_, err = t.run(`INSERT INTO oauth_flows (`+flowColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, ?)`,
		func(p *params) {
			p.blob(f.StateHash[:])
			p.uuid(f.ID)
			p.uuid(f.OrganizationID)
			p.uuid(f.UserID)
			p.text(string(f.Role))
			p.text(f.Provider)
			p.text(string(f.Type))
			p.text(f.Name)
			p.optionalUUID(f.CredentialID)
			p.text(f.ClientID)
			p.text(f.RedirectTo)
			p.text(f.CallbackPath)
			p.json(scopes)
			p.blob(f.BrowserHash[:])
			p.time(f.CreatedAt)
			p.time(f.ExpiresAt)
			p.blob(f.Sealed)
		})
	return err
}

// UseOAuthFlow implements store.Tx.
func (t *tx) UseOAuthFlow(organization uuid.UUID, stateHash, codeHash [32]byte, at time.Time) error {
	err := t.runOne(`UPDATE oauth_flows SET used_at = ?1, code_hash = ?2
		WHERE state_hash = ?3 AND organization_id = ?4 AND used_at IS NULL AND expires_at > ?1`,
		func(p *params) { p.time(at); p.blob(codeHash[:]); p.blob(stateHash[:]); p.uuid(organization) })
	return t.staleIfThere(err, `SELECT count(*) FROM oauth_flows WHERE state_hash = ? AND organization_id = ?`,
		func(p *params) { p.blob(stateHash[:]); p.uuid(organization) })
}

// EndOAuthFlow implements store.Tx.
func (t *tx) EndOAuthFlow(organization uuid.UUID, stateHash [32]byte, outcome []byte) error {
	return t.runOne(`UPDATE oauth_flows SET outcome = ?, sealed = x'' WHERE state_hash = ? AND organization_id = ?`,
		func(p *params) { p.json(outcome); p.blob(stateHash[:]); p.uuid(organization) })
}
