package sqlite

import (
	"cmp"
	"context"
	"errors"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom"
	"strongroom/internal/store"
)

const (
	accountColumns = `a.id, a.organization_id, a.name, a.description, a.status, a.grants, a.modified_by,
	a.created_at, a.updated_at`
	keyColumns = `k.id, k.service_account_id, k.organization_id, k.user_id, k.name, k.description, k.token_prefix,
	k.modified_by, k.created_at, k.updated_at, k.expires_at`

	// An organization sees its own accounts and the system ones.
	accountByID = `SELECT ` + accountColumns + ` FROM service_accounts a
		WHERE a.id = ? AND (a.organization_id = ? OR a.organization_id IS NULL)`
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

// KeyByHash implements store.Accounts.
func (db *DB) KeyByHash(ctx context.Context, hash [32]byte) (store.KeyHolder, error) {
	return read(ctx, db, "key_by_hash", func(c *sqlite.Conn) (store.KeyHolder, error) {
		return one(c, `SELECT k.hash, `+keyColumns+`, `+accountColumns+`
			FROM api_keys k JOIN service_accounts a ON a.id = k.service_account_id
			WHERE k.hash = ?`,
			func(p *params) { p.blob(hash[:]) },
			func(r *row) store.KeyHolder {
				return store.KeyHolder{Hash: r.hash(), Key: scanKey(r), Account: scanAccount(r)}
			})
	})
}

// keyAndCredential takes the credential's id, then the key's hash.
var keyAndCredential = `SELECT k.hash, ` + keyColumns + `, ` + accountColumns + `, ` + qualified("c", credentialColumns) + `, c.sealed
	FROM api_keys k JOIN service_accounts a ON a.id = k.service_account_id
	LEFT JOIN credentials c ON c.id = ? AND c.organization_id = a.organization_id AND c.deleted_at IS NULL
	WHERE k.hash = ?`

// KeyAndCredential implements store.Accounts. What a known key asks for goes on record; of an
// unknown one nothing does, so that the file is looked at here.
func (db *DB) KeyAndCredential(ctx context.Context, hash [32]byte, credential uuid.UUID) (holder store.KeyHolder, found *store.SealedCredential, err error) {
	holder, err = readRecorded(ctx, db, "key_and_credential", func(c *sqlite.Conn) (store.KeyHolder, error) {
		return one(c, keyAndCredential, func(p *params) { p.uuid(credential); p.blob(hash[:]) },
			func(r *row) store.KeyHolder {
				h := store.KeyHolder{Hash: r.hash(), Key: scanKey(r), Account: scanAccount(r)}
				if !r.skipNull() {
					found = &store.SealedCredential{Credential: scanCredential(r), Sealed: r.blob()}
				}
				return h
			})
	})
	if errors.Is(err, store.ErrNotFound) {
		err = cmp.Or(db.file.present(), err)
	}
	if err != nil {
		return store.KeyHolder{}, nil, err
	}
	return holder, found, nil
}

// Account implements store.Accounts.
func (db *DB) Account(ctx context.Context, organization, id uuid.UUID) (strongroom.ServiceAccount, error) {
	return read(ctx, db, "account", func(c *sqlite.Conn) (strongroom.ServiceAccount, error) {
		return one(c, accountByID, func(p *params) { p.uuid(id); p.uuid(organization) }, scanAccount)
	})
}

// ListAccounts implements store.Accounts.
func (db *DB) ListAccounts(ctx context.Context, organization uuid.UUID, page strongroom.Page) ([]strongroom.ServiceAccount, error) {
	return readLong(ctx, db, "list_accounts", func(c *sqlite.Conn) ([]strongroom.ServiceAccount, error) {
		return many(c, `SELECT `+accountColumns+` FROM service_accounts a
			WHERE a.organization_id = ? OR a.organization_id IS NULL
			ORDER BY a.created_at, a.id LIMIT ? OFFSET ?`,
			func(p *params) { p.uuid(organization); p.int(int64(page.Limit)); p.int(int64(page.Offset)) }, scanAccount)
	})
}

// ListAPIKeys implements store.Accounts.
func (db *DB) ListAPIKeys(ctx context.Context, organization, account uuid.UUID, page strongroom.Page) ([]strongroom.APIKey, error) {
	return readLong(ctx, db, "list_api_keys", func(c *sqlite.Conn) ([]strongroom.APIKey, error) {
		_, err := one(c, accountByID, func(p *params) { p.uuid(account); p.uuid(organization) }, scanAccount)
		if err != nil {
			return nil, err
		}
		return many(c, `SELECT `+keyColumns+` FROM api_keys k
			WHERE k.service_account_id = ? AND (k.organization_id = ? OR k.organization_id IS NULL)
			ORDER BY k.created_at, k.id LIMIT ? OFFSET ?`,
			func(p *params) {
				p.uuid(account)
				p.uuid(organization)
				p.int(int64(page.Limit))
				p.int(int64(page.Offset))
			}, scanKey)
	})
}
