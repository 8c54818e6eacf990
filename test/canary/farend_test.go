package canary_test

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"strongroom/api"
	"strongroom/internal/app/apptest"
	"strongroom/internal/probe/pgtest"
	"strongroom/internal/probe/sshtest"
)

const (
	testSFTP     = "/api/integrations/sftp/test-connection"
	testPostgres = "/api/integrations/postgres/test-connection"
)

// farEnds are the servers that credentials are for, and a spy who uses them through the
// service.
type farEnds struct {
	*spy
	sftp       *sshtest.Server
	postgres   *pgtest.Server
	role, base string
	password   string
	// http repeats all that it is sent, with the status that the path names.
	http *httptest.Server
}

// TestNoSecretLeavesByATestOrARotation tests connections, on demand and on schedule, and
// changes a password and a key, at servers that repeat what they are sent; then it crashes the
// service and looks at all that was ever written.
func TestNoSecretLeavesByATestOrARotation(t *testing.T) {
	dir, traces := t.TempDir(), startCollector(t)
	m := newMaterial(t, dir)
	arguments := []string{"--log-level", "debug", "--otlp-endpoint", traces.url, "--checkpoint-file", filepath.Join(dir, "checkpoints.jsonl"), "--checkpoint-every", "50ms",
		"--allow-addresses", "127.0.0.0/8,::1/128", "--check-workers", "4", "--rotation-workers", "4", "--credentials-per-provider", "0"}
	environment := []string{"GOTRACEBACK=all", "OTEL_BSP_SCHEDULE_DELAY=20"}
	p := apptest.StartProcess(t, dir, m.jwtSecret, environment, arguments...)
	f := newFarEnds(t, newSpy(p.Client, m))
	f.newKey(t)

	f.unsaved(t)
	f.misplaced(t)
	ids := f.stored(t)
	f.scheduled(t)
	rotated := []string{f.rotatesPassword(t), f.rotatesKey(t)}
	f.panicsAtTheFarEnd(t)
	f.look(t, ids[0], `strongroom_checks_total{`, `strongroom_rotation_steps_total{`, `strongroom_credentials{`)

	p.Signal(syscall.SIGUSR1)
	if code := p.Wait(); code != 2 {
		t.Fatalf("the process ended with code %d and not with a panic", code)
	}
	f.wantWritten(t, "the output of the process", []byte(p.Output.String()), "a connection test panicked", "the work on a rotation panicked", "panic: [redacted]", "[running]")
	f.wantWritten(t, "the traces", []byte(traces.spans.String()), "/api/integrations/sftp/test-connection", "/api/integrations/credentials/{credential_id}/rotate")
	f.wantWritten(t, "the log of PostgreSQL", []byte(f.postgres.Log(t)), "SCRAM-SHA-256$")
	f.wantWritten(t, "the log of sshd", []byte(f.sftp.Stop()), "Accepted publickey")
	f.wantFilesClean(t, dir, "strongroom.db", "strongroom.db-wal", "strongroom.db-shm", "checkpoints.jsonl")
	f.wantExportClean(t, apptest.Config(t, dir), "connection.test", "credential.test", "credential.rotate", rotated[0], rotated[1])

	again := apptest.StartProcess(t, dir, m.jwtSecret, environment, arguments...)
	f.URL = again.URL
	for _, id := range rotated {
		f.open(t, id)
	}
	again.Signal(syscall.SIGTERM)
	if code := again.Wait(); code != 0 {
		t.Errorf("the process ended with code %d", code)
	}
	f.wantWritten(t, "the output of the second process", []byte(again.Output.String()), "listening")
	f.wantFilesClean(t, dir, "strongroom.db", "checkpoints.jsonl")
}

func newFarEnds(t *testing.T, s *spy) *farEnds {
	t.Helper()
	f := &farEnds{spy: s, sftp: sshtest.Start(t, sshtest.Options{HomeKeys: true}), postgres: pgtest.Start(t)}
	s.scanner.add("SFTP password", []byte(f.sftp.Password))
	s.scanner.add("passphrase", []byte(f.sftp.Passphrase))
	s.addKey(t, "SFTP key", f.sftp.Key)
	lines := strings.Split(f.sftp.ProtectedKey, "\n")
	s.scanner.add("protected key's last whole line", []byte(lines[len(lines)-4]))
	f.role, _ = f.postgres.Role(t, "login")
	f.base = f.postgres.Database(t)
	f.password = s.secret("pg")
	f.postgres.Exec(t, "", "alter role "+f.role+" password '"+f.password+"'", "alter role "+f.role+" set log_statement = 'all'",
		"grant connect on database "+f.base+" to "+f.role)
	f.http = httptest.NewServer(http.HandlerFunc(repeat))
	t.Cleanup(f.http.Close)
	return f
}

