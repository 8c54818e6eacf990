package far_test

import (
	"context"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"strongroom"
	"strongroom/internal/probe/pgtest"
	"strongroom/internal/rotate/far"
	"strongroom/secret"
)

// account is a role with a database of its own.
type account struct {
	server         *pgtest.Server
	role, database string
	data           secret.Value
	password       secret.Value
}

func newAccount(t *testing.T, attributes string) account {
	t.Helper()
	s := pgtest.Start(t)
	role, password := s.Role(t, attributes)
	a := account{server: s, role: role, database: s.Database(t), password: text(password)}
	s.Exec(t, "", "grant connect on database "+a.database+" to "+role)
	a.data = a.as(t, role, password)
	return a
}

func (a account) as(t *testing.T, role, password string) secret.Value {
	return document(t, map[string]any{"host": a.server.Host, "port": a.server.Port, "username": role, "password": password, "database": a.database})
}

// rotate sets a new password and returns the data with it.
func (a account) rotate(t *testing.T, role string, data secret.Value) secret.Value {
	t.Helper()
	password := far.NewPassword()
	r := local().SetPassword(t.Context(), data, role, password)
	want(t, r, "", "new password")
	wantNone(t, r, password, a.password)
	next, err := far.WithPassword(data, password)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestASetPasswordOpensAndTheOldOneDoesNot(t *testing.T) {
	for name, c := range map[string]struct {
		attributes string
		before     func(account) []string
	}{
		"of a role like any other":                {"login", nil},
		"of a superuser":                          {"login superuser", nil},
		"of a role kept by MD5":                   {"login", func(a account) []string { return md5(a) }},
		"of a role whose sessions are to use MD5": {"login", func(a account) []string { return []string{"alter role " + a.role + " set password_encryption = 'md5'"} }},
		"of a role whose sessions only read": {"login", func(a account) []string {
			return []string{"alter role " + a.role + " set default_transaction_read_only = on"}
		}},
		"of a role that acts as another": {"login", func(a account) []string {
			return []string{"grant pg_monitor to " + a.role, "alter role " + a.role + " set role = pg_monitor"}
		}},
		"of a role with one connection alone":          {"login connection limit 1", nil},
		"of a role that does not wait for its commits": {"login", func(a account) []string { return []string{"alter role " + a.role + " set synchronous_commit = off"} }},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, c.attributes)
			if c.before != nil {
				a.server.Exec(t, "", c.before(a)...)
			}
			next := a.rotate(t, a.role, a.data)
			want(t, local().TestPostgreSQL(t.Context(), next), "")
			want(t, local().TestPostgreSQL(t.Context(), a.data), strongroom.CheckAuth)
			stored := a.server.Query(t, "", "select rolpassword from pg_authid where rolname = '"+a.role+"'")
			if !strings.HasPrefix(stored, "SCRAM-SHA-256$4096:") {
				t.Error("the server does not keep the password as SCRAM")
			}
			// The next rotation begins with what this one left.
			want(t, local().TestPostgreSQL(t.Context(), a.rotate(t, a.role, next)), "")
		})
	}
}

func md5(a account) []string {
	return []string{"set password_encryption = 'md5'; alter role " + a.role + " password '" + string(a.password.Reveal()) + "'"}
}

func TestAPasswordCanBeSetAgain(t *testing.T) {
	a := newAccount(t, "login superuser")
	password := far.NewPassword()
	next, err := far.WithPassword(a.data, password)
	if err != nil {
		t.Fatal(err)
	}
	want(t, local().SetPassword(t.Context(), a.data, a.role, password), "")
	want(t, local().SetPassword(t.Context(), next, a.role, password), "")
	want(t, local().TestPostgreSQL(t.Context(), next), "")
}

func TestRolesOfOddNames(t *testing.T) {
	a := newAccount(t, "login")
	for _, role := range []string{`we"ird`, "with spaces", "Capitals", "rôle-日本", `semi;colon' or "x`, `back\slash`, "user"} {
		t.Run(role, func(t *testing.T) {
			quoted := `"` + strings.ReplaceAll(role, `"`, `""`) + `"`
			a.server.Exec(t, "", "create role "+quoted+" login password 'old-one'", "grant connect on database "+a.database+" to "+quoted)
			t.Cleanup(func() {
				a.server.Exec(t, "", "revoke all on database "+a.database+" from "+quoted, "drop role "+quoted)
			})
			data := a.as(t, role, "old-one")
			if got, err := far.Role(data); err != nil || got != role {
				t.Fatalf("the role is %q, %v", got, err)
			}
			next := a.rotate(t, role, data)
			want(t, local().TestPostgreSQL(t.Context(), next), "")
			want(t, local().TestPostgreSQL(t.Context(), data), strongroom.CheckAuth)
		})
	}
}

