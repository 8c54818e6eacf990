package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	driver "zombiezen.com/go/sqlite"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
)

// older makes a database of an older schema with the SQL of its steps, then runs more.
func older(t *testing.T, path string, version int, more string) {
	t.Helper()
	steps, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range steps[:version] {
		step, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		script(t, path, string(step))
	}
	script(t, path, fmt.Sprintf("PRAGMA application_id = 0x53747267; PRAGMA user_version = %d; PRAGMA foreign_keys = ON;\n%s", version, more))
}

func TestADatabaseThatIsMadeWhileItIsLookedAtIsOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	c, err := driver.OpenConn(path, driver.OpenReadWrite|driver.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tried := false
	makes := driver.AuthorizeFunc(func(a driver.Action) driver.AuthResult {
		if a.Type() == driver.OpPragma && a.Pragma() == "user_version" && !tried {
			tried = true
			// It is made now, or not before all has been looked at.
			if db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, BusyTimeout: time.Millisecond}); err == nil {
				_ = db.Close()
			}
		}
		return driver.AuthResultOK
	})
	if err := c.SetAuthorizer(makes); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Recognize(c, path); err != nil {
		t.Error(err)
	}
	if !tried {
		t.Error("nobody tried to make the database meanwhile, so that nothing is tested")
	}
}

// queried runs a query past the store and returns its rows by the columns' names, each
// value with its type. What the query leaves to be bound is null.
func queried(t *testing.T, path, query string) (rows []map[string]string) {
	t.Helper()
	c, err := driver.OpenConn(path, driver.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stmt, _, err := c.PrepareTransient(query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stmt.Finalize() }()
	for {
		switch ok, err := stmt.Step(); {
		case err != nil:
			t.Fatal(err)
		case !ok:
			return rows
		}
		row := map[string]string{}
		for i := range stmt.ColumnCount() {
			row[stmt.ColumnName(i)] = stmt.ColumnType(i).String() + " " + stmt.ColumnText(i)
		}
		rows = append(rows, row)
	}
}

// contents are all rows of all tables, in their order.
func contents(t *testing.T, path string) map[string][]map[string]string {
	t.Helper()
	tables := map[string][]map[string]string{}
	for _, table := range queried(t, path, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'") {
		name := strings.TrimPrefix(table["name"], "SQLITE_TEXT ")
		tables[name] = queried(t, path, "SELECT * FROM "+name)
	}
	return tables
}

const (
	oneOrganization = `INSERT INTO organizations VALUES (x'00000000000000000000000000000001', 7);`

	// schemaOneRows are a live credential with every field, a deleted one and one with no
	// more than is required.
	schemaOneRows = oneOrganization + `
		INSERT INTO credentials VALUES
			(randomblob(16), x'00000000000000000000000000000001', randomblob(16), 'Mail', 'google', 'google_oauth', 'active', randomblob(16), 3,
				'me@example.com', 11, '["a"]', 12, 13, 14, 15, '{"success":true}', 16, 'it failed', NULL, randomblob(9000)),
			(randomblob(16), x'00000000000000000000000000000001', NULL, 'Gone', 'sftp', 'key_file', 'active', randomblob(16), 1,
				NULL, NULL, NULL, 21, 22, NULL, NULL, NULL, NULL, NULL, 23, randomblob(300)),
			(randomblob(16), x'00000000000000000000000000000001', NULL, '', '', '', '', randomblob(16), 1,
				NULL, NULL, NULL, 31, 32, NULL, NULL, NULL, NULL, NULL, NULL, x'');`

	// schemaTwoRows are the same with what a renewal writes.
	schemaTwoRows = oneOrganization + `
		INSERT INTO credentials VALUES
			(randomblob(16), x'00000000000000000000000000000001', randomblob(16), 'Mail', 'google', 'google_oauth', 'uncertain', randomblob(16), 3,
				'me@example.com', 11, '["a"]', 12, 13, 14, 15, '{"success":true}', 16, 'it failed', NULL,
				17, 18, 2, 19, 'answer_lost', 'client', 5, 20, 21, randomblob(9000)),
			(randomblob(16), x'00000000000000000000000000000001', NULL, 'Gone', 'sftp', 'key_file', 'active', randomblob(16), 1,
				NULL, NULL, NULL, 21, 22, NULL, NULL, NULL, NULL, NULL, 23, NULL, NULL, 0, NULL, '', '', 0, NULL, NULL, randomblob(300)),
			(randomblob(16), x'00000000000000000000000000000001', NULL, '', '', '', '', randomblob(16), 1,
				NULL, NULL, NULL, 31, 32, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, '', '', 0, NULL, NULL, x'');
		INSERT INTO oauth_clients VALUES (x'00000000000000000000000000000001', 'google', randomblob(16), 'client', 2, randomblob(16), 41, 42, randomblob(90));`
)

func TestAnOlderSchemaKeepsAllThatItHas(t *testing.T) {
	for name, test := range map[string]struct {
		version int
		rows    string
		// renamed are columns by the names they had.
		renamed map[string]string
	}{
		"the first schema":                    {1, schemaOneRows, map[string]string{"google_email": "account_email"}},
		"the schema before tests were stored": {2, schemaTwoRows, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "strongroom.db")
			older(t, path, test.version, test.rows)
			before := contents(t, path)
			opened(t, path)
			after := contents(t, path)
			if len(before["credentials"]) != 3 {
				t.Fatalf("there are %d credentials to keep", len(before["credentials"]))
			}
			for table, rows := range before {
				if len(after[table]) != len(rows) {
					t.Fatalf("%s: %d rows became %d", table, len(rows), len(after[table]))
				}
				for i, row := range rows {
					for column, value := range row {
						if renamed, ok := test.renamed[column]; ok {
							column = renamed
						}
						if got, ok := after[table][i][column]; !ok || got != value {
							t.Errorf("%s.%s of row %d: %q became %q", table, column, i, value, got)
						}
					}
				}
			}
			if rows := queried(t, path, "PRAGMA foreign_key_check"); len(rows) > 0 {
				t.Errorf("rows have lost what they belong to: %v", rows)
			}
			if got := queried(t, path, "PRAGMA integrity_check"); got[0]["integrity_check"] != "SQLITE_TEXT ok" {
				t.Errorf("the file is damaged: %v", got)
			}
		})
	}
}

