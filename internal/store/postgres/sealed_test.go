package postgres_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
	"strongroom/internal/store/stored"
)

// unsealed are the columns of bytes that hold nothing sealed, each with the reason.
var unsealed = map[string]string{
	"organization_keys.wrapped":    "wrapped by the root key, which move_root replaces",
	"signing_keys.wrapped_private": "wrapped by the root key, which move_root replaces",
	"signing_keys.public":          "the public half",
	"api_keys.hash":                "a hash",
	"oauth_flows.state_hash":       "a hash",
	"oauth_flows.browser_hash":     "a hash",
	"oauth_flows.code_hash":        "a hash",
	"audit_events.hash":            "a hash",
	"audit_heads.hash":             "a hash",
	"audit_heads.signature":        "a signature",
	"audit_checkpoints.body":       "a statement about the log",
	"audit_checkpoints.signature":  "a signature",
}

// TestEveryColumnThatIsSealedIsResealed: a rotation of keys that misses a table loses what is
// in it as soon as the old key goes.
func TestEveryColumnThatIsSealedIsResealed(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	columns := strings.Fields(cluster.Server.Query(t, d.Name, `SELECT string_agg(table_name || '.' || column_name, ' ' ORDER BY 1)
		FROM information_schema.columns WHERE table_schema = 'strongroom' AND data_type = 'bytea'
			AND table_name IN (SELECT tablename FROM pg_tables WHERE schemaname = 'strongroom')`))
	var sealed []string
	for _, column := range columns {
		if _, ok := unsealed[column]; !ok {
			sealed = append(sealed, column)
		}
	}
	var known []string
	for _, table := range postgres.SealedTables() {
		known = append(known, table+".sealed")
	}
	slices.Sort(known)
	slices.Sort(sealed)
	if !slices.Equal(sealed, known) {
		t.Errorf("columns of bytes: %v; those that keys are rotated for: %v: add what is sealed to store.SealedKinds, sealedTables and count_sealed, and the rest to this test", sealed, known)
	}
}

// TestAServerOfTheVersionBeforeIsHeld runs the statements of before on the new schema.
func TestAServerOfTheVersionBeforeIsHeld(t *testing.T) {
	cluster := postgrestest.New(t)
	db := open(t, postgres.Options{URL: cluster.Database(t).URL})
	const (
		newKey       = `INSERT INTO strongroom.organization_keys (organization_id, version, wrapped, root_fingerprint, created_at) VALUES ($1, $2, '', $3, now())`
		newSigning   = `INSERT INTO strongroom.signing_keys (id, public, wrapped_private, created_at) VALUES ($1, '', '', now())`
		organization = `INSERT INTO strongroom.organizations (id, created_at) VALUES ($1, now()) ON CONFLICT (id) DO NOTHING`
	)
	run := func(of uuid.UUID, want error, text string, args ...any) {
		t.Helper()
		if _, err := db.Run(t.Context(), &of, text, args...); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", text, err, want)
		}
	}
	id, gone := uuid.New(), uuid.New()
	write(t, db, func(tx store.Tx) error {
		return errors.Join(tx.CreateInstallation(store.Installation{ID: uuid.New(), RootFingerprint: "old", CreatedAt: moment}),
			tx.EnsureOrganization(id, moment), tx.EnsureOrganization(gone, moment))
	})
	run(id, nil, newSigning, uuid.New())
	run(id, nil, newKey, id, 1, "old")
	keys, err := db.SigningKeys(t.Context())
	if err != nil || len(keys) != 1 || keys[0].RootFingerprint != "old" {
		t.Fatalf("its signing key is %+v, %v", keys, err)
	}
	write(t, db, func(tx store.Tx) error {
		_, err := tx.EraseOrganization(gone, moment)
		return errors.Join(err, tx.MoveRoot(store.RootMove{From: "old", To: "new",
			Organizations: []store.Rewrapped{{ID: id, Version: 1, Old: []byte{}, New: []byte("k")}}, Signing: []store.Rewrapped{{ID: keys[0].ID, Old: []byte{}, New: []byte("s")}}}))
	})
	run(id, store.ErrOtherRoot, newKey, id, 2, "old")
	run(gone, store.ErrErased, organization, gone)
	run(gone, store.ErrErased, newKey, gone, 1, "new")
}

func TestOnlyTheTransactionsOrganizationIsErased(t *testing.T) {
	cluster := postgrestest.New(t)
	db := open(t, postgres.Options{URL: cluster.Database(t).URL})
	id, _ := furnish(t, db)
	stranger := uuid.New()
	for _, of := range []*uuid.UUID{nil, &stranger} {
		if n, err := db.Run(t.Context(), of, "SELECT FROM strongroom.erase_organization(now())"); n != 0 || err != nil {
			t.Errorf("%v: %d rows, %v", of, n, err)
		}
	}
	if _, err := db.CurrentOrganizationKey(t.Context(), id); err != nil {
		t.Error(err)
	}
}

// TestACountSeesWhatIsThere: the function names its tables once more.
func TestACountSeesWhatIsThere(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	db := open(t, postgres.Options{URL: d.URL})
	id, _ := furnish(t, db)
	for _, table := range postgres.SealedTables() {
		cluster.Server.Exec(t, d.Name, `UPDATE strongroom.`+table+` SET sealed = '\x01`+strings.Repeat("00", stored.SealedHeader-2)+`07ff'`)
	}
	counts, err := db.CountSealed(t.Context(), id)
	if err != nil || len(counts) != len(store.SealedKinds) {
		t.Fatalf("%+v, %v", counts, err)
	}
	for _, c := range counts {
		if c.KeyVersion != 7 || c.Count != 1 {
			t.Errorf("%+v", c)
		}
	}
	if _, err := db.OrganizationKey(t.Context(), id, 1); err != nil {
		t.Error(err)
	}
	var all []strongroom.OrganizationKey
	if all, err = db.OrganizationKeys(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}
