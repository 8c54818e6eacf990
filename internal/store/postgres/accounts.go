package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

const (
	accountColumns = `a.id, a.organization_id, a.name, a.description, a.status, a.grants, a.modified_by,
	a.created_at, a.updated_at`
	keyColumns = `k.id, k.service_account_id, k.organization_id, k.user_id, k.name, k.description, k.token_prefix,
	k.modified_by, k.created_at, k.updated_at, k.expires_at`

	// A key is its account's organization's; enter_key has set that one.
	keyHolder = `FROM strongroom.api_keys k JOIN strongroom.service_accounts a ON a.id = k.service_account_id
		AND a.organization_id IS NOT DISTINCT FROM nullif(strongroom.current_organization(), '00000000-0000-0000-0000-000000000000')`
)

func scanAccount(r *row) strongroom.ServiceAccount {
	return strongroom.ServiceAccount{
		ID: r.uuid(), OrganizationID: r.optionalUUID(), Name: r.text(), Description: r.optionalText(),
		Status: strongroom.ServiceAccountStatus(r.text()), Grants: r.grants(), ModifiedBy: r.uuid(),
		CreatedAt: r.time(), UpdatedAt: r.time(),
	}
}

func scanKey(r *row) strongroom.APIKey {
	return strongroom.APIKey{
		ID: r.uuid(), ServiceAccountID: r.uuid(), OrganizationID: r.optionalUUID(), UserID: r.optionalUUID(),
		Name: r.text(), Description: r.optionalText(), TokenPrefix: r.text(), ModifiedBy: r.uuid(),
		CreatedAt: r.time(), UpdatedAt: r.time(), ExpiresAt: r.optionalTime(),
	}
}

func scanKeyHolder(r *row) store.KeyHolder {
	return store.KeyHolder{Hash: r.hash(), Key: scanKey(r), Account: scanAccount(r)}
}

// KeyByHash implements store.Accounts.
func (db *DB) KeyByHash(ctx context.Context, hash [32]byte) (found store.KeyHolder, err error) {
	answer, err := db.lookUp(ctx, "key_by_hash", sql(`SELECT strongroom.enter_key($1)`, hash),
		sql(`SELECT k.hash, `+keyColumns+`, `+accountColumns+` `+keyHolder+` WHERE k.hash = $1`, hash))
	if err != nil {
		return found, err
	}
	return one(answer, scanKeyHolder)
}

// KeyAndCredential implements store.Accounts.
func (db *DB) KeyAndCredential(ctx context.Context, hash [32]byte, credential uuid.UUID) (holder store.KeyHolder, found *store.SealedCredential, err error) {
	if db.observe != nil {
		defer db.observed("key_and_credential", time.Now(), &err)
	}
	record, err := db.keyAccountCredential(ctx, hash, credential)
	if err != nil {
		return holder, nil, err
	}
	if record == nil {
		return holder, nil, store.ErrNotFound
	}
	return scanKeyAccountCredential(&row{values: record})
}

// scanKeyAccountCredential reads three rows as they are in their tables, the last of which
// may be null. What a table begins with are hash and keyColumns, accountColumns, and
// credentialColumns and sealed, with what leases need in the middle.
func scanKeyAccountCredential(r *row) (holder store.KeyHolder, found *store.SealedCredential, err error) {
	key, account, credential := row{values: r.record()}, row{values: r.record()}, r.record()
	holder = store.KeyHolder{Hash: key.hash(), Key: scanKey(&key), Account: scanAccount(&account)}
	err = cmp.Or(r.err, key.err, account.err)
	if err == nil && credential != nil {
		found, err = scanWholeCredential(credential)
	}
	if err != nil {
		return store.KeyHolder{}, nil, err
	}
	return holder, found, nil
}

// scanWholeCredential leaves out what stands before health_state and is of leases and claims.
func scanWholeCredential(fields [][]byte) (*store.SealedCredential, error) {
	const leasesFrom, leasesTo = 26, 31
	if len(fields) < leasesTo {
		return nil, errRecord
	}
	r := row{values: slices.Delete(fields, leasesFrom, leasesTo)}
	c := scanSealedCredential(&r)
	return &c, r.err
}

// accountByID finds what an organization sees: its own accounts and the system ones.
func accountByID(organization, id uuid.UUID) statement {
	return sql(`SELECT `+accountColumns+` FROM strongroom.service_accounts a
		WHERE a.id = $1 AND (a.organization_id = $2 OR a.organization_id IS NULL)`, id, organization)
}

// Account implements store.Accounts.
func (db *DB) Account(ctx context.Context, organization, id uuid.UUID) (found strongroom.ServiceAccount, err error) {
	answer, err := db.lookUp(ctx, "account", enter(organization), accountByID(organization, id))
	if err != nil {
		return found, err
	}
	return one(answer, scanAccount)
}

// ListAccounts implements store.Accounts.
func (db *DB) ListAccounts(ctx context.Context, organization uuid.UUID, page strongroom.Page) ([]strongroom.ServiceAccount, error) {
	answer, err := db.list(ctx, "list_accounts", enter(organization), sql(`SELECT `+accountColumns+` FROM strongroom.service_accounts a
		WHERE a.organization_id = $1 OR a.organization_id IS NULL
		ORDER BY a.created_at, a.id LIMIT $2 OFFSET $3`, organization, page.Limit, page.Offset))
	if err != nil {
		return nil, err
	}
	return many(answer, scanAccount)
}

// ListAPIKeys implements store.Accounts.
func (db *DB) ListAPIKeys(ctx context.Context, organization, account uuid.UUID, page strongroom.Page) ([]strongroom.APIKey, error) {
	if _, err := db.Account(ctx, organization, account); err != nil {
		return nil, err
	}
	answer, err := db.list(ctx, "list_api_keys", enter(organization), sql(`SELECT `+keyColumns+` FROM strongroom.api_keys k
		WHERE k.service_account_id = $1 AND (k.organization_id = $2 OR k.organization_id IS NULL)
		ORDER BY k.created_at, k.id LIMIT $3 OFFSET $4`, account, organization, page.Limit, page.Offset))
	if err != nil {
		return nil, err
	}
	return many(answer, scanKey)
}
