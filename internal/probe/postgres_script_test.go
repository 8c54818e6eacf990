package probe_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"strongroom/internal/probe"
)

// pgCertificate returns a certificate for 127.0.0.1 that vouches for itself, also in PEM.
func pgCertificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates[0], string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// pgScript serves every connection by a script and returns the target that leads to it.
func pgScript(t *testing.T, script func(net.Conn) error) probe.PostgreSQL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if err := script(conn); err != nil {
				t.Error(err)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return probe.PostgreSQL{Host: "127.0.0.1", Port: port, Username: "user", Password: plain("canary-91"), Database: "db", SSLMode: "disable"}
}

func TestAnSSHServerIsNotTakenForOneThatSpeaksTLS(t *testing.T) {
	for _, mode := range []string{"prefer", "require"} {
		target := pgScript(t, say("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"))
		target.SSLMode = mode
		if r := pgProber().PostgreSQL(t.Context(), target); r.Code != probe.CodeProtocol {
			t.Errorf("with %s: %s %q, want protocol", mode, r.Code, r.Message)
		}
	}
}

// say reads one message and answers with bytes.
func say(answer string) func(net.Conn) error {
	return func(conn net.Conn) error {
		if _, err := conn.Read(make([]byte, 1024)); err != nil {
			return err
		}
		_, err := io.WriteString(conn, answer)
		return err
	}
}

// signIn takes a start-up message and a password in the clear, and returns the password.
func signIn(conn io.ReadWriter) (*pgproto3.Backend, string, error) {
	b := pgproto3.NewBackend(conn, conn)
	first, err := b.ReceiveStartupMessage()
	if err != nil {
		return nil, "", err
	}
	if _, ok := first.(*pgproto3.StartupMessage); !ok {
		return nil, "", errScript
	}
	b.Send(&pgproto3.AuthenticationCleartextPassword{})
	if err := b.Flush(); err != nil {
		return nil, "", err
	}
	if err := b.SetAuthType(pgproto3.AuthTypeCleartextPassword); err != nil {
		return nil, "", err
	}
	message, err := b.Receive()
	if err != nil {
		return nil, "", err
	}
	password, ok := message.(*pgproto3.PasswordMessage)
	if !ok {
		return nil, "", errScript
	}
	return b, password.Password, nil
}

// welcome ends a sign-in well and takes the query.
func welcome(b *pgproto3.Backend) error {
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := b.Flush(); err != nil {
		return err
	}
	_, err := b.Receive()
	return err
}

// row answers a query with one row.
func row(b *pgproto3.Backend, values ...string) error {
	var fields []pgproto3.FieldDescription
	var cells [][]byte
	for _, v := range values {
		fields = append(fields, pgproto3.FieldDescription{Name: []byte("c"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1})
		cells = append(cells, []byte(v))
	}
	b.Send(&pgproto3.RowDescription{Fields: fields})
	b.Send(&pgproto3.DataRow{Values: cells})
	b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return b.Flush()
}

var goodRow = []string{"17.2 (Some 17.2-1)", "db", "user", "f", "f", "t", "t", "t"}

func whole(conn io.ReadWriter) error {
	b, _, err := signIn(conn)
	if err != nil {
		return err
	}
	if err := welcome(b); err != nil {
		return err
	}
	return row(b, goodRow...)
}

const (
	msgStranger = "What answered does not speak PostgreSQL's protocol as expected; check host and port, and how the user signs in"
	msgGone     = "The server closed the connection without an answer; check host and port, and whether it takes connections from here"
	msgNoTLS    = "The server does not offer TLS; switch it on there, or choose a TLS mode that does without"
	msgBadTLS   = "The TLS handshake failed; check that the server offers TLS 1.2 or newer and that its certificate is sound"
	msgTooMuch  = "The server sent far more than PostgreSQL does; check host and port"
)

func TestPostgreSQLServersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		mode    string
		script  func(net.Conn) error
		code    probe.Code
		message string
	}{
		"a web server":                       {"disable", say("HTTP/1.1 400 Bad Request\r\n\r\n"), probe.CodeProtocol, msgStranger},
		"a web server that is asked for TLS": {"require", say("HTTP/1.1 400 Bad Request\r\n\r\n"), probe.CodeProtocol, msgStranger},
		"a server that hangs up":             {"disable", say(""), probe.CodeProtocol, msgGone},
		"a server that hangs up before TLS":  {"require", say(""), probe.CodeProtocol, msgGone},
		"a server that hangs up in TLS":      {"require", say("S"), probe.CodeTLS, msgBadTLS},
		"a server without TLS":               {"require", say("N"), probe.CodeTLS, msgNoTLS},
		"a server without TLS, verified":     {"verify-full", say("N"), probe.CodeTLS, msgNoTLS},
		"garbage in place of TLS":            {"require", say("Sgarbage garbage"), probe.CodeTLS, msgBadTLS},
		"a message without end":              {"disable", say("R\x7f\xff\xff\xff"), probe.CodeProtocol, msgStranger},
		"a flood of messages":                {"disable", flood, probe.CodeProtocol, msgTooMuch},
		"a sign-in that is skipped":          {"disable", say("Z\x00\x00\x00\x05I"), probe.CodeProtocol, msgStranger},
		"an answer without a row":            {"disable", rows(), probe.CodeProtocol, msgStranger},
		"a row that is too short":            {"disable", rows("17"), probe.CodeProtocol, msgStranger},
	} {
		t.Run(name, func(t *testing.T) {
			target := pgScript(t, c.script)
			target.SSLMode = c.mode
			wantPGFailure(t, target, c.code, c.message)
		})
	}
}