func TestWhatWasNeverTestedIsDueEvenlyOverSixHours(t *testing.T) {
	const rows, hours = 100, 6
	path := filepath.Join(t.TempDir(), "strongroom.db")
	older(t, path, 2, oneOrganization+fmt.Sprintf(`
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO credentials (id, organization_id, name, provider, type, status, modified_by, version, created_at, updated_at, deleted_at, sealed)
			SELECT randomblob(16), x'00000000000000000000000000000001', '', 'sftp', '', 'active', randomblob(16), 1, i, i, iif(i = 1, 1, NULL), x'' FROM n;`, rows))
	began := time.Now().Truncate(time.Second)
	db := open(t, sqlite.Options{Path: path})
	defer db.Close()
	ended := time.Now()

	organization := uuid.UUID{15: 1}
	list, err := db.ListCredentials(t.Context(), organization, store.CredentialFilter{Page: strongroom.Page{Limit: rows}})
	if err != nil {
		t.Fatal(err)
	}
	deleted, err := db.ListCredentials(t.Context(), organization, store.CredentialFilter{Page: strongroom.Page{Limit: rows}, Deleted: true})
	if err != nil {
		t.Fatal(err)
	}
	var due []time.Time
	for _, c := range append(list, deleted...) {
		if c.Health.NextAt == nil {
			t.Fatalf("%v is never due", c.ID)
		}
		due = append(due, *c.Health.NextAt)
		c.Health.NextAt = nil
		if c.Health != (strongroom.Health{}) || c.Rotation != (strongroom.RotationSchedule{}) {
			t.Errorf("%+v and %+v came from nowhere", c.Health, c.Rotation)
		}
	}
	if len(due) != rows {
		t.Fatalf("%d are due, want %d", len(due), rows)
	}
	slices.SortFunc(due, time.Time.Compare)
	if due[0].Before(began) || due[rows-1].After(ended.Add(hours*time.Hour)) {
		t.Errorf("due from %v to %v", due[0], due[rows-1])
	}
	for i := 1; i < rows; i++ {
		if gap := due[i].Sub(due[i-1]); gap > 2*hours*time.Hour/rows {
			t.Errorf("nothing is due for %v", gap)
		}
	}
}

func TestQueriesUseTheirIndexes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	opened(t, path)
	one := uuid.UUID{15: 1}
	for name, test := range map[string]struct {
		query string
		// want is a step in the words of SQLite; none may sort.
		want string
	}{
		"counting health reads no row": {
			sqlite.CountHealth, "SCAN credentials USING COVERING INDEX credentials_health",
		},
		"due tests are found in order": {
			sqlite.DueChecks, "SEARCH credentials USING INDEX credentials_check_due (check_at<?)",
		},
		"due rotations are found in order": {
			sqlite.DueRotations, "SEARCH rotations USING INDEX rotations_due (next_at<?)",
		},
		"rotations to begin are found in order": {
			sqlite.DueStarts, "SEARCH credentials USING INDEX credentials_rotation_due (rotate_at<?)",
		},
		"what is under way is found by its credential": {
			sqlite.DueStarts, "SEARCH r USING INDEX rotations_active (credential_id=?)",
		},
		"an organization's rotations are listed in order": {
			sqlite.RotationList(store.RotationFilter{OrganizationID: one}),
			"SEARCH rotations USING INDEX rotations_organization (organization_id=?)",
		},
		"an organization's sealed credentials are found in order": {
			sqlite.SealedRecords(store.SealedCredentials), "SEARCH credentials USING INDEX credentials_organization (organization_id=? AND id>?)",
		},
		"and its sealed rotations": {
			sqlite.SealedRecords(store.SealedRotations), "SEARCH rotations USING INDEX rotations_organization (organization_id=? AND id>?)",
		},
		"a credential's rotations are listed in order": {
			sqlite.RotationList(store.RotationFilter{OrganizationID: one, CredentialID: one}),
			"SEARCH rotations USING INDEX rotations_credential (organization_id=? AND credential_id=?)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, step := range queried(t, path, "EXPLAIN QUERY PLAN "+test.query) {
				got = append(got, strings.TrimPrefix(step["detail"], "SQLITE_TEXT "))
			}
			if !slices.Contains(got, test.want) || strings.Contains(strings.Join(got, "\n"), "TEMP B-TREE") {
				t.Errorf("got %q, want %q and no sorting", got, test.want)
			}
		})
	}
}
