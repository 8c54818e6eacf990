package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/stored"
)

// sealedTable is where a kind's records are: every column that is named sealed is in one of
// these. Each table has the columns id, organization_id and sealed.
type sealedTable struct {
	name string
	// version is what a record is sealed for besides its id.
	version string
}

var sealedTables = map[store.SealedKind]sealedTable{
	store.SealedCredentials:  {"credentials", "version"},
	store.SealedOAuthClients: {"oauth_clients", "version"},
	store.SealedOAuthFlows:   {"oauth_flows", "1"},
	store.SealedRotations:    {"rotations", "1"},
}

func tableOf(kind store.SealedKind) (sealedTable, error) {
	table, ok := sealedTables[kind]
	if !ok {
		return table, fmt.Errorf("no table has sealed records of the kind %q", kind)
	}
	return table, nil
}

// OrganizationKeys implements store.Sealed.
func (db *DB) OrganizationKeys(ctx context.Context) ([]strongroom.OrganizationKey, error) {
	return readLong(ctx, db, "organization_keys", func(c *sqlite.Conn) ([]strongroom.OrganizationKey, error) {
		return many(c, `SELECT `+organizationKeyColumns+` FROM organization_keys ORDER BY organization_id, version`,
			func(*params) {}, scanOrganizationKey)
	})
}

func scanOrganization(r *row) store.Organization {
	return store.Organization{ID: r.uuid(), CreatedAt: r.time(), ErasedAt: r.optionalTime()}
}

// Organization implements store.Sealed.
func (db *DB) Organization(ctx context.Context, id uuid.UUID) (store.Organization, error) {
	return read(ctx, db, "organization", func(c *sqlite.Conn) (store.Organization, error) {
		return one(c, `SELECT id, created_at, erased_at FROM organizations WHERE id = ?`, func(p *params) { p.uuid(id) }, scanOrganization)
	})
}

// Organizations implements store.Sealed.
func (db *DB) Organizations(ctx context.Context) ([]store.Organization, error) {
	return readLong(ctx, db, "organizations", func(c *sqlite.Conn) ([]store.Organization, error) {
		return many(c, `SELECT id, created_at, erased_at FROM organizations ORDER BY id`, func(*params) {}, scanOrganization)
	})
}

// CountSealed implements store.Sealed.
func (db *DB) CountSealed(ctx context.Context, organization uuid.UUID) ([]store.SealedCount, error) {
	var parts []string
	for _, kind := range store.SealedKinds {
		where := `sealed IS NOT NULL AND sealed <> x''`
		if organization != uuid.Nil {
			where += ` AND organization_id = ?1`
		}
		parts = append(parts, fmt.Sprintf(`SELECT organization_id, '%s', substr(sealed, 1, %d), count(*) FROM %s WHERE %s GROUP BY 1, 3`,
			kind, stored.SealedHeader, sealedTables[kind].name, where))
	}
	query := strings.Join(parts, " UNION ALL ") + " ORDER BY 1, 2, 3"
	counts, err := readLong(ctx, db, "count_sealed", func(c *sqlite.Conn) ([]store.SealedCount, error) {
		return many(c, query, func(p *params) {
			if organization != uuid.Nil {
				p.uuid(organization)
			}
		}, func(r *row) store.SealedCount {
			return store.SealedCount{OrganizationID: r.uuid(), Kind: store.SealedKind(r.text()), KeyVersion: stored.KeyVersion(r.blob()), Count: int(r.int())}
		})
	})
	return store.MergeCounts(counts), err
}

// SealedRecords implements store.Sealed.
func (db *DB) SealedRecords(ctx context.Context, organization uuid.UUID, q store.SealedQuery) ([]store.SealedRecord, error) {
	table, err := tableOf(q.Kind)
	if err != nil {
		return nil, err
	}
	query := sealedRecords(table)
	return readLong(ctx, db, "sealed_records", func(c *sqlite.Conn) ([]store.SealedRecord, error) {
		return many(c, query, func(p *params) {
			p.uuid(organization)
			p.uuid(q.After)
			p.blob(stored.SealedUnder(q.ButVersion))
			p.int(int64(q.Limit))
		}, func(r *row) store.SealedRecord {
			return store.SealedRecord{ID: r.uuid(), Version: r.int(), Sealed: r.blob()}
		})
	})
}

// sealedRecords selects a page of what is sealed in a table.
func sealedRecords(table sealedTable) string {
	return fmt.Sprintf(`SELECT id, %s, sealed FROM %s WHERE organization_id = ? AND id > ? AND sealed IS NOT NULL AND sealed <> x''
		AND substr(sealed, 1, %d) <> ? ORDER BY id LIMIT ?`, table.version, table.name, stored.SealedHeader)
}

