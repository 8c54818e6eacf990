package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// rights are all that the server's role gets, by table. Of the audit log it changes
// nothing.
var rights = []struct{ on, may string }{
	{"schema", "SELECT"},
	{"installation", "SELECT, INSERT"},
	{"organizations", "SELECT, INSERT"},
	{"organization_keys", "SELECT, INSERT"},
	{"credentials", "SELECT, INSERT, UPDATE"},
	{"credential_checks", "SELECT, INSERT, DELETE"},
	{"rotations", "SELECT, INSERT, UPDATE"},
	{"service_accounts", "SELECT, INSERT, UPDATE, DELETE"},
	{"api_keys", "SELECT, INSERT, UPDATE, DELETE"},
	{"oauth_clients", "SELECT, INSERT, UPDATE, DELETE"},
	{"oauth_flows", "SELECT, INSERT, UPDATE"},
	{"signing_keys", "SELECT, INSERT"},
	{"audit_events", "SELECT, INSERT"},
	{"audit_heads", "SELECT, INSERT, UPDATE"},
	{"audit_checkpoints", "SELECT, INSERT"},
	{"readiness", "SELECT, UPDATE"},
}

// grant gives the server's role its rights and takes any others.
func (m migration) grant() error {
	if err := m.ensureRole(); err != nil {
		return err
	}
	role := pgx.Identifier{m.role}.Sanitize()
	var script strings.Builder
	fmt.Fprintf(&script, `REVOKE ALL ON ALL FUNCTIONS IN SCHEMA strongroom FROM PUBLIC;
		REVOKE ALL ON ALL TABLES IN SCHEMA strongroom FROM PUBLIC, %[1]s;
		REVOKE ALL ON SCHEMA strongroom FROM PUBLIC, %[1]s;
		GRANT USAGE ON SCHEMA strongroom TO %[1]s;
		GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA strongroom TO %[1]s;`, role)
	for _, r := range rights {
		fmt.Fprintf(&script, "GRANT %s ON strongroom.%s TO %s;", r.may, r.on, role)
	}
	if err := m.execute(script.String()); err != nil {
		return err
	}
	return m.letIn(role)
}

// ensureRole makes the role where it is missing, and refuses one that row-level security
// would not hold.
func (m migration) ensureRole() error {
	if m.role == "" {
		return errors.New("no role for the server is named: set --server-role")
	}
	answer, err := m.ask(sql(`SELECT rolsuper OR rolbypassrls OR pg_has_role(oid, current_user::regrole, 'MEMBER') FROM pg_roles WHERE rolname = $1`, m.role))
	if err != nil {
		return err
	}
	if len(answer.rows) == 0 {
		if err := m.execute("CREATE ROLE " + pgx.Identifier{m.role}.Sanitize() + " LOGIN"); err != nil {
			return fmt.Errorf("the server's role %q is not there and cannot be made; let an administrator run CREATE ROLE %q LOGIN PASSWORD '…', and run this again: %w", m.role, m.role, err)
		}
		return nil
	}
	above, err := one(answer, (*row).bool)
	if err == nil && above {
		err = fmt.Errorf("the role %q cannot be the server's: it owns the tables, may become who does, or bypasses row-level security; name another with --server-role", m.role)
	}
	return err
}

// letIn lets the role connect to the database, where it may not already.
func (m migration) letIn(role string) error {
	answer, err := m.ask(sql(`SELECT has_database_privilege($1::name, current_database(), 'CONNECT'), current_database()::text`, m.role))
	if err != nil {
		return err
	}
	var database string
	may, err := one(answer, func(r *row) bool {
		may := r.bool()
		database = r.text()
		return may
	})
	if err != nil || may {
		return err
	}
	return m.execute("GRANT CONNECT ON DATABASE " + pgx.Identifier{database}.Sanitize() + " TO " + role)
}
