package postgres_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
)

// scoped are the tables whose rows are an organization's.
var scoped = []string{
	"organizations", "organization_keys", "credentials", "credential_checks", "rotations", "service_accounts", "api_keys",
	"oauth_clients", "oauth_flows", "audit_events",
}

// unscoped are the others, each with the reason.
var unscoped = map[string]string{
	"schema":            "the schema's version",
	"installation":      "what the database knows about itself",
	"signing_keys":      "the installation's, and wrapped",
	"audit_heads":       "a chain is a process's, with events of many organizations",
	"audit_checkpoints": "they name chains",
	"readiness":         "what Ready writes to",
}

var moment = time.Date(2031, 3, 14, 15, 9, 26, 535_897_000, time.UTC)

// furnish gives an organization a row in each table.
func furnish(t *testing.T, db store.Store) (organization uuid.UUID, hash [32]byte) {
	t.Helper()
	organization = uuid.New()
	c := newCredential(organization)
	account := strongroom.ServiceAccount{ID: uuid.New(), OrganizationID: &organization, Name: "worker", Status: strongroom.ServiceAccountActive, CreatedAt: moment, UpdatedAt: moment}
	hash = sha256.Sum256(account.ID[:])
	chain := uuid.New()
	write(t, db, func(tx store.Tx) error {
		for _, err := range []error{
			tx.EnsureOrganization(organization, moment),
			tx.CreateOrganizationKey(strongroom.OrganizationKey{OrganizationID: organization, Version: 1, CreatedAt: moment}),
			tx.CreateCredential(c, store.CredentialLimits{}),
			tx.SaveCheck(organization, store.CheckEnd{ID: c.ID, Check: strongroom.Check{At: moment, Version: 1}, Keep: 1}),
			tx.CreateRotation(store.SealedRotation{Rotation: strongroom.Rotation{
				ID: uuid.New(), OrganizationID: organization, CredentialID: c.ID, State: strongroom.RotationPending, BeganAt: moment, UpdatedAt: moment, FromVersion: 1,
			}}),
			tx.CreateAccount(account),
			tx.CreateAPIKey(strongroom.APIKey{ID: uuid.New(), ServiceAccountID: account.ID, OrganizationID: &organization, CreatedAt: moment, UpdatedAt: moment}, hash),
			tx.SaveOAuthClient(store.OAuthClient{OAuthClient: strongroom.OAuthClient{OrganizationID: organization, Provider: "google", CreatedAt: moment, UpdatedAt: moment}, ID: uuid.New(), Version: 1}),
			tx.CreateOAuthFlow(store.OAuthFlow{StateHash: hash, ID: uuid.New(), OrganizationID: organization, CreatedAt: moment, ExpiresAt: moment}, 9),
			tx.AppendAudit([]store.AuditRecord{{Chain: chain, Sequence: 1, At: moment, OrganizationID: organization, Body: []byte(`{}`)}}, store.AuditHead{Chain: chain, Sequence: 1, UpdatedAt: moment}),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	return organization, hash
}

func newCredential(organization uuid.UUID) store.SealedCredential {
	return store.SealedCredential{Credential: strongroom.Credential{
		ID: uuid.Must(uuid.NewV7()), OrganizationID: organization, Name: "Files", Provider: "sftp", Type: "user_password",
		Status: strongroom.StatusActive, Version: 1, CreatedAt: moment, UpdatedAt: moment,
	}, Sealed: []byte{1}}
}

func write(t *testing.T, db store.Store, fn func(tx store.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// TestAQueryWithoutTheOrganizationGetsNothing takes the organization out of queries on
// purpose.
func TestAQueryWithoutTheOrganizationGetsNothing(t *testing.T) {
	cluster := postgrestest.New(t)
	db := open(t, postgres.Options{URL: cluster.Database(t).URL})
	first, _ := furnish(t, db)
	second, _ := furnish(t, db)
	stranger := uuid.New()

	found := func(t *testing.T, organization *uuid.UUID, text string) int {
		t.Helper()
		n, err := db.Run(t.Context(), organization, text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, table := range scoped {
		t.Run(table, func(t *testing.T) {
			text := "SELECT FROM strongroom." + table
			if n := found(t, nil, text); n != 0 {
				t.Errorf("without any organization it finds %d rows", n)
			}
			if n := found(t, &stranger, text); n != 0 {
				t.Errorf("another organization finds %d rows", n)
			}
			for _, of := range []uuid.UUID{first, second} {
				if n := found(t, &of, text); n != 1 {
					t.Errorf("an organization finds %d rows of its one", n)
				}
			}
		})
	}
	t.Run("an update without it changes one's own alone", func(t *testing.T) {
		if n := found(t, nil, "UPDATE strongroom.credentials SET name = 'taken'"); n != 0 {
			t.Errorf("without any organization it changes %d rows", n)
		}
		if n := found(t, &first, "UPDATE strongroom.credentials SET name = 'mine'"); n != 1 {
			t.Errorf("it changes %d rows", n)
		}
		if n := found(t, &stranger, "DELETE FROM strongroom.api_keys"); n != 0 {
			t.Errorf("it deletes %d rows", n)
		}
	})
	t.Run("a row cannot be made for, or given to, another", func(t *testing.T) {
		for _, text := range []string{
			fmt.Sprintf("UPDATE strongroom.credentials SET organization_id = '%s'", second),
			fmt.Sprintf("INSERT INTO strongroom.organization_keys VALUES ('%s', 2, '', '', now())", second),
			"UPDATE strongroom.service_accounts SET organization_id = NULL",
		} {
			if _, err := db.Run(t.Context(), &first, text); err == nil {
				t.Errorf("%s: it did", text)
			}
		}
	})
	t.Run("what was set for one query is not for the next on the same connection", func(t *testing.T) {
		for range 50 {
			found(t, &first, "SELECT FROM strongroom.credentials")
			if n := found(t, nil, "SELECT FROM strongroom.credentials"); n != 0 {
				t.Fatalf("it finds %d rows", n)
			}
		}
	})
}

// TestAKeyOpensWhatItsAccountsOrganizationHasAlone damages rows as no statement of the
// server's can: what looks holders up is not held by row-level security.
func TestAKeyOpensWhatItsAccountsOrganizationHasAlone(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	db := open(t, postgres.Options{URL: d.URL})
	_, hash := furnish(t, db)
	other, _ := furnish(t, db)
	others := newCredential(other)
	write(t, db, func(tx store.Tx) error { return tx.CreateCredential(others, store.CredentialLimits{}) })

	if holder, found, err := db.KeyAndCredential(t.Context(), hash, others.ID); err != nil || found != nil || holder.Hash != hash {
		t.Errorf("another organization's credential: %v, %v, want the key alone", found, err)
	}
	for _, damage := range []string{
		"UPDATE strongroom.api_keys SET organization_id = '%s'",
		"UPDATE strongroom.service_accounts SET organization_id = NULL",
	} {
		text := fmt.Sprintf(damage+" WHERE organization_id <> '%[1]s'", other)
		cluster.Server.Exec(t, d.Name, text)
		if _, found, err := db.KeyAndCredential(t.Context(), hash, others.ID); !errors.Is(err, store.ErrNotFound) || found != nil {
			t.Errorf("after %s: %v, %v, want %v", text, found, err, store.ErrNotFound)
		}
	}
}

// TestTheServersRoleIsHeld asks PostgreSQL's catalog what was granted.
func TestTheServersRoleIsHeld(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	role := "'" + cluster.Role.Name + "'"
	ask := func(query string) string { return cluster.Server.Query(t, d.Name, query) }

	tables := strings.Fields(ask(`SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'strongroom'`))
	if len(tables) != len(scoped)+len(unscoped) {
		t.Errorf("%d tables: write down of each whether its rows are an organization's", len(tables))
	}
	for _, table := range scoped {
		if ask(`SELECT relrowsecurity FROM pg_class WHERE oid = 'strongroom.`+table+`'::regclass`) != "t" {
			t.Errorf("%s has no row-level security", table)
		}
	}
	for name, query := range map[string]string{
		"it owns nothing":                       `SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = ` + role,
		"it is no superuser and bypasses none":  `SELECT count(*) FROM pg_roles WHERE rolname = ` + role + ` AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)`,
		"it is a member of nothing":             `SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = ` + role,
		"it truncates and references nothing":   `SELECT count(*) FROM pg_class WHERE relnamespace = 'strongroom'::regnamespace AND relkind = 'r' AND has_table_privilege(` + role + `, oid, 'TRUNCATE, REFERENCES, TRIGGER')`,
		"it changes no event":                   `SELECT has_table_privilege(` + role + `, 'strongroom.audit_events', 'UPDATE, DELETE')::int`,
		"it changes no key":                     `SELECT has_table_privilege(` + role + `, 'strongroom.organization_keys', 'UPDATE, DELETE')::int`,
		"it deletes no credential":              `SELECT has_table_privilege(` + role + `, 'strongroom.credentials', 'DELETE')::int`,
		"it makes nothing in the schema":        `SELECT has_schema_privilege(` + role + `, 'strongroom', 'CREATE')::int`,
		"nobody else may call the functions":    `SELECT count(*) FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE p.pronamespace = 'strongroom'::regnamespace AND a.grantee = 0`,
		"every function names its search path":  `SELECT count(*) FROM pg_proc WHERE pronamespace = 'strongroom'::regnamespace AND prosecdef AND NOT coalesce(proconfig @> ARRAY['search_path=""'], false)`,
		"no function is owned by a superuser":   `SELECT count(*) FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE pronamespace = 'strongroom'::regnamespace AND r.rolsuper`,
		"rows of the tables are seen by policy": `SELECT count(*) FROM pg_policies WHERE schemaname = 'strongroom' AND cmd <> 'INSERT' AND qual NOT LIKE '%current_organization()%'`,
	} {
		if got := ask(query); got != "0" {
			t.Errorf("%s: PostgreSQL says %s", name, got)
		}
	}
}