// ReplaceSealed implements store.SealedTx.
func (t *tx) ReplaceSealed(organization uuid.UUID, kind store.SealedKind, records []store.Resealed) (replaced int, err error) {
	table, err := tableOf(kind)
	if err != nil {
		return 0, err
	}
	statement := fmt.Sprintf(`UPDATE %s SET sealed = ? WHERE id = ? AND organization_id = ? AND sealed = ?`, table.name)
	for _, r := range records {
		changed, err := t.run(statement, func(p *params) {
			p.blob(r.New)
			p.uuid(r.ID)
			p.uuid(organization)
			p.blob(r.Old)
		})
		if err != nil {
			return replaced, err
		}
		replaced += changed
	}
	return replaced, nil
}

// MoveRoot implements store.SealedTx.
func (t *tx) MoveRoot(m store.RootMove) error {
	moved, err := t.run(`UPDATE installation SET root_fingerprint = ? WHERE root_fingerprint = ?`,
		func(p *params) { p.text(m.To); p.text(m.From) })
	if err == nil && moved == 0 {
		return store.ErrStale
	}
	if err != nil {
		return err
	}
	for _, k := range m.Organizations {
		_, err := t.run(`UPDATE organization_keys SET wrapped = ?, root_fingerprint = ?
			WHERE organization_id = ? AND version = ? AND wrapped = ? AND root_fingerprint = ?`,
			func(p *params) {
				p.blob(k.New)
				p.text(m.To)
				p.uuid(k.ID)
				p.int(k.Version)
				p.blob(k.Old)
				p.text(m.From)
			})
		if err != nil {
			return err
		}
	}
	for _, k := range m.Signing {
		_, err := t.run(`UPDATE signing_keys SET wrapped_private = ?, root_fingerprint = ? WHERE id = ? AND wrapped_private = ? AND root_fingerprint = ?`,
			func(p *params) { p.blob(k.New); p.text(m.To); p.uuid(k.ID); p.blob(k.Old); p.text(m.From) })
		if err != nil {
			return err
		}
	}
	left, err := t.count(`SELECT (SELECT count(*) FROM organization_keys WHERE root_fingerprint <> ?1) + (SELECT count(*) FROM signing_keys WHERE root_fingerprint <> ?1)`,
		func(p *params) { p.text(m.To) })
	if err == nil && left > 0 {
		return store.ErrStale
	}
	return err
}

// RetireSigningKeys implements store.SealedTx.
func (t *tx) RetireSigningKeys(but uuid.UUID, at time.Time) (retired int, err error) {
	return t.run(`UPDATE signing_keys SET retired_at = ? WHERE id <> ? AND retired_at IS NULL`, func(p *params) { p.time(at); p.uuid(but) })
}

// EraseOrganization implements store.SealedTx.
func (t *tx) EraseOrganization(id uuid.UUID, at time.Time) (had store.Erasure, err error) {
	bind := func(p *params) { p.uuid(id) }
	err = t.runOne(`UPDATE organizations SET erased_at = ? WHERE id = ? AND erased_at IS NULL`, func(p *params) { p.time(at); p.uuid(id) })
	if err = t.staleIfThere(err, `SELECT count(*) FROM organizations WHERE id = ?`, bind); err != nil {
		if errors.Is(err, store.ErrStale) {
			err = store.ErrErased
		}
		return had, err
	}
	for _, d := range []struct {
		from  string
		count *int
	}{
		{"api_keys", &had.APIKeys}, {"service_accounts", &had.Accounts}, {"rotations", new(int)},
		{"credential_checks", new(int)}, {"credentials", &had.Credentials}, {"oauth_flows", new(int)}, {"oauth_clients", &had.OAuthClients}, {"organization_keys", &had.Keys},
	} {
		where := ` WHERE organization_id = ?1`
		if d.from == "credential_checks" { // which are found by their credential
			where += ` AND credential_id IN (SELECT id FROM credentials WHERE organization_id = ?1)`
		}
		if *d.count, err = t.run(`DELETE FROM `+d.from+where, bind); err != nil {
			return had, err
		}
	}
	return had, nil
}

// Scrub implements store.Sealed. What is deleted is zeroed in the file (secure_delete); what
// may still hold it is the log, which is written back and cut to nothing. That waits for
// readers of an older state.
func (db *DB) Scrub(ctx context.Context) (remains string, err error) {
	if db.observe != nil {
		defer db.observed("scrub", time.Now(), &err)
	}
	if db.readOnly {
		return "", errReadOnly
	}
	c, err := db.writer.take(ctx)
	if err != nil {
		return "", err
	}
	defer func() { db.writer.put(c) }()
	if err := db.file.intact(); err != nil {
		return "", err
	}
	err = db.patiently(ctx, func() error {
		blocked, err := pragma(c, "PRAGMA wal_checkpoint(TRUNCATE)")
		if err == nil && blocked != 0 {
			err = sqlite.ResultBusy.ToError()
		}
		return err
	})
	return "", interpret(ctx, err)
}
