package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

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
	r, h, s := c.Renewal, c.Health, c.Rotation
	_, err = t.in(c.OrganizationID, sql(`INSERT INTO strongroom.credentials
			(id, organization_id, user_id, name, provider, type, status, modified_by, version, account_email, expires_at, scopes,
			 created_at, updated_at, last_used_at, last_checked_at, last_check, last_refreshed_at, refresh_error,
			 stale_at, renew_at, renew_failures, status_since, status_reason, oauth_client_id,
			 health_state, check_at, check_failures, check_refusals, known_host,
			 rotate_age, rotate_grace, rotate_at, rotated_at, rotation_doubt, sealed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
			$25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35)`,
		c.ID, c.OrganizationID, c.UserID, c.Name, c.Provider, string(c.Type), string(c.Status), c.ModifiedBy, c.AccountEmail, c.ExpiresAt, encodedJSON(scopes),
		c.CreatedAt, c.UpdatedAt, c.LastUsedAt, c.LastCheckedAt, encodedJSON(c.LastCheck), c.LastRefreshedAt, c.RefreshError,
		r.StaleAt, r.NextAt, r.Failures, r.Since, string(r.Reason), r.ClientID,
		string(h.State), h.NextAt, h.Failures, h.Refusals, h.KnownHost,
		s.MaxAge.Microseconds(), s.Grace.Microseconds(), s.NextAt, s.LastAt, s.InDoubt, c.Sealed))
	return err
}

// lock makes others who count the organization's wait until the transaction ends. The key
// is made of the random half of the id: who shares it by chance waits as well.
func (t *tx) lock(organization uuid.UUID) error {
	_, err := t.in(organization, sql(`SELECT pg_advisory_xact_lock($1)`, int64(binary.BigEndian.Uint64(organization[8:]))))
	return err
}

// checkLimits counts what is live before the credential joins it.
func (t *tx) checkLimits(c strongroom.Credential, limits store.CredentialLimits) error {
	if limits.PerProvider <= 0 && (limits.PerUser <= 0 || c.UserID == nil) {
		return nil
	}
	if err := t.lock(c.OrganizationID); err != nil {
		return err
	}
	answer, err := t.in(c.OrganizationID, sql(`SELECT
			(SELECT count(*) FROM strongroom.credentials WHERE organization_id = $1 AND provider = $2 AND deleted_at IS NULL),
			(SELECT count(*) FROM strongroom.credentials WHERE organization_id = $1 AND user_id = $3 AND deleted_at IS NULL)`,
		c.OrganizationID, c.Provider, c.UserID))
	if err != nil {
		return err
	}
	live, err := one(answer, func(r *row) [2]int { return [2]int{int(r.int()), int(r.int())} })
	switch {
	case err != nil:
		return err
	case limits.PerProvider > 0 && live[0] >= limits.PerProvider:
		return store.ErrProviderLimit
	case limits.PerUser > 0 && live[1] >= limits.PerUser:
		return store.ErrUserLimit
	}
	return nil
}

// UpdateCredential implements store.Tx.
func (t *tx) UpdateCredential(organization uuid.UUID, c store.CredentialChange) error {
	scopes, err := stored.EncodeTexts(c.Scopes)
	if err != nil {
		return err
	}
	r := c.Renewal
	err = t.change(organization, sql(`UPDATE strongroom.credentials SET version = version + 1, name = $1, type = $2, sealed = $3, status = $4,
			modified_by = $5, updated_at = $6, account_email = $7, expires_at = $8, scopes = $9,
			stale_at = $10, renew_at = $11, renew_failures = $12, status_since = $13, status_reason = $14, oauth_client_id = $15,
			renew_fence = renew_fence + 1, leased_until = NULL, claimed_until = NULL,
			last_checked_at = NULL, last_check = NULL, last_refreshed_at = NULL, refresh_error = NULL,
			health_state = '', check_at = $16, check_failures = 0, check_refusals = 0, check_claimed_until = NULL,
			rotate_at = $17, rotate_claimed_until = NULL
		WHERE id = $18 AND organization_id = $19 AND version = $20 AND deleted_at IS NULL`,
		c.Name, string(c.Type), c.Sealed, string(c.Status), c.ModifiedBy, c.UpdatedAt, c.AccountEmail, c.ExpiresAt, encodedJSON(scopes),
		r.StaleAt, r.NextAt, r.Failures, r.Since, string(r.Reason), r.ClientID, c.CheckAt, c.RotateAt, c.ID, organization, c.From))
	return t.staleIfLive(err, organization, c.ID)
}

