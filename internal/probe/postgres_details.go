package probe

import (
	"context"
	"crypto/tls"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgQuestion asks what the role is and may do, in one row. It reads catalogs alone. The
// tables are looked at one by one, up to the first that can be written to, so their
// number is bounded.
const pgQuestion = `select
	current_setting('server_version'), current_database(), current_user,
	coalesce((select rolsuper from pg_roles where rolname = current_user), false),
	current_setting('transaction_read_only') = 'on',
	has_database_privilege(current_database(), 'CREATE') or exists (
		select from pg_namespace
		where nspname not like 'pg\_%' and nspname <> 'information_schema' and has_schema_privilege(oid, 'CREATE')),
	exists (
		select from (
			select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where c.relkind in ('r', 'p', 'v', 'f') and nspname not like 'pg\_%' and nspname <> 'information_schema'
				and has_schema_privilege(n.oid, 'USAGE')
			limit 50000) t
		where has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE') or has_any_column_privilege(oid, 'INSERT, UPDATE')),
	pg_is_in_recovery()`

// pgDetails asks the question. read_only says that the session, or for want of
// privileges the role, writes nothing; temporary tables do not count.
func pgDetails(ctx context.Context, conn *pgconn.PgConn) (map[string]any, error) {
	const version, database, user, superuser, readOnly, create, write, recovery, columns = 0, 1, 2, 3, 4, 5, 6, 7, 8
	row, err := pgRow(ctx, conn, pgQuestion, columns)
	if err != nil {
		return nil, err
	}
	is := func(i int) bool { return row[i] == "t" }
	return map[string]any{
		"server_version": pgVersion.FindString(row[version]),
		"database":       pgShown(row[database]),
		"user":           pgShown(row[user]),
		"is_superuser":   is(superuser),
		"can_create":     is(create) && !is(readOnly),
		"read_only":      is(readOnly) || !is(create) && !is(write),
		"in_recovery":    is(recovery),
	}, nil
}

// pgSecurity returns the details of how the connection is encrypted.
func pgSecurity(conn *pgconn.PgConn) map[string]any {
	encrypted, ok := conn.Conn().(*tls.Conn)
	if !ok {
		return map[string]any{"tls": false}
	}
	state := encrypted.ConnectionState()
	return map[string]any{
		"tls":                           tls.VersionName(state.Version),
		"server_certificate_expires_at": state.PeerCertificates[0].NotAfter.UTC().Format(time.RFC3339),
	}
}

// pgVersion is what is shown of a version: "17.2" of "17.2 (Debian 17.2-1)".
var pgVersion = regexp.MustCompile(`^[0-9][0-9A-Za-z.]{0,31}`)

// pgShown bounds a name to what PostgreSQL's may have: 63 bytes, or a little more where it
// was built so.
func pgShown(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), 255)], "\uFFFD")
}

// pgRow sends a query and returns its only row, of so many columns. What else a server
// answers is an error: it need not be PostgreSQL.
func pgRow(ctx context.Context, conn *pgconn.PgConn, query string, columns int) ([]string, error) {
	results, err := conn.Exec(ctx, query).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != columns {
		return nil, errPGAnswer
	}
	row := make([]string, columns)
	for i, value := range results[0].Rows[0] {
		row[i] = string(value)
	}
	return row, nil
}

// pgSessions are the values of target_session_attrs. The driver's own checks take the row
// for granted. prefer-standby is content with any server in the end.
var pgSessions = map[string]pgconn.ValidateConnectFunc{
	"any":            nil,
	"prefer-standby": nil,
	"read-write":     pgSession("select current_setting('transaction_read_only') = 'off'"),
	"read-only":      pgSession("select current_setting('transaction_read_only') = 'on'"),
	"primary":        pgSession("select not pg_is_in_recovery()"),
	"standby":        pgSession("select pg_is_in_recovery()"),
}

func pgSession(question string) pgconn.ValidateConnectFunc {
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		row, err := pgRow(ctx, conn, question, 1)
		if err == nil && row[0] != "t" {
			return errPGSession
		}
		return err
	}
}