// addKey has a private key of Ed25519 looked for: its seed, and its file's last whole line.
func (m *material) addKey(t *testing.T, name, text string) {
	t.Helper()
	parsed, err := ssh.ParseRawPrivateKey([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m.scanner.add(name, parsed.(*ed25519.PrivateKey).Seed())
	lines := strings.Split(strings.TrimSpace(text), "\n")
	m.scanner.add(name+"'s last whole line", []byte(lines[len(lines)-3]))
}

// repeat answers with all that it was sent, in every place of an answer that can hold it.
func repeat(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("X-API-Key") + r.Header.Get("Authorization")
	w.Header().Set("WWW-Authenticate", "Bearer realm="+key)
	w.Header().Set("X-Said", key)
	w.Header().Set("Location", "/said?key="+key)
	status := http.StatusOK
	_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": key, "error_description": r.Header, "message": key})
}

func (f *farEnds) sftpData(more map[string]any) map[string]any {
	data := map[string]any{"host": f.sftp.Host, "port": f.sftp.Port, "username": f.sftp.User, "auth_type": "password", "password": f.sftp.Password, "test_path": f.sftp.Folder}
	maps.Copy(data, more)
	return data
}

func (f *farEnds) keyData(more map[string]any) map[string]any {
	data := f.sftpData(map[string]any{"auth_type": "private_key", "private_key_data": f.sftp.Key})
	delete(data, "password")
	maps.Copy(data, more)
	return data
}

func (f *farEnds) postgresData(more map[string]any) map[string]any {
	data := map[string]any{"host": f.postgres.Host, "port": f.postgres.Port, "username": f.role, "password": f.password, "database": f.base}
	maps.Copy(data, more)
	return data
}

func post(path, token string, body any) apptest.Request {
	return apptest.Request{Method: http.MethodPost, Path: path, Token: token, Body: body}
}

// unsaved tests what is not stored, well and badly.
func (f *farEnds) unsaved(t *testing.T) {
	port := fmt.Sprint(repeatPostgres(t))
	for name, c := range map[string]struct {
		path string
		body map[string]any
		code string
	}{
		"SFTP: a password":          {testSFTP, f.sftpData(nil), ""},
		"SFTP: a key":               {testSFTP, f.keyData(nil), ""},
		"SFTP: a protected key":     {testSFTP, f.keyData(map[string]any{"private_key_data": f.sftp.ProtectedKey, "private_key_passphrase": f.sftp.Passphrase}), ""},
		"SFTP: another password":    {testSFTP, f.sftpData(map[string]any{"password": f.secret("wrong")}), "auth"},
		"SFTP: a stranger's key":    {testSFTP, f.keyData(map[string]any{"private_key_data": f.privateKey(t, "")}), "auth"},
		"SFTP: no such folder":      {testSFTP, f.sftpData(map[string]any{"test_path": "/nowhere"}), "permission"},
		"PostgreSQL: the fields":    {testPostgres, f.postgresData(nil), ""},
		"PostgreSQL: a string":      {testPostgres, map[string]any{"connection_string": fmt.Sprintf("postgresql://%s:%s@%s:%s/%s", f.role, f.password, f.postgres.Host, f.postgres.Port, f.base)}, ""},
		"PostgreSQL: another one":   {testPostgres, f.postgresData(map[string]any{"password": f.secret("wrong")}), "auth"},
		"PostgreSQL: one who talks": {testPostgres, f.postgresData(map[string]any{"port": port, "sslmode": "disable"}), "auth"},
	} {
		t.Run("a test of "+name, func(t *testing.T) {
			var r api.ConnectionTest
			f.ask(t, post(c.path, f.admin, c.body), http.StatusOK).Into(t, &r)
			wantCode(t, r, c.code)
		})
	}
}

func wantCode(t *testing.T, r api.ConnectionTest, code string) {
	t.Helper()
	got := ""
	if r.Code != nil {
		got = *r.Code
	}
	if got != code {
		t.Errorf("the code is %q, want %q: %s", got, code, r.Message)
	}
}

// repeatPostgres returns the port of a server that asks for the password as it is, and then
// complains with the password in every field (PostgreSQL's protocol, message formats).
func repeatPostgres(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go complain(conn)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func complain(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	message := func() []byte {
		var length uint32
		if binary.Read(in, binary.BigEndian, &length) != nil || length < 4 || length > 1<<16 {
			return nil
		}
		body := make([]byte, length-4)
		_, _ = io.ReadFull(in, body)
		return body
	}
	message() // the beginning, which alone has no letter before it
	_, _ = conn.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3})
	if _, err := in.Discard(1); err != nil {
		return
	}
	password := string(bytes.TrimRight(message(), "\x00"))
	fields := "SFATAL\x00VFATAL\x00C28P01\x00M" + password + "\x00D" + password + "\x00H" + password + "\x00W" + password + "\x00R" + password + "\x00\x00"
	_, _ = conn.Write(append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(len(fields)+4)), fields...))
}

