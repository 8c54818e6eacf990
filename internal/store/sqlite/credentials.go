package sqlite

import (
	"context"
	"encoding/hex"
	"encoding/json"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom"
	"strongroom/internal/store"
)

const credentialColumns = `id, organization_id, user_id, name, provider, type, status, modified_by, version,
	account_email, expires_at, scopes, created_at, updated_at, last_used_at, last_checked_at, last_check,
	last_refreshed_at, refresh_error, deleted_at, stale_at, renew_at, renew_failures, status_since, status_reason,
	oauth_client_id, health_state, check_at, check_failures, check_refusals, known_host, rotate_age, rotate_grace, rotate_at,
	rotated_at, rotation_doubt`

func scanCredential(r *row) strongroom.Credential {
	return strongroom.Credential{
		ID: r.uuid(), OrganizationID: r.uuid(), UserID: r.optionalUUID(), Name: r.text(), Provider: r.text(),
		Type: strongroom.CredentialType(r.text()), Status: strongroom.CredentialStatus(r.text()),
		ModifiedBy: r.uuid(), Version: r.int(), AccountEmail: r.optionalText(), ExpiresAt: r.optionalTime(),
		Scopes: r.texts(), CreatedAt: r.time(), UpdatedAt: r.time(), LastUsedAt: r.optionalTime(),
		LastCheckedAt: r.optionalTime(), LastCheck: r.json(), LastRefreshedAt: r.optionalTime(),
		RefreshError: r.optionalText(), DeletedAt: r.optionalTime(), Renewal: scanRenewal(r),
		Health: scanHealth(r), Rotation: scanSchedule(r),
	}
}

func scanRenewal(r *row) strongroom.Renewal {
	return strongroom.Renewal{
		StaleAt: r.optionalTime(), NextAt: r.optionalTime(), Failures: int(r.int()), Since: r.optionalTime(),
		Reason: strongroom.StatusReason(r.text()), ClientID: r.text(),
	}
}

// Credential implements store.Credentials.
func (db *DB) Credential(ctx context.Context, organization, id uuid.UUID) (strongroom.Credential, error) {
	return read(ctx, db, "credential", func(c *sqlite.Conn) (strongroom.Credential, error) {
		return one(c, `SELECT `+credentialColumns+` FROM credentials
			WHERE id = ? AND organization_id = ? AND deleted_at IS NULL`,
			func(p *params) { p.uuid(id); p.uuid(organization) }, scanCredential)
	})
}

// SealedCredential implements store.Credentials.
func (db *DB) SealedCredential(ctx context.Context, organization, id uuid.UUID) (store.SealedCredential, error) {
	return readRecorded(ctx, db, "sealed_credential", func(c *sqlite.Conn) (store.SealedCredential, error) {
		return one(c, `SELECT `+credentialColumns+`, sealed FROM credentials
			WHERE id = ? AND organization_id = ? AND deleted_at IS NULL`,
			func(p *params) { p.uuid(id); p.uuid(organization) },
			func(r *row) store.SealedCredential {
				return store.SealedCredential{Credential: scanCredential(r), Sealed: r.blob()}
			})
	})
}

// LocateCredential implements store.Credentials.
func (db *DB) LocateCredential(ctx context.Context, id uuid.UUID) (strongroom.Credential, error) {
	return read(ctx, db, "locate_credential", func(c *sqlite.Conn) (strongroom.Credential, error) {
		return one(c, `SELECT `+credentialColumns+` FROM credentials WHERE id = ?`,
			func(p *params) { p.uuid(id) }, scanCredential)
	})
}

// ListCredentials implements store.Credentials. The few texts that the filter can make
// let SQLite choose the index that fits.
func (db *DB) ListCredentials(ctx context.Context, organization uuid.UUID, f store.CredentialFilter) ([]strongroom.Credential, error) {
	query := `SELECT ` + credentialColumns + ` FROM credentials WHERE organization_id = ?`
	if f.Deleted {
		query += ` AND deleted_at IS NOT NULL`
	} else {
		query += ` AND deleted_at IS NULL`
	}
	if f.Owner != nil {
		query += ` AND user_id = ?`
	}
	if f.Provider != "" {
		query += ` AND provider = ?`
	}
	var ids, providers []byte
	if f.Within != nil {
		query += ` AND (id IN (SELECT unhex(value) FROM json_each(?)) OR provider IN (SELECT value FROM json_each(?)))`
		var err error
		if ids, providers, err = encodeWithin(*f.Within); err != nil {
			return nil, err
		}
	}
	query += ` ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?`
	bind := func(p *params) {
		p.uuid(organization)
		if f.Owner != nil {
			p.uuid(*f.Owner)
		}
		if f.Provider != "" {
			p.text(f.Provider)
		}
		if f.Within != nil {
			p.json(ids)
			p.json(providers)
		}
		p.int(int64(f.Limit))
		p.int(int64(f.Offset))
	}
	return readLong(ctx, db, "list_credentials", func(c *sqlite.Conn) ([]strongroom.Credential, error) {
		return many(c, query, bind, scanCredential)
	})
}

// encodeWithin makes two JSON lists, the first of hexadecimal ids.
func encodeWithin(w store.Within) (ids, providers []byte, err error) {
	texts := make([]string, len(w.CredentialIDs))
	for i, id := range w.CredentialIDs {
		texts[i] = hex.EncodeToString(id[:])
	}
	if ids, err = json.Marshal(texts); err != nil {
		return nil, nil, err
	}
	providers, err = json.Marshal(append([]string{}, w.Providers...))
	return ids, providers, err
}