// staleIfLive is staleIfThere for a change of a live credential.
func (t *tx) staleIfLive(err error, organization, id uuid.UUID) error {
	return t.staleIfThere(err, organization,
		sql(`SELECT FROM strongroom.credentials WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL`, id, organization))
}

// staleIfThere turns the ErrNotFound of an update that named a version into ErrStale where
// the query finds the row.
func (t *tx) staleIfThere(err error, organization uuid.UUID, there statement) error {
	if !errors.Is(err, store.ErrNotFound) || t.failed != nil {
		return err
	}
	answer, failure := t.in(organization, there)
	switch {
	case failure != nil:
		return failure
	case len(answer.rows) == 0:
		return store.ErrNotFound
	}
	return store.ErrStale
}

// DeleteCredential implements store.Tx.
func (t *tx) DeleteCredential(organization, id uuid.UUID, at time.Time, by uuid.UUID) error {
	return t.change(organization, sql(`UPDATE strongroom.credentials SET deleted_at = $1, updated_at = $1, modified_by = $2
		WHERE id = $3 AND organization_id = $4 AND deleted_at IS NULL`, at, by, id, organization))
}

// RestoreCredential implements store.Tx.
func (t *tx) RestoreCredential(organization, id uuid.UUID, at time.Time, by uuid.UUID, limits store.CredentialLimits) (none strongroom.Credential, err error) {
	answer, err := t.in(organization, sql(`SELECT `+credentialColumns+` FROM strongroom.credentials c
		WHERE c.id = $1 AND c.organization_id = $2 AND c.deleted_at IS NOT NULL FOR NO KEY UPDATE`, id, organization))
	if err != nil {
		return none, err
	}
	restored, err := one(answer, scanCredential)
	if err != nil {
		return none, err
	}
	if err := t.checkLimits(restored, limits); err != nil {
		return none, err
	}
	err = t.change(organization, sql(`UPDATE strongroom.credentials SET deleted_at = NULL, updated_at = $1, modified_by = $2
		WHERE id = $3 AND organization_id = $4`, at, by, id, organization))
	if err != nil {
		return none, err
	}
	restored.DeletedAt, restored.UpdatedAt, restored.ModifiedBy = nil, at, by
	return restored, nil
}

// touch is the use of a credential.
type touch struct {
	organization, id uuid.UUID
	at               time.Time
}

// TouchCredential implements store.Tx. It is noted with the commit.
func (t *tx) TouchCredential(organization, id uuid.UUID, at time.Time) error {
	if err := t.usable(); err != nil {
		return err
	}
	t.touched = append(t.touched, touch{organization, id, at})
	return nil
}

// queueTouches queues all uses, of each credential the last: with the audit records where they
// come last, and otherwise as a statement.
func (t *tx) queueTouches() {
	if len(t.touched) == 0 {
		return
	}
	last := map[uuid.UUID]touch{}
	for _, use := range t.touched {
		if known, ok := last[use.id]; !ok || use.at.After(known.at) {
			last[use.id] = use
		}
	}
	var organizations, ids []uuid.UUID
	var times []time.Time
	for _, id := range slices.SortedFunc(maps.Keys(last), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }) {
		organizations, ids, times = append(organizations, last[id].organization), append(ids, id), append(times, last[id].at)
	}
	touches := sql(`SELECT strongroom.touch_credentials($1, $2, $3)`, organizations, ids, times)
	if end := len(t.queue) - 1; end >= 0 && t.queue[end].text == callAppendAudit {
		t.queue[end] = t.queue[end].with(callAppendAuditWithUses, touches)
		return
	}
	t.queue = append(t.queue, touches)
}