// misplaced sends secrets in places of a test where none belong.
func (f *farEnds) misplaced(t *testing.T) {
	x := f.secret("x")
	for name, c := range map[string]abuse{
		"as the port":                {request: post(testSFTP, f.admin, f.sftpData(map[string]any{"port": x})), status: 422},
		"as the host":                {request: post(testSFTP, f.admin, f.sftpData(map[string]any{"host": x + " /"})), status: 422},
		"as the host key":            {request: post(testSFTP, f.admin, f.sftpData(map[string]any{"host_key": x})), status: 422},
		"as how to sign in":          {request: post(testSFTP, f.admin, f.sftpData(map[string]any{"auth_type": x})), status: 422},
		"as a member's name":         {request: post(testSFTP, f.admin, f.sftpData(map[string]any{f.marker: "x"})), status: 422},
		"as a key that is none":      {request: post(testSFTP, f.admin, f.keyData(map[string]any{"private_key_data": x})), status: 422},
		"as the mode":                {request: post(testPostgres, f.admin, f.postgresData(map[string]any{"sslmode": x})), status: 422},
		"as certificates":            {request: post(testPostgres, f.admin, f.postgresData(map[string]any{"sslrootcert": x})), status: 422},
		"in a string that is broken": {request: post(testPostgres, f.admin, map[string]any{"connection_string": "postgresql://app:" + x + "@bad host:port/app"}), status: 422},
		"in bare JSON":               {request: post(testPostgres, f.admin, `{"password":`+f.marker+`}`), status: 400},
		"as a rotation's id":         {request: post(credentials+"/0198c0de-0000-7000-8000-0000000000e1/rotations/"+f.marker+"/resume", f.admin, nil), status: 400},
		"as a state":                 {request: apptest.Request{Method: http.MethodGet, Path: "/api/integrations/rotations?state=" + f.marker, Token: f.admin}, status: 422},
		"as a policy": {request: apptest.Request{Method: http.MethodPut, Path: credentials + "/0198c0de-0000-7000-8000-0000000000e1/rotation-policy",
			Token: f.admin, Body: map[string]any{"max_age_hours": x}}, status: 422},
	} {
		t.Run("a secret "+name, func(t *testing.T) { f.ask(t, c.request, c.status) })
	}
}

// stored stores credentials of every kind and tests each, and returns their ids.
func (f *farEnds) stored(t *testing.T) (ids []string) {
	for name, c := range map[string]struct {
		of   stored
		code string
	}{
		"a password":        {stored{"sftp", "sftp", f.sftpData(nil)}, ""},
		"PostgreSQL":        {stored{"postgresql", "user_password", f.postgresData(nil)}, ""},
		"an API":            {stored{"api_credential", "api_key", f.apiData("/200", "fine")}, ""},
		"an API that fails": {stored{"api_credential", "api_key", f.apiData("/500", "fails")}, "protocol"},
		"one that refuses":  {stored{"api_credential", "api_key", f.apiData("/401", "refused")}, "auth"},
		"one that redirects": {stored{"api_credential", "user_password", map[string]any{"username": "u", "password": f.secret("basic"),
			"test_url": f.http.URL + "/302"}}, "protocol"},
	} {
		t.Run("a stored test of "+name, func(t *testing.T) {
			id := f.store(t, name, c.of)
			ids = append(ids, id)
			var r api.CredentialCheck
			f.ask(t, post(credentials+"/"+id+"/test", f.admin, nil), http.StatusOK).Into(t, &r)
			wantCode(t, r.ConnectionTest, c.code)
			for _, path := range []string{"", "/checks"} {
				f.ask(t, apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + path, Token: f.admin}, http.StatusOK)
			}
			f.open(t, id)
		})
	}
	return ids
}