// flood sends notices until the client has enough.
func flood(conn net.Conn) error {
	if _, err := conn.Read(make([]byte, 1024)); err != nil {
		return err
	}
	notice, err := (&pgproto3.NoticeResponse{Message: strings.Repeat("x", 32<<10)}).Encode(nil)
	for err == nil {
		_, err = conn.Write(notice)
	}
	return nil
}

// rows signs in and answers with one row, or none.
func rows(values ...string) func(net.Conn) error {
	return func(conn net.Conn) error {
		b, _, err := signIn(conn)
		if err != nil {
			return err
		}
		if err := welcome(b); err != nil {
			return err
		}
		if len(values) > 0 {
			return row(b, values...)
		}
		b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 0")})
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		return b.Flush()
	}
}

func TestPostgreSQLErrorsOfTheServerAreNotRepeated(t *testing.T) {
	for state, c := range map[string]struct {
		code    probe.Code
		message string
	}{
		"28P01":                 {probe.CodeAuth, msgPassword},
		"28000":                 {probe.CodeAuth, msgLogin},
		"42501":                 {probe.CodePermission, msgConnect},
		"3D000":                 {probe.CodeProtocol, msgDatabase},
		"53300":                 {probe.CodeProtocol, msgFull},
		"57P03":                 {probe.CodeProtocol, "The server is starting, shutting down or recovering and takes no connections yet; try again in a moment"},
		"55000":                 {probe.CodePermission, "The database takes no connections; an administrator can allow them with ALTER DATABASE"},
		"XX000":                 {probe.CodeProtocol, "The server refused with SQLSTATE XX000; PostgreSQL's documentation of error codes says what it means"},
		"canary-91 in the code": {probe.CodeProtocol, msgStranger},
	} {
		t.Run(state, func(t *testing.T) {
			target := pgScript(t, func(conn net.Conn) error {
				b, password, err := signIn(conn)
				if err != nil {
					return err
				}
				if password != "canary-91" {
					return errScript
				}
				b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: state, Message: "no: " + password, Detail: password, Hint: password})
				return b.Flush()
			})
			r := wantPGFailure(t, target, c.code, c.message)
			if text, err := json.Marshal(r); err != nil || strings.Contains(string(text), "canary") {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
}

func TestPostgreSQLErrorsOfTheQuery(t *testing.T) {
	for state, code := range map[string]probe.Code{"42501": probe.CodePermission, "57014": probe.CodeTimeout, "42883": probe.CodeProtocol} {
		t.Run(state, func(t *testing.T) {
			target := pgScript(t, func(conn net.Conn) error {
				b, _, err := signIn(conn)
				if err != nil {
					return err
				}
				if err := welcome(b); err != nil {
					return err
				}
				b.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: state})
				b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
				return b.Flush()
			})
			r := pgProber().PostgreSQL(context.Background(), target)
			if r.Success || r.Code != code || r.Phases[len(r.Phases)-1].Name != "operation" {
				t.Errorf("%+v, want %s in operation", r, code)
			}
		})
	}
}

func TestPostgreSQLStandbyIsToldOf(t *testing.T) {
	target := pgScript(t, func(conn net.Conn) error { return whole(conn) })
	d := wantPGSuccess(t, target, "connect", "login", "operation").Details
	want := map[string]any{"server_version": "17.2", "database": "db", "user": "user", "is_superuser": false,
		"can_create": true, "read_only": false, "in_recovery": true, "tls": false}
	if fmt.Sprint(d) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", d, want)
	}
}