func TestAPasswordIsNotSet(t *testing.T) {
	for name, c := range map[string]struct {
		attributes string
		before     func(*testing.T, *account)
		code       strongroom.CheckCode
		says       string
	}{
		"with a wrong password":       {"login", func(t *testing.T, a *account) { a.data = a.as(t, a.role, "wrong") }, strongroom.CheckAuth, "refused"},
		"of another role":             {"login", func(t *testing.T, a *account) { a.role = "postgres" }, strongroom.CheckPermission, "another role"},
		"of an expired role":          {"login valid until '2001-01-01'", nil, strongroom.CheckAuth, "expired"},
		"where no connection is free": {"login connection limit 0", nil, strongroom.CheckProtocol, "limit"},
		"in a database that is not there": {"login", func(t *testing.T, a *account) {
			a.database = "no_such_database"
			a.data = a.as(t, a.role, string(a.password.Reveal()))
		}, strongroom.CheckProtocol, "The database does not exist"},
		"of a server that is not the one": {"login", func(t *testing.T, a *account) {
			a.data = document(t, map[string]any{"host": "127.0.0.1", "port": a.server.Port, "username": a.role, "password": string(a.password.Reveal()),
				"database": a.database, "sslmode": "verify-full", "sslrootcert": a.server.CA})
		}, strongroom.CheckTLS, "another name"},
		"with data of another kind": {"login", func(_ *testing.T, a *account) { a.data = text(`["canary"]`) }, strongroom.CheckProtocol, "The data"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, c.attributes)
			role, stored := a.role, a.stored(t, a.role)
			if c.before != nil {
				c.before(t, &a)
			}
			password := far.NewPassword()
			r := local().SetPassword(t.Context(), a.data, a.role, password)
			want(t, r, c.code, c.says)
			wantNone(t, r, password, a.password)
			if a.stored(t, role) != stored {
				t.Error("the password was changed")
			}
		})
	}
	t.Run("that no verifier is made of", func(t *testing.T) {
		a := newAccount(t, "login")
		for _, bad := range []string{"", "pässword", "a\nb", strings.Repeat("x", 1025)} {
			r := local().SetPassword(t.Context(), a.data, a.role, text(bad))
			want(t, r, strongroom.CheckProtocol, "The new password is")
		}
		want(t, local().TestPostgreSQL(t.Context(), a.data), "")
	})
}

// TestAPasswordIsNotSetLate: whoever was told that the change came to nothing goes on without
// the new password, so that a server which was held up must not set it after all.
func TestAPasswordIsNotSetLate(t *testing.T) {
	a := newAccount(t, "login")
	stored := a.stored(t, a.role)
	release := a.server.Hold(t, "alter role "+a.role+" connection limit 7")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	want(t, local().SetPassword(ctx, a.data, a.role, far.NewPassword()), strongroom.CheckTimeout)
	release()
	for a.server.Query(t, "", "select count(*) from pg_stat_activity where usename = '"+a.role+"'") != "0" {
		if t.Context().Err() != nil {
			t.Fatal("the server still works for the role")
		}
	}
	if a.stored(t, a.role) != stored {
		t.Error("the server set the password after the caller was told that it did not")
	}
	want(t, local().TestPostgreSQL(t.Context(), a.data), "")
}

func (a account) stored(t *testing.T, role string) string {
	return a.server.Query(t, "", "select rolpassword from pg_authid where rolname = '"+role+"'")
}

func TestAPasswordIsNotToldToTheServer(t *testing.T) {
	a := newAccount(t, "login")
	a.server.Exec(t, "", "alter role "+a.role+" set log_statement = 'all'")
	password := far.NewPassword()
	want(t, local().SetPassword(t.Context(), a.data, a.role, password), "")
	log := a.server.Log(t)
	if strings.Contains(log, string(password.Reveal())) {
		t.Error("the new password is in the server's log")
	}
	// The control: the log is the right one, and has every statement.
	if !strings.Contains(log, `alter role "`+a.role+`" password 'SCRAM-SHA-256$4096:`) {
		t.Errorf("the change is not in the server's log:\n%s", log)
	}
}