func (f *farEnds) apiData(path, label string) map[string]any {
	return map[string]any{"api_key": f.secret(label), "test_url": f.http.URL + path}
}

// scheduled waits until what was stored is tested by itself: by the service's clock for that
// it is due.
func (f *farEnds) scheduled(t *testing.T) {
	waiting := []string{
		f.store(t, "on schedule", stored{"sftp", "sftp", f.keyData(nil)}),
		f.store(t, "on schedule", stored{"api_credential", "api_key", f.apiData("/500", "scheduled")}),
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for range 600 {
		id := waiting[0]
		a := f.ask(t, apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + "/checks", Token: f.admin}, http.StatusOK)
		if bytes.Contains(a.Body, []byte(`"trigger":"schedule"`)) {
			if waiting = waiting[1:]; len(waiting) == 0 {
				return
			}
			continue
		}
		<-ticker.C
	}
	t.Fatal("what is due is not tested by itself")
}

// rotate rotates a credential, whose new secret learn has looked for; then nothing that was
// answered may hold it.
func (f *farEnds) rotate(t *testing.T, id, state string, learn func(data map[string]string)) {
	t.Helper()
	var answers []apptest.Answer
	see := func(r apptest.Request) apptest.Answer {
		answers = append(answers, f.ask(t, r, http.StatusOK))
		return answers[len(answers)-1]
	}
	var r api.Rotation
	see(post(credentials+"/"+id+"/rotate", f.admin, nil)).Into(t, &r)
	if r.State != state {
		t.Fatalf("the rotation is %s, want %s: %+v", r.State, state, r)
	}
	for _, path := range []string{"", "/rotations", "/checks"} {
		see(apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + path, Token: f.admin})
	}
	see(post(credentials+"/"+id+"/test", f.admin, nil))
	var data map[string]any
	f.Do(apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + "/credentials", Key: f.key}).Want(t, http.StatusOK).Into(t, &data)
	texts := map[string]string{}
	for name, value := range data {
		texts[name], _ = value.(string)
	}
	learn(texts)
	for _, a := range answers {
		f.see(t, a)
	}
	f.open(t, id)
}

func (f *farEnds) rotatesPassword(t *testing.T) (id string) {
	t.Run("a password is changed", func(t *testing.T) {
		id = f.store(t, "rotated", stored{"postgresql", "user_password", f.postgresData(nil)})
		f.rotate(t, id, "done", func(data map[string]string) {
			if data["password"] == f.password || len(data["password"]) < pieceLength {
				t.Fatal("the password is the old one, or too short to be looked for")
			}
			f.scanner.addPieces("new password", data["password"])
		})
	})
	return id
}

func (f *farEnds) rotatesKey(t *testing.T) (id string) {
	t.Run("a key is changed", func(t *testing.T) {
		id = f.store(t, "rotated", stored{"sftp", "sftp", f.keyData(nil)})
		f.rotate(t, id, "promoted", func(data map[string]string) {
			if data["private_key_data"] == f.sftp.Key {
				t.Fatal("the key is the old one")
			}
			f.addKey(t, "new key", data["private_key_data"])
		})
	})
	return id
}

// panicsAtTheFarEnd has what speaks to servers panic with secrets in hand.
func (f *farEnds) panicsAtTheFarEnd(t *testing.T) {
	t.Run("a panic while a connection is tested", func(t *testing.T) {
		id := f.store(t, "x", stored{"api_credential", "api_key", f.apiData("/200", explodeInTest)})
		var r api.CredentialCheck
		f.ask(t, post(credentials+"/"+id+"/test", f.admin, nil), http.StatusOK).Into(t, &r)
		wantCode(t, r.ConnectionTest, "protocol")
	})
	t.Run("a panic while a password is changed", func(t *testing.T) {
		id := f.store(t, "x", stored{"postgresql", "user_password", f.postgresData(map[string]any{"password": f.secret(explodeInRotation)})})
		f.ask(t, post(credentials+"/"+id+"/rotate", f.admin, nil), http.StatusOK)
		// The next process would wait for its lease to end.
		f.ask(t, apptest.Request{Method: http.MethodDelete, Path: credentials + "/" + id, Token: f.admin}, http.StatusNoContent)
	})
}
