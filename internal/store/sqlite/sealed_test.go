package sqlite_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
)

// unsealed are the columns of bytes that hold nothing sealed, each with the reason.
var unsealed = map[string]string{
	"organization_keys.wrapped":    "wrapped by the root key, which MoveRoot replaces",
	"signing_keys.wrapped_private": "wrapped by the root key, which MoveRoot replaces",
	"signing_keys.public":          "the public half",
	"audit_heads.signature":        "a signature",
	"audit_checkpoints.body":       "a statement about the log",
	"audit_checkpoints.signature":  "a signature",
	"readiness.filler":             "what Ready writes",
	"api_keys.hash":                "a hash",
	"oauth_flows.state_hash":       "a hash",
	"oauth_flows.browser_hash":     "a hash",
	"oauth_flows.code_hash":        "a hash",
	"audit_events.hash":            "a hash",
	"audit_heads.hash":             "a hash",
}

// identifier tells the columns that hold a UUID.
func identifier(column string) bool {
	return column == "id" || column == "chain" || column == "began_by" || column == "modified_by" || strings.HasSuffix(column, "_id")
}

// TestEveryColumnThatIsSealedIsResealed: a rotation of keys that misses a table loses what is
// in it as soon as the old key goes.
func TestEveryColumnThatIsSealedIsResealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	opened(t, path)
	var sealed, known []string
	for _, row := range queried(t, path, `SELECT m.name AS t, c.name AS c FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.type = 'BLOB'`) {
		table, column := strings.TrimPrefix(row["t"], "SQLITE_TEXT "), strings.TrimPrefix(row["c"], "SQLITE_TEXT ")
		if _, ok := unsealed[table+"."+column]; !ok && !identifier(column) {
			sealed = append(sealed, table+"."+column)
		}
	}
	for _, table := range sqlite.SealedTables() {
		known = append(known, table+".sealed")
	}
	slices.Sort(sealed)
	slices.Sort(known)
	if !slices.Equal(sealed, known) {
		t.Errorf("columns of bytes: %v; those that keys are rotated for: %v: add what is sealed to store.SealedKinds and sealedTables, and the rest to this test", sealed, known)
	}
}

func TestASigningKeyOfAnOlderSchemaIsTheInstallationsRoots(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	older(t, path, 3, `INSERT INTO installation VALUES (1, randomblob(16), 'c0ffee', 1); INSERT INTO signing_keys VALUES (randomblob(16), x'01', x'02', 3);`)
	db := open(t, sqlite.Options{Path: path})
	defer db.Close()
	keys, err := db.SigningKeys(t.Context())
	if err != nil || len(keys) != 1 || keys[0].RootFingerprint != "c0ffee" || keys[0].RetiredAt != nil {
		t.Errorf("%+v, %v", keys, err)
	}
}

// remnants counts how often the bytes are in any file beside the database.
func remnants(t *testing.T, path string, secret []byte) (n int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Dir(path) + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n += bytes.Count(content, secret)
	}
	return n
}

func TestAfterScrubbingNoFileHoldsWhatWasErased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	db := open(t, sqlite.Options{Path: path})
	defer db.Close()
	beside := open(t, sqlite.Options{Path: path})
	defer beside.Close()
	id, wrapped := uuid.New(), make([]byte, 64)
	_, _ = rand.Read(wrapped)
	write(t, db, func(tx store.Tx) error {
		return errors.Join(tx.EnsureOrganization(id, time.Now()),
			tx.CreateOrganizationKey(strongroom.OrganizationKey{OrganizationID: id, Version: 1, Wrapped: wrapped}))
	})
	if _, err := beside.CurrentOrganizationKey(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	write(t, db, func(tx store.Tx) error { _, err := tx.EraseOrganization(id, time.Now()); return err })
	if n := remnants(t, path, wrapped); n == 0 {
		t.Fatal("there is nothing to scrub, so that this test would tell nothing")
	}
	if remains, err := db.Scrub(t.Context()); err != nil || remains != "" {
		t.Fatal(remains, err)
	}
	if n := remnants(t, path, wrapped); n != 0 {
		t.Errorf("the key is in the files %d times", n)
	}
}

func TestScrubbingWaitsForAReaderOfAnOlderState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	db := open(t, sqlite.Options{Path: path, BusyTimeout: 50 * time.Millisecond})
	defer db.Close()
	write(t, db, func(tx store.Tx) error { return tx.EnsureOrganization(uuid.New(), time.Now()) })
	err := db.AuditSnapshot(t.Context(), func(v store.AuditView) error {
		if _, err := v.Heads(); err != nil {
			return err
		}
		write(t, db, func(tx store.Tx) error { return tx.EnsureOrganization(uuid.New(), time.Now()) })
		_, err := db.Scrub(t.Context())
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := db.Scrub(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Scrub(t.Context()); err != nil {
		t.Error(err)
	}
}

// write runs one transaction that must succeed.
func write(t *testing.T, db *sqlite.DB, fn func(tx store.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}