// TestPostgreSQLFallsBack: the mode prefer does without TLS where there is none, and allow
// goes on to TLS where plain is not let in.
func TestPostgreSQLFallsBack(t *testing.T) {
	certificate, _ := pgCertificate(t)
	script := func(offer bool) func(net.Conn) error {
		return func(conn net.Conn) error {
			b := pgproto3.NewBackend(conn, conn)
			first, err := b.ReceiveStartupMessage()
			if err != nil {
				return err
			}
			_, asked := first.(*pgproto3.SSLRequest)
			switch {
			case asked && !offer:
				_, err = io.WriteString(conn, "N")
				return err
			case asked:
				if _, err = io.WriteString(conn, "S"); err != nil {
					return err
				}
				return whole(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}}))
			case offer:
				b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28000"})
				return b.Flush()
			}
			b.Send(&pgproto3.AuthenticationOk{})
			b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			if err := b.Flush(); err != nil {
				return err
			}
			if _, err := b.Receive(); err != nil {
				return err
			}
			return row(b, goodRow...)
		}
	}
	for _, c := range []struct {
		mode  string
		offer bool
		tls   any
	}{{"prefer", false, false}, {"prefer", true, "TLS 1.3"}, {"allow", true, "TLS 1.3"}, {"allow", false, false}, {"disable", false, false}} {
		t.Run(fmt.Sprintf("%s, TLS offered %t", c.mode, c.offer), func(t *testing.T) {
			target := pgScript(t, script(c.offer))
			target.SSLMode = c.mode
			if got := wantPGSuccess(t, target).Details["tls"]; got != c.tls {
				t.Errorf("tls is %v, want %v", got, c.tls)
			}
		})
	}
	t.Run("disable where plain is not let in", func(t *testing.T) {
		wantPGFailure(t, pgScript(t, script(true)), probe.CodeAuth, msgLogin)
	})
}

func TestPostgreSQLStalls(t *testing.T) {
	const (
		late      = "The connection was taken, but nothing answered as PostgreSQL in time; check host and port, and how busy the server is"
		lateQuery = "Signing in worked, but the server did not answer a query in time; check how busy it is"
	)
	read := func(conn net.Conn) error {
		_, err := conn.Read(make([]byte, 1024))
		return err
	}
	for name, c := range map[string]struct {
		mode, phase, message string
		// until goes as far as the server still answers.
		until func(net.Conn) error
	}{
		"before TLS": {"require", "tls", late, read},
		"in TLS": {"require", "tls", late, func(conn net.Conn) error {
			if err := say("S")(conn); err != nil {
				return err
			}
			return read(conn)
		}},
		"before the login": {"disable", "login", late, read},
		"in the login": {"disable", "login", late, func(conn net.Conn) error {
			_, _, err := signIn(conn)
			return err
		}},
		"at the query": {"disable", "operation", lateQuery, func(conn net.Conn) error {
			b, _, err := signIn(conn)
			if err != nil {
				return err
			}
			return welcome(b)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := newDeadline()
			target := pgScript(t, func(conn net.Conn) error {
				err := c.until(conn)
				ctx.pass()
				_, _ = io.Copy(io.Discard, conn)
				return err
			})
			target.SSLMode = c.mode
			r := pgProber().PostgreSQL(ctx, target)
			checkPGFailure(t, r, probe.CodeTimeout, c.message)
			if r.Phases[len(r.Phases)-1].Name != c.phase {
				t.Errorf("phases %v, want %s last", r.Phases, c.phase)
			}
		})
	}
	t.Run("before the connect", func(t *testing.T) {
		ctx := newDeadline()
		ctx.pass()
		r := pgProber().PostgreSQL(ctx, probe.PostgreSQL{Host: "127.0.0.1", Username: "u"})
		checkPGFailure(t, r, probe.CodeTimeout, "Nothing answered in time; check host, port and the firewalls between")
	})
	t.Run("and the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		target := pgScript(t, func(conn net.Conn) error {
			err := read(conn)
			cancel()
			_, _ = io.Copy(io.Discard, conn)
			return err
		})
		checkPGFailure(t, pgProber().PostgreSQL(ctx, target), probe.CodeTimeout, "The test was given up before the server had answered")
	})
}
