package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/stored"
)

// sealedTable is where a kind's records are: every column that is named sealed is in one of
// these, and the function count_sealed reads all of them. Each table has the columns id,
// organization_id and sealed.
type sealedTable struct {
	name string
	// version is what a record is sealed for besides its id.
	version string
}

var sealedTables = map[store.SealedKind]sealedTable{
	store.SealedCredentials:  {"strongroom.credentials", "version"},
	store.SealedOAuthClients: {"strongroom.oauth_clients", "version"},
	store.SealedOAuthFlows:   {"strongroom.oauth_flows", "1::bigint"},
	store.SealedRotations:    {"strongroom.rotations", "1::bigint"},
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
	answer, err := db.list(ctx, "organization_keys", sql(`SELECT `+organizationKeyColumns+` FROM strongroom.all_organization_keys()`))
	if err != nil {
		return nil, err
	}
	return many(answer, scanOrganizationKey)
}

func scanOrganization(r *row) store.Organization {
	return store.Organization{ID: r.uuid(), CreatedAt: r.time(), ErasedAt: r.optionalTime()}
}

// Organization implements store.Sealed.
func (db *DB) Organization(ctx context.Context, id uuid.UUID) (found store.Organization, err error) {
	answer, err := db.lookUp(ctx, "organization", enter(id), sql(`SELECT id, created_at, erased_at FROM strongroom.organizations WHERE id = $1`, id))
	if err != nil {
		return found, err
	}
	return one(answer, scanOrganization)
}

// Organizations implements store.Sealed.
func (db *DB) Organizations(ctx context.Context) ([]store.Organization, error) {
	answer, err := db.list(ctx, "organizations", sql(`SELECT id, created_at, erased_at FROM strongroom.all_organizations()`))
	if err != nil {
		return nil, err
	}
	return many(answer, scanOrganization)
}

// CountSealed implements store.Sealed.
func (db *DB) CountSealed(ctx context.Context, organization uuid.UUID) ([]store.SealedCount, error) {
	var of *uuid.UUID
	if organization != uuid.Nil {
		of = &organization
	}
	answer, err := db.list(ctx, "count_sealed", sql(`SELECT organization_id, kind, header, records FROM strongroom.count_sealed($1)`, of))
	if err != nil {
		return nil, err
	}
	counts, err := many(answer, func(r *row) store.SealedCount {
		return store.SealedCount{OrganizationID: r.uuid(), Kind: store.SealedKind(r.text()), KeyVersion: stored.KeyVersion(r.blob()), Count: int(r.int())}
	})
	return store.MergeCounts(counts), err
}

// SealedRecords implements store.Sealed.
func (db *DB) SealedRecords(ctx context.Context, organization uuid.UUID, q store.SealedQuery) ([]store.SealedRecord, error) {
	table, err := tableOf(q.Kind)
	if err != nil {
		return nil, err
	}
	answer, err := db.list(ctx, "sealed_records", enter(organization),
		sql(fmt.Sprintf(`SELECT id, %s, sealed FROM %s WHERE organization_id = $1 AND id > $2 AND sealed <> ''
			AND substring(sealed FROM 1 FOR %d) <> $3 ORDER BY id LIMIT $4`, table.version, table.name, stored.SealedHeader),
			organization, q.After, stored.SealedUnder(q.ButVersion), q.Limit))
	if err != nil {
		return nil, err
	}
	return many(answer, func(r *row) store.SealedRecord {
		return store.SealedRecord{ID: r.uuid(), Version: r.int(), Sealed: r.blob()}
	})
}

// ReplaceSealed implements store.SealedTx.
func (t *tx) ReplaceSealed(organization uuid.UUID, kind store.SealedKind, records []store.Resealed) (replaced int, err error) {
	table, err := tableOf(kind)
	if err != nil || len(records) == 0 {
		return 0, err
	}
	ids, before, after := make([]uuid.UUID, len(records)), make([][]byte, len(records)), make([][]byte, len(records))
	for i, r := range records {
		ids[i], before[i], after[i] = r.ID, r.Old, r.New
	}
	answer, err := t.in(organization, sql(`UPDATE `+table.name+` t SET sealed = g.new_sealed
		FROM ROWS FROM (unnest($1), unnest($2), unnest($3)) AS g (id, old_sealed, new_sealed)
		WHERE t.id = g.id AND t.organization_id = $4 AND t.sealed = g.old_sealed`, ids, before, after, organization))
	return int(answer.changed), err
}

// MoveRoot implements store.SealedTx.
func (t *tx) MoveRoot(m store.RootMove) error {
	organizations, versions := make([]uuid.UUID, len(m.Organizations)), make([]int64, len(m.Organizations))
	for i, k := range m.Organizations {
		organizations[i], versions[i] = k.ID, k.Version
	}
	signing := make([]uuid.UUID, len(m.Signing))
	for i, k := range m.Signing {
		signing[i] = k.ID
	}
	oldKeys, newKeys := beforeAndAfter(m.Organizations)
	oldSigning, newSigning := beforeAndAfter(m.Signing)
	_, err := t.run(sql(`SELECT FROM strongroom.move_root($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		m.From, m.To, organizations, versions, oldKeys, newKeys, signing, oldSigning, newSigning))
	return err
}

func beforeAndAfter(keys []store.Rewrapped) (before, after [][]byte) {
	before, after = make([][]byte, len(keys)), make([][]byte, len(keys))
	for i, k := range keys {
		before[i], after[i] = k.Old, k.New
	}
	return before, after
}

// RetireSigningKeys implements store.SealedTx.
func (t *tx) RetireSigningKeys(but uuid.UUID, at time.Time) (retired int, err error) {
	answer, err := t.run(sql(`SELECT strongroom.retire_signing_keys($1, $2)`, but, at))
	if err != nil {
		return 0, err
	}
	n, err := one(answer, (*row).int)
	return int(n), err
}

// EraseOrganization implements store.SealedTx.
func (t *tx) EraseOrganization(id uuid.UUID, at time.Time) (had store.Erasure, err error) {
	answer, err := t.in(id, sql(`SELECT keys, credentials, clients, accounts, api_keys FROM strongroom.erase_organization($1)`, at))
	if err != nil {
		return had, err
	}
	return one(answer, func(r *row) store.Erasure {
		return store.Erasure{Keys: int(r.int()), Credentials: int(r.int()), OAuthClients: int(r.int()), Accounts: int(r.int()), APIKeys: int(r.int())}
	})
}

// What a server's role cannot do, which owns no table, and what no database does.
const (
	remains        = "PostgreSQL keeps what was deleted in its tables' files until they are written anew: as the owner of the tables, run VACUUM FULL strongroom.organization_keys, strongroom.signing_keys, strongroom.credentials"
	remainsArchive = "; its archived log keeps it too, until that is deleted"
)

// Scrub implements store.Sealed.
func (db *DB) Scrub(ctx context.Context) (string, error) {
	if db.readOnly {
		return "", errReadOnly
	}
	answer, err := db.lookUp(ctx, "scrub", sql(`SELECT current_setting('archive_mode') <> 'off'`))
	if err != nil {
		return "", err
	}
	archived, err := one(answer, (*row).bool)
	if archived {
		return remains + remainsArchive, err
	}
	return remains, err
}
