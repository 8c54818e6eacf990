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

// RenewalState implements store.Credentials.
func (db *DB) RenewalState(ctx context.Context, organization, id uuid.UUID) (store.RenewalState, error) {
	return read(ctx, db, "renewal_state", func(c *sqlite.Conn) (store.RenewalState, error) {
		return one(c, `SELECT `+credentialColumns+`, renew_fence, leased_until, sealed FROM credentials
			WHERE id = ? AND organization_id = ? AND deleted_at IS NULL`,
			func(p *params) { p.uuid(id); p.uuid(organization) },
			func(r *row) (s store.RenewalState) {
				s.Credential, s.Fence, s.LeasedUntil, s.Sealed = scanCredential(r), r.int(), r.optionalTime(), r.blob()
				return s
			})
	})
}

// LeaseRenewal implements store.Tx.
func (t *tx) LeaseRenewal(organization uuid.UUID, l store.RenewalLease) (fence int64, err error) {
	change := `renew_fence = renew_fence + 1, leased_until = ?`
	if l.Uncertain != nil {
		change += `, status = ?, status_since = ?, status_reason = ?`
	}
	err = t.runOne(`UPDATE credentials SET `+change+`
		WHERE id = ? AND organization_id = ? AND version = ? AND renew_fence = ? AND deleted_at IS NULL
			AND (leased_until IS NULL OR leased_until <= ?)`,
		func(p *params) {
			p.time(l.Until)
			if l.Uncertain != nil {
				p.text(string(strongroom.StatusUncertain))
				p.optionalTime(l.Uncertain.Since)
				p.text(string(l.Uncertain.Reason))
			}
			p.uuid(l.ID)
			p.uuid(organization)
			p.int(l.Version)
			p.int(l.Fence)
			p.time(l.Now)
		})
	return l.Fence + 1, t.staleIfLive(err, organization, l.ID)
}

// EndRenewal implements store.Tx.
func (t *tx) EndRenewal(organization uuid.UUID, e store.RenewalEnd) error {
	change := `status = ?, stale_at = ?, renew_at = ?, renew_failures = ?, status_since = ?, status_reason = ?,
		oauth_client_id = ?, refresh_error = ?, leased_until = NULL, claimed_until = NULL`
	var scopes []byte
	if e.Renewed != nil {
		change += `, version = version + 1, sealed = ?, expires_at = ?, scopes = ?, last_refreshed_at = ?`
		var err error
		if scopes, err = stored.EncodeTexts(e.Renewed.Scopes); err != nil {
			return err
		}
	}
	err := t.runOne(`UPDATE credentials SET `+change+` WHERE id = ? AND organization_id = ? AND version = ? AND renew_fence = ?`,
		func(p *params) {
			p.text(string(e.Status))
			p.renewal(e.Renewal)
			p.optionalText(e.RefreshError)
			if r := e.Renewed; r != nil {
				p.blob(r.Sealed)
				p.optionalTime(r.ExpiresAt)
				p.json(scopes)
				p.time(r.At)
			}
			p.uuid(e.ID)
			p.uuid(organization)
			p.int(e.Version)
			p.int(e.Fence)
		})
	return t.staleIfThere(err, `SELECT count(*) FROM credentials WHERE id = ? AND organization_id = ?`,
		func(p *params) { p.uuid(e.ID); p.uuid(organization) })
}

// dueRenewals goes from provider to provider, and looks at the longest due of each.
const dueRenewals = `WITH RECURSIVE renewed (provider) AS (
		SELECT min(provider) FROM credentials WHERE renew_at IS NOT NULL AND deleted_at IS NULL
		UNION ALL
		SELECT (SELECT min(provider) FROM credentials WHERE renew_at IS NOT NULL AND deleted_at IS NULL AND provider > renewed.provider)
		FROM renewed WHERE renewed.provider IS NOT NULL
	)
	SELECT provider FROM renewed
	WHERE provider IS NOT NULL AND EXISTS (
		SELECT 1 FROM credentials c WHERE c.provider = renewed.provider AND c.renew_at <= ? AND c.deleted_at IS NULL)
	ORDER BY provider`

// DueRenewals implements store.Credentials.
func (db *DB) DueRenewals(ctx context.Context, now time.Time) ([]string, error) {
	return readLong(ctx, db, "due_renewals", func(c *sqlite.Conn) ([]string, error) {
		return many(c, dueRenewals, func(p *params) { p.time(now) }, (*row).text)
	})
}

// ClaimRenewals implements store.Tx. There is one writer, so that what was found due is
// still unclaimed when it is claimed.
func (t *tx) ClaimRenewals(now, until time.Time, provider string, limit int) ([]store.DueRenewal, error) {
	due, err := within(t, func(c *sqlite.Conn) ([]store.DueRenewal, error) {
		return many(c, `SELECT organization_id, id, provider FROM credentials
			WHERE provider = ? AND renew_at <= ? AND deleted_at IS NULL AND (claimed_until IS NULL OR claimed_until <= ?)
			ORDER BY renew_at LIMIT ?`,
			func(p *params) { p.text(provider); p.time(now); p.time(now); p.int(int64(limit)) },
			func(r *row) store.DueRenewal {
				return store.DueRenewal{OrganizationID: r.uuid(), ID: r.uuid(), Provider: r.text()}
			})
	})
	for _, d := range due {
		if err == nil {
			err = t.runOne(`UPDATE credentials SET claimed_until = ? WHERE id = ? AND organization_id = ?`,
				func(p *params) { p.time(until); p.uuid(d.ID); p.uuid(d.OrganizationID) })
		}
	}
	return due, err
}
