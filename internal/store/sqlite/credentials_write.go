package sqlite

import (
	"errors"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/stored"
)

// CreateCredential implements store.Tx.
func (t *tx) CreateCredential(c store.SealedCredential, limits store.CredentialLimits) error {
	if err := t.checkLimits(c.Credential, limits); err != nil {
		return err
	}
	scopes, err := stored.EncodeTexts(c.Scopes)
	if err != nil {
		return err
	}
	_, err = t.run(`INSERT INTO credentials (`+credentialColumns+`, sealed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?,
			?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		func(p *params) {
			p.uuid(c.ID)
			p.uuid(c.OrganizationID)
			p.optionalUUID(c.UserID)
			p.text(c.Name)
			p.text(c.Provider)
			p.text(string(c.Type))
			p.text(string(c.Status))
			p.uuid(c.ModifiedBy)
			p.optionalText(c.AccountEmail)
			p.optionalTime(c.ExpiresAt)
			p.json(scopes)
			p.time(c.CreatedAt)
			p.time(c.UpdatedAt)
			p.optionalTime(c.LastUsedAt)
			p.optionalTime(c.LastCheckedAt)
			p.json(c.LastCheck)
			p.optionalTime(c.LastRefreshedAt)
			p.optionalText(c.RefreshError)
			p.renewal(c.Renewal)
			p.health(c.Health)
			p.schedule(c.Rotation)
			p.blob(c.Sealed)
		})
	return err
}

// checkLimits counts what is live before the credential joins it. There is one writer,
// so that the count holds until the transaction ends.
func (t *tx) checkLimits(c strongroom.Credential, limits store.CredentialLimits) error {
	if limits.PerProvider > 0 {
		live, err := t.count(`SELECT count(*) FROM credentials
			WHERE organization_id = ? AND provider = ? AND deleted_at IS NULL`,
			func(p *params) { p.uuid(c.OrganizationID); p.text(c.Provider) })
		if err != nil {
			return err
		}
		if live >= limits.PerProvider {
			return store.ErrProviderLimit
		}
	}
	if limits.PerUser > 0 && c.UserID != nil {
		live, err := t.count(`SELECT count(*) FROM credentials
			WHERE organization_id = ? AND user_id = ? AND deleted_at IS NULL`,
			func(p *params) { p.uuid(c.OrganizationID); p.uuid(*c.UserID) })
		if err != nil {
			return err
		}
		if live >= limits.PerUser {
			return store.ErrUserLimit
		}
	}
	return nil
}

func (t *tx) count(query string, bind func(*params)) (int, error) {
	return within(t, func(c *sqlite.Conn) (int, error) {
		return one(c, query, bind, func(r *row) int { return int(r.int()) })
	})
}

// UpdateCredential implements store.Tx.
func (t *tx) UpdateCredential(organization uuid.UUID, c store.CredentialChange) error {
	scopes, err := stored.EncodeTexts(c.Scopes)
	if err != nil {
		return err
	}
	err = t.runOne(`UPDATE credentials SET version = version + 1, name = ?, type = ?, sealed = ?, status = ?,
			modified_by = ?, updated_at = ?, account_email = ?, expires_at = ?, scopes = ?,
			stale_at = ?, renew_at = ?, renew_failures = ?, status_since = ?, status_reason = ?, oauth_client_id = ?,
			renew_fence = renew_fence + 1, leased_until = NULL, claimed_until = NULL,
			last_checked_at = NULL, last_check = NULL, last_refreshed_at = NULL, refresh_error = NULL,
			health_state = '', check_at = ?, check_failures = 0, check_refusals = 0, check_claimed_until = NULL,
			rotate_at = ?, rotate_claimed_until = NULL
		WHERE id = ? AND organization_id = ? AND version = ? AND deleted_at IS NULL`,
		func(p *params) {
			p.text(c.Name)
			p.text(string(c.Type))
			p.blob(c.Sealed)
			p.text(string(c.Status))
			p.uuid(c.ModifiedBy)
			p.time(c.UpdatedAt)
			p.optionalText(c.AccountEmail)
			p.optionalTime(c.ExpiresAt)
			p.json(scopes)
			p.renewal(c.Renewal)
			p.optionalTime(c.CheckAt)
			p.optionalTime(c.RotateAt)
			p.uuid(c.ID)
			p.uuid(organization)
			p.int(c.From)
		})
	return t.staleIfLive(err, organization, c.ID)
}

// staleIfLive is staleIfThere for a change of a live credential.
func (t *tx) staleIfLive(err error, organization, id uuid.UUID) error {
	return t.staleIfThere(err, `SELECT count(*) FROM credentials WHERE id = ? AND organization_id = ? AND deleted_at IS NULL`,
		func(p *params) { p.uuid(id); p.uuid(organization) })
}

// staleIfThere turns the ErrNotFound of an update that named a version into ErrStale where
// the count finds the row.
func (t *tx) staleIfThere(err error, count string, bind func(*params)) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	there, err := t.count(count, bind)
	switch {
	case err != nil:
		return err
	case there == 0:
		return store.ErrNotFound
	}
	return store.ErrStale
}

// DeleteCredential implements store.Tx.
func (t *tx) DeleteCredential(organization, id uuid.UUID, at time.Time, by uuid.UUID) error {
	return t.runOne(`UPDATE credentials SET deleted_at = ?1, updated_at = ?1, modified_by = ?2
		WHERE id = ?3 AND organization_id = ?4 AND deleted_at IS NULL`,
		func(p *params) { p.time(at); p.uuid(by); p.uuid(id); p.uuid(organization) })
}

// RestoreCredential implements store.Tx.
func (t *tx) RestoreCredential(organization, id uuid.UUID, at time.Time, by uuid.UUID, limits store.CredentialLimits) (strongroom.Credential, error) {
	restored, err := within(t, func(c *sqlite.Conn) (strongroom.Credential, error) {
		return one(c, `SELECT `+credentialColumns+` FROM credentials
			WHERE id = ? AND organization_id = ? AND deleted_at IS NOT NULL`,
			func(p *params) { p.uuid(id); p.uuid(organization) }, scanCredential)
	})
	if err != nil {
		return strongroom.Credential{}, err
	}
	if err := t.checkLimits(restored, limits); err != nil {
		return strongroom.Credential{}, err
	}
	err = t.runOne(`UPDATE credentials SET deleted_at = NULL, updated_at = ?, modified_by = ?
		WHERE id = ? AND organization_id = ?`,
		func(p *params) { p.time(at); p.uuid(by); p.uuid(id); p.uuid(organization) })
	if err != nil {
		return strongroom.Credential{}, err
	}
	restored.DeletedAt, restored.UpdatedAt, restored.ModifiedBy = nil, at, by
	return restored, nil
}

// TouchCredential implements store.Tx.
func (t *tx) TouchCredential(organization, id uuid.UUID, at time.Time) error {
	_, err := t.run(`UPDATE credentials SET last_used_at = ?1
		WHERE id = ?2 AND organization_id = ?3 AND (last_used_at IS NULL OR last_used_at < ?1)`,
		func(p *params) { p.time(at); p.uuid(id); p.uuid(organization) })
	return err
}