func TestTwoRolesTakeTurns(t *testing.T) {
	a := newAccount(t, "login")
	other := newAccount(t, "login")
	a.server.Exec(t, "", "grant connect on database "+a.database+" to "+other.role)
	t.Cleanup(func() { a.server.Exec(t, "", "revoke all on database "+a.database+" from "+other.role) })
	data := document(t, map[string]any{"host": a.server.Host, "port": a.server.Port, "database": a.database,
		"username": a.role, "password": string(a.password.Reveal()),
		"alternate_username": other.role, "alternate_password": string(other.password.Reveal())})
	for _, role := range []string{other.role, a.role, other.role} {
		alternate, ok := far.Alternate(data)
		if got, err := far.Role(alternate); !ok || err != nil || got != role {
			t.Fatalf("the other role is %q, %v", got, err)
		}
		password := far.NewPassword()
		want(t, local().SetPassword(t.Context(), alternate, role, password), "")
		before := data
		var err error
		if data, err = far.Swap(data, password); err != nil {
			t.Fatal(err)
		}
		// Both open: what was read before the rotation, and what is read after it.
		for _, opens := range []secret.Value{before, data} {
			want(t, local().TestPostgreSQL(t.Context(), opens), "")
		}
	}
}

// serverThat signs anybody in and answers the first statements as a server would that has
// the version, or with the SQLSTATE; it fails the test where a password is then set.
func serverThat(t *testing.T, version, state string) secret.Value {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		b := pgproto3.NewBackend(conn, conn)
		if _, err := b.ReceiveStartupMessage(); err != nil {
			t.Error(err)
			return
		}
		b.Send(&pgproto3.AuthenticationOk{})
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if err := b.Flush(); err != nil {
			t.Error(err)
			return
		}
		for {
			m, err := b.Receive()
			if err != nil {
				return
			}
			if q, ok := m.(*pgproto3.Query); ok && strings.Contains(q.String, "password") {
				t.Error("a password was set")
			}
			answerStatements(b, version, state)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return document(t, map[string]any{"host": "127.0.0.1", "port": port, "username": "app", "password": "p", "database": "d", "sslmode": "disable"})
}

func answerStatements(b *pgproto3.Backend, version, state string) {
	if state != "" {
		b.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: state})
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'E'})
		_ = b.Flush()
		return
	}
	for range 5 {
		b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SET")})
	}
	var fields []pgproto3.FieldDescription
	for range 3 {
		fields = append(fields, pgproto3.FieldDescription{Name: []byte("c"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1})
	}
	b.Send(&pgproto3.RowDescription{Fields: fields})
	b.Send(&pgproto3.DataRow{Values: [][]byte{[]byte("app"), []byte("app"), []byte(version)}})
	b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'T'})
	_ = b.Flush()
}

func TestServersThatAreNotGivenAPassword(t *testing.T) {
	for name, c := range map[string]struct {
		version, state string
		code           strongroom.CheckCode
		says           string
	}{
		"one that is too old for SCRAM": {"90624", "", strongroom.CheckProtocol, "older than PostgreSQL 10"},
		"one that is older still":       {"", "42704", strongroom.CheckProtocol, "older than PostgreSQL 10"},
		"one of no version":             {"x", "", strongroom.CheckProtocol, "did not keep to the protocol"},
		"a standby":                     {"", "0A000", strongroom.CheckPermission, "takes no changes"},
		"one that lets nothing change":  {"", "25006", strongroom.CheckPermission, "takes no changes"},
		"one that lets nobody":          {"", "42501", strongroom.CheckPermission, "change its own password"},
		"one that is going down":        {"", "57P01", strongroom.CheckProtocol, "shutting down"},
	} {
		t.Run(name, func(t *testing.T) {
			r := local().SetPassword(t.Context(), serverThat(t, c.version, c.state), "app", far.NewPassword())
			want(t, r, c.code, c.says)
		})
	}
}

func TestAStepThatIsGivenUpEnds(t *testing.T) {
	a := newAccount(t, "login")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want(t, local().SetPassword(ctx, a.data, a.role, far.NewPassword()), strongroom.CheckTimeout)
	want(t, local().TestPostgreSQL(t.Context(), a.data), "")
}

func TestNewPasswordsAreRandomLettersAndDigits(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9]{33}$`)
	seen := map[string]bool{}
	counts := map[rune]int{}
	for range 2000 {
		p := string(far.NewPassword().Reveal())
		if !form.MatchString(p) || seen[p] {
			t.Fatal("a password of another form, or the same again")
		}
		seen[p] = true
		for _, r := range p {
			counts[r]++
		}
	}
	// 66,000 characters of 62 kinds: 1,065 each, give or take 32; 7 of those are never off.
	for r, n := range counts {
		if n < 840 || n > 1290 {
			t.Errorf("%q came %d times", r, n)
		}
	}
	if len(counts) != 62 {
		t.Errorf("%d kinds of characters, want 62", len(counts))
	}
}

func TestAVerifierHasANewSaltEachTime(t *testing.T) {
	form := regexp.MustCompile(`^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$`)
	one, err := far.Verifier(text("pencil"))
	if err != nil || !form.MatchString(one) {
		t.Fatalf("%q, %v", one, err)
	}
	if two, _ := far.Verifier(text("pencil")); two == one {
		t.Error("the same verifier twice")
	}
}
