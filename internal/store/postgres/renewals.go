package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/stored"
)

func scanRenewal(r *row) strongroom.Renewal {
	return strongroom.Renewal{
		StaleAt: r.optionalTime(), NextAt: r.optionalTime(), Failures: int(r.int()), Since: r.optionalTime(),
		Reason: strongroom.StatusReason(r.text()), ClientID: r.text(),
	}
}

// RenewalState implements store.Credentials.
func (db *DB) RenewalState(ctx context.Context, organization, id uuid.UUID) (found store.RenewalState, err error) {
	answer, err := db.lookUp(ctx, "renewal_state", enter(organization),
		sql(`SELECT `+credentialColumns+`, c.renew_fence, c.leased_until, c.sealed FROM strongroom.credentials c
			WHERE c.id = $1 AND c.organization_id = $2 AND c.deleted_at IS NULL`, id, organization))
	if err != nil {
		return found, err
	}
	return one(answer, func(r *row) (s store.RenewalState) {
		s.Credential, s.Fence, s.LeasedUntil, s.Sealed = scanCredential(r), r.int(), r.optionalTime(), r.blob()
		return s
	})
}

// LeaseRenewal implements store.Tx.
func (t *tx) LeaseRenewal(organization uuid.UUID, l store.RenewalLease) (fence int64, err error) {
	change, args := ``, []any{l.Until, l.ID, organization, l.Version, l.Fence, l.Now}
	if l.Uncertain != nil {
		change = `, status = $7, status_since = $8, status_reason = $9`
		args = append(args, string(strongroom.StatusUncertain), l.Uncertain.Since, string(l.Uncertain.Reason))
	}
	err = t.change(organization, sql(`UPDATE strongroom.credentials SET renew_fence = renew_fence + 1, leased_until = $1`+change+`
		WHERE id = $2 AND organization_id = $3 AND version = $4 AND renew_fence = $5 AND deleted_at IS NULL
			AND (leased_until IS NULL OR leased_until <= $6)`, args...))
	return l.Fence + 1, t.staleIfLive(err, organization, l.ID)
}

// EndRenewal implements store.Tx.
func (t *tx) EndRenewal(organization uuid.UUID, e store.RenewalEnd) error {
	r := e.Renewal
	change, args := ``, []any{
		string(e.Status), r.StaleAt, r.NextAt, r.Failures, r.Since, string(r.Reason), r.ClientID, e.RefreshError,
		e.ID, organization, e.Version, e.Fence,
	}
	if e.Renewed != nil {
		scopes, err := stored.EncodeTexts(e.Renewed.Scopes)
		if err != nil {
			return err
		}
		change = `, version = version + 1, sealed = $13, expires_at = $14, scopes = $15, last_refreshed_at = $16`
		args = append(args, e.Renewed.Sealed, e.Renewed.ExpiresAt, encodedJSON(scopes), e.Renewed.At)
	}
	err := t.change(organization, sql(`UPDATE strongroom.credentials SET status = $1, stale_at = $2, renew_at = $3, renew_failures = $4,
			status_since = $5, status_reason = $6, oauth_client_id = $7, refresh_error = $8, leased_until = NULL, claimed_until = NULL`+change+`
		WHERE id = $9 AND organization_id = $10 AND version = $11 AND renew_fence = $12`, args...))
	return t.staleIfThere(err, organization, sql(`SELECT FROM strongroom.credentials WHERE id = $1 AND organization_id = $2`, e.ID, organization))
}

// DueRenewals implements store.Credentials.
func (db *DB) DueRenewals(ctx context.Context, now time.Time) ([]string, error) {
	answer, err := db.lookUp(ctx, "due_renewals", sql(`SELECT provider FROM strongroom.due_renewals($1)`, now))
	if err != nil {
		return nil, err
	}
	return many(answer, (*row).text)
}

// ClaimRenewals implements store.Tx.
func (t *tx) ClaimRenewals(now, until time.Time, provider string, limit int) ([]store.DueRenewal, error) {
	answer, err := t.run(sql(`SELECT organization_id, id, provider FROM strongroom.claim_renewals($1, $2, $3, $4)`, now, until, provider, limit))
	if err != nil {
		return nil, err
	}
	return many(answer, func(r *row) store.DueRenewal {
		return store.DueRenewal{OrganizationID: r.uuid(), ID: r.uuid(), Provider: r.text()}
	})
}
