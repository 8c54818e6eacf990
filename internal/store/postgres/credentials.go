package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

const credentialColumns = `c.id, c.organization_id, c.user_id, c.name, c.provider, c.type, c.status, c.modified_by, c.version,
	c.account_email, c.expires_at, c.scopes, c.created_at, c.updated_at, c.last_used_at, c.last_checked_at, c.last_check,
	c.last_refreshed_at, c.refresh_error, c.deleted_at, c.stale_at, c.renew_at, c.renew_failures, c.status_since, c.status_reason,
	c.oauth_client_id, c.health_state, c.check_at, c.check_failures, c.check_refusals, c.known_host, c.rotate_age, c.rotate_grace,
	c.rotate_at, c.rotated_at, c.rotation_doubt`

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

func scanSealedCredential(r *row) store.SealedCredential {
	return store.SealedCredential{Credential: scanCredential(r), Sealed: r.blob()}
}

// Credential implements store.Credentials.
func (db *DB) Credential(ctx context.Context, organization, id uuid.UUID) (found strongroom.Credential, err error) {
	answer, err := db.lookUp(ctx, "credential", enter(organization), sql(`SELECT `+credentialColumns+` FROM strongroom.credentials c
		WHERE c.id = $1 AND c.organization_id = $2 AND c.deleted_at IS NULL`, id, organization))
	if err != nil {
		return found, err
	}
	return one(answer, scanCredential)
}

// SealedCredential implements store.Credentials.
func (db *DB) SealedCredential(ctx context.Context, organization, id uuid.UUID) (found store.SealedCredential, err error) {
	answer, err := db.lookUp(ctx, "sealed_credential", enter(organization), sql(`SELECT `+credentialColumns+`, c.sealed FROM strongroom.credentials c
		WHERE c.id = $1 AND c.organization_id = $2 AND c.deleted_at IS NULL`, id, organization))
	if err != nil {
		return found, err
	}
	return one(answer, scanSealedCredential)
}

// LocateCredential implements store.Credentials.
func (db *DB) LocateCredential(ctx context.Context, id uuid.UUID) (found strongroom.Credential, err error) {
	answer, err := db.lookUp(ctx, "locate_credential", sql(`SELECT strongroom.enter_credential($1)`, id),
		sql(`SELECT `+credentialColumns+` FROM strongroom.credentials c
			WHERE c.id = $1 AND c.organization_id = strongroom.current_organization()`, id))
	if err != nil {
		return found, err
	}
	return one(answer, scanCredential)
}

// ListCredentials implements store.Credentials. The few texts that the filter can make
// let PostgreSQL choose the index that fits.
func (db *DB) ListCredentials(ctx context.Context, organization uuid.UUID, f store.CredentialFilter) ([]strongroom.Credential, error) {
	text, args := `SELECT `+credentialColumns+` FROM strongroom.credentials c WHERE c.organization_id = $1`, []any{organization}
	parameter := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	if f.Deleted {
		text += ` AND c.deleted_at IS NOT NULL`
	} else {
		text += ` AND c.deleted_at IS NULL`
	}
	if f.Owner != nil {
		text += ` AND c.user_id = ` + parameter(*f.Owner)
	}
	if f.Provider != "" {
		text += ` AND c.provider = ` + parameter(f.Provider)
	}
	if f.Within != nil {
		text += ` AND (c.id = ANY (` + parameter(f.Within.CredentialIDs) + `) OR c.provider = ANY (` + parameter(f.Within.Providers) + `))`
	}
	text += ` ORDER BY c.created_at DESC, c.id DESC LIMIT ` + parameter(f.Limit) + ` OFFSET ` + parameter(f.Offset)
	answer, err := db.list(ctx, "list_credentials", enter(organization), sql(text, args...))
	if err != nil {
		return nil, err
	}
	return many(answer, scanCredential)
}
