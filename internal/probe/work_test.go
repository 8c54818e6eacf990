package probe_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"strongroom/internal/outbound"
	"strongroom/internal/probe"
	"strongroom/internal/probe/sshtest"
)

var errMine = errors.New("canary of the work's own")

func sftpProber() *probe.Prober {
	return probe.New(outbound.New(outbound.Options{Allow: loopback}), time.Now)
}

func TestWorkOverSFTP(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	noRight := &probe.Failure{Code: probe.CodePermission, Message: "No right to it"}
	for name, c := range map[string]struct {
		err  error
		code probe.Code
		says string
	}{
		"that is done":            {nil, "", "Connected and signed in"},
		"that fails of its own":   {errMine, "", "Connected and signed in"},
		"that says why it failed": {noRight, probe.CodePermission, "No right to it"},
	} {
		t.Run(name, func(t *testing.T) {
			how := byKey(s)
			r, err := sftpProber().WithSFTP(t.Context(), how, func(_ context.Context, client *sftp.Client) error {
				if _, err := client.Getwd(); err != nil {
					t.Error(err)
				}
				return c.err
			})
			want(t, examined(t, how, r), c.code, c.says)
			wantPhases(t, r, "connect", "key_exchange", "login", "operation")
			if err != c.err {
				t.Errorf("error %v, want the work's own", err)
			}
		})
	}
	t.Run("that is not begun without a sign-in", func(t *testing.T) {
		how := byPassword(s)
		how.Password = text("wrong")
		r, err := sftpProber().WithSFTP(t.Context(), how, func(context.Context, *sftp.Client) error { t.Error("begun"); return nil })
		want(t, r, probe.CodeAuth)
		if err != nil {
			t.Error(err)
		}
	})
}

func TestWorkOverSFTPThatTheConnectionDoesNotOutlive(t *testing.T) {
	t.Parallel()
	begin := func(c ssh.Channel) {
		_, _ = c.Read(make([]byte, 1024))
		_, _ = c.Write(message(messageVersion, 0, 0, 0, 3))
		_, _ = c.Read(make([]byte, 1024))
	}
	hangUp := script{sftp: begin, end: true}
	breakOff := func(c ssh.Channel) { begin(c); _, _ = c.Write(status(0, 0)[:7]) }
	for name, c := range map[string]struct {
		script script
		expire bool
		code   probe.Code
		says   string
	}{
		"as the server hangs up":              {hangUp, false, probe.CodeProtocol, "ended the connection"},
		"as the server ends SFTP alone":       {script{sftp: begin}, false, probe.CodeProtocol, "ended the connection"},
		"as the server ends within an answer": {script{sftp: breakOff}, false, probe.CodeProtocol, "ended the connection"},
		"as the time is over":                 {answering(func(uint32) []byte { return nil }), true, probe.CodeTimeout, "while the user's files were read or written"},
		"as an answer is garbage":             {answering(func(uint32) []byte { return make([]byte, 64<<10) }), false, "", "Connected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := newExpiring(t)
			defer ctx.cancel()
			r, err := sftpProber().WithSFTP(ctx, c.script.listen(t), func(_ context.Context, client *sftp.Client) error {
				if c.expire {
					ctx.cancel()
				}
				_, err := client.Getwd()
				return err
			})
			want(t, r, c.code, c.says)
			if err == nil {
				t.Error("the work's error is lost")
			}
		})
	}
}

func TestWorkOverPostgreSQL(t *testing.T) {
	_, target := pgAccount(t, "login")
	noRight := &probe.Failure{Code: probe.CodePermission, Message: "No right to it"}
	for name, c := range map[string]struct {
		do   func(context.Context, *pgconn.PgConn) error
		code probe.Code
		says string
		own  error
	}{
		"that is done":            {func(ctx context.Context, c *pgconn.PgConn) error { return c.Exec(ctx, "select 1").Close() }, "", "The connection works", nil},
		"that fails of its own":   {func(context.Context, *pgconn.PgConn) error { return errMine }, "", "The connection works", errMine},
		"that says why it failed": {func(context.Context, *pgconn.PgConn) error { return noRight }, probe.CodePermission, "No right to it", noRight},
		"that the server refuses": {func(ctx context.Context, c *pgconn.PgConn) error {
			return c.Exec(ctx, "select pg_reload_conf()").Close()
		}, probe.CodePermission, msgConnect, nil},
		"that ends the connection": {func(ctx context.Context, c *pgconn.PgConn) error {
			return c.Exec(ctx, "select pg_terminate_backend(pg_backend_pid())").Close()
		}, probe.CodeProtocol, "The server is shutting down; try again when it is up", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := pgProber().WithPostgreSQL(t.Context(), target, c.do)
			if r.Code != c.code || r.Success != (c.code == "") || r.Message != c.says {
				t.Errorf("%+v, want %q: %s", r, c.code, c.says)
			}
			if c.own != nil && err != c.own || (err == nil) != (name == "that is done") {
				t.Errorf("error %v, want the work's own", err)
			}
			if ends, _ := r.Details["server_certificate_expires_at"].(string); r.Success {
				at, err := time.Parse(time.RFC3339, ends)
				if err != nil || time.Until(at) < time.Hour || time.Until(at) > 25*time.Hour {
					t.Errorf("the certificate ends at %q", ends)
				}
			}
		})
	}
	t.Run("that is not begun without a sign-in", func(t *testing.T) {
		bad := target
		bad.Password = plain("wrong")
		r, err := pgProber().WithPostgreSQL(t.Context(), bad, func(context.Context, *pgconn.PgConn) error { t.Error("begun"); return nil })
		checkPGFailure(t, r, probe.CodeAuth, msgPassword)
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("that the time does not last for", func(t *testing.T) {
		ctx := newDeadline()
		r, err := pgProber().WithPostgreSQL(ctx, target, func(work context.Context, c *pgconn.PgConn) error {
			ctx.pass()
			<-work.Done()
			return c.Exec(work, "select pg_sleep(60)").Close()
		})
		checkPGFailure(t, r, probe.CodeTimeout, "Signing in worked, but the server did not answer a query in time; check how busy it is")
		if err == nil {
			t.Error("the work's error is lost")
		}
	})
}

func TestPostgreSQLRole(t *testing.T) {
	for name, c := range map[string]struct {
		target probe.PostgreSQL
		role   string
	}{
		"of fields":          {probe.PostgreSQL{Host: "h", Username: `we"ird role`}, `we"ird role`},
		"of a URL":           {probe.PostgreSQL{Username: "x", ConnectionString: plain("postgres://u%40x:p@h/d")}, "u@x"},
		"of a URL's query":   {probe.PostgreSQL{ConnectionString: plain("postgres://a@h/d?user=b")}, "b"},
		"of pairs":           {probe.PostgreSQL{ConnectionString: plain("host=h user='a b'")}, "a b"},
		"of nothing at all":  {probe.PostgreSQL{Host: "h"}, ""},
		"of a broken string": {probe.PostgreSQL{Username: "x", ConnectionString: plain("host='")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			role, err := c.target.Role()
			if role != c.role || (err == nil) != (c.role != "") {
				t.Errorf("%q, %v; want %q", role, err, c.role)
			}
		})
	}
}
