package canary_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
)

// TestNoSecretLeavesButThroughTheDoor uses a service for everything it is for, abuses
// it, breaks it and crashes it, and then looks at all that it ever wrote.
func TestNoSecretLeavesButThroughTheDoor(t *testing.T) {
	dir, traces := t.TempDir(), startCollector(t)
	m := newMaterial(t, dir)
	m.addData(t)
	checkpoints := filepath.Join(dir, "checkpoints.jsonl")
	arguments := []string{"--log-level", "debug", "--otlp-endpoint", traces.url, "--checkpoint-file", checkpoints, "--checkpoint-every", "50ms"}
	environment := []string{"GOTRACEBACK=all", "OTEL_BSP_SCHEDULE_DELAY=20", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip"}
	p := apptest.StartProcess(t, dir, m.jwtSecret, environment, arguments...)
	s := newSpy(p.Client, m)

	s.use(t)
	for what, calls := range map[string][]abuse{"bodies": s.bodies(), "refusals": s.refusals(), "accounts": s.accountAbuses(), "addresses": s.addresses(), "headers": s.headers()} {
		for _, c := range calls {
			t.Run(what+": "+c.name, func(t *testing.T) { s.ask(t, c.request, c.status) })
		}
	}
	for name, text := range s.requests() {
		t.Run("no HTTP: "+name, func(t *testing.T) { s.wantClean(t, "the answer", s.raw(t, text)) })
	}
	s.panics(t)
	s.look(t, s.ids["tokens"], "strongroom_http_requests_total{")

	if _, ok := traces.spans.Line(t.Context(), s.last); !ok {
		t.Error("the last request has no trace")
	}
	select {
	case <-traces.packed:
	default:
		t.Error("no traces came compressed, so unpacking them is not tested")
	}
	s.wantWritten(t, "the traces", []byte(traces.spans.String()), "strongroom.request_id", "/api/integrations/credentials/{credential_id}/credentials")

	p.Signal(syscall.SIGUSR1)
	if code := p.Wait(); code != 2 {
		t.Fatalf("the process ended with code %d and not with a panic", code)
	}
	s.wantWritten(t, "the output of the process", []byte(p.Output.String()), s.last, "a request panicked", "panicked with", "panic: [redacted]", "canary_test.hold(", "[running]")
	s.wantFilesClean(t, dir, "strongroom.db", "strongroom.db-wal", "strongroom.db-shm", "checkpoints.jsonl")
	s.wantExportClean(t, apptest.Config(t, dir), "credential.read", "credential.create", "api_key.create", s.ids["password"])

	// What a start makes of a crash, and a clean end of that.
	again := apptest.StartProcess(t, dir, m.jwtSecret, environment, arguments...)
	s.URL = again.URL
	for _, id := range s.ids {
		s.open(t, id)
	}
	again.Signal(syscall.SIGTERM)
	if code := again.Wait(); code != 0 {
		t.Errorf("the process ended with code %d", code)
	}
	s.wantWritten(t, "the output of the second process", []byte(again.Output.String()), "listening")
	s.wantFilesClean(t, dir, "strongroom.db", "checkpoints.jsonl")
	s.wantExportClean(t, apptest.Config(t, dir), "credential.read", "credential.create", "api_key.create", s.ids["password"])
}

// use does what the service is for.
func (s *spy) use(t *testing.T) {
	t.Helper()
	s.newKey(t)
	for name, of := range s.data {
		s.ids[name] = s.store(t, name, of)
		s.open(t, s.ids[name])
		if name == protectedKey {
			continue // to check it once more would take seconds (bcrypt)
		}
		update := map[string]any{"name": name + ", renewed", "credential_type": of.kind, "credentials": of.data}
		s.ask(t, apptest.Request{Method: http.MethodPatch, Path: credentials + "/" + s.ids[name], Token: s.admin, Body: update}, http.StatusOK)
		s.open(t, s.ids[name])
		s.ask(t, apptest.Request{Method: http.MethodGet, Path: credentials + "/" + s.ids[name] + "/credentials", Key: s.key, Header: http.Header{"If-None-Match": {"*"}}}, http.StatusNotModified)
	}
	gone := s.store(t, "to be deleted", s.data["password"])
	s.open(t, gone)
	s.ask(t, apptest.Request{Method: http.MethodDelete, Path: credentials + "/" + gone, Token: s.admin}, http.StatusNoContent)
	s.ask(t, apptest.Request{Method: http.MethodGet, Path: credentials + "/" + gone + "/credentials", Key: s.key}, http.StatusNotFound)
}

// panics has parts of the service panic with a secret in hand.
func (s *spy) panics(t *testing.T) {
	t.Helper()
	explosive := func(trigger string) stored {
		return stored{"api_credential", "api_key", map[string]any{"api_key": s.secret(trigger)}}
	}
	door := func(id string) apptest.Request {
		return apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + "/credentials", Key: s.key}
	}
	t.Run("a panic while a secret is sealed", func(t *testing.T) {
		s.ask(t, s.create(t, "x", explosive(explodeInSeal)), http.StatusInternalServerError)
	})
	t.Run("a panic while a secret is stored", func(t *testing.T) {
		s.ask(t, s.create(t, "x", explosive(explodeInChange)), http.StatusInternalServerError)
	})
	t.Run("a panic after a secret was opened", func(t *testing.T) {
		s.ask(t, door(s.store(t, "x", explosive(explodeInOpen))), http.StatusInternalServerError)
	})
	t.Run("a panic while a read is recorded", func(t *testing.T) {
		id := s.store(t, "x", explosive(explodeInRecord))
		// The first read notes the use as well, which goes another way.
		s.open(t, id)
		s.ask(t, door(id), http.StatusInternalServerError)
	})
}

// look asks for everything else that the service shows, a credential among it; metrics
// have the words.
func (s *spy) look(t *testing.T, id string, words ...string) {
	t.Helper()
	for path, status := range map[string]int{
		"/metrics": 200, "/healthz": 200, "/readyz": 200, "/openapi.json": 200, "/docs": 200,
		"/api/integrations/catalog": 200, "/api/profile/me": 200, "/api/audit/events?limit=1000": 200,
		"/api/service-accounts": 200, "/api/service-accounts/" + s.account: 200, s.keys(): 200,
		credentials: 200, credentials + "?scope=organization": 200, credentials + "/provider/sftp": 200, credentials + "/" + id: 200, "/api/integrations/oauth-clients": 200,
	} {
		t.Run("look at "+path, func(t *testing.T) {
			a := s.ask(t, apptest.Request{Method: http.MethodGet, Path: path, Token: s.admin}, status)
			if path == "/metrics" {
				s.wantWritten(t, path, a.Body, words...)
			}
		})
	}
}

// wantWritten fails the test where the text holds a secret, or lacks what shows that the
// right thing is looked at.
func (s *spy) wantWritten(t *testing.T, what string, text []byte, words ...string) {
	t.Helper()
	for _, w := range words {
		if !bytes.Contains(text, []byte(w)) {
			t.Errorf("%s lacks %q", what, w)
		}
	}
	s.wantClean(t, what, text)
}

// wantFilesClean looks into every file of the data directory, but for the two that hold
// the secrets of the installation; the named ones must be among them, with content.
func (s *spy) wantFilesClean(t *testing.T, dir string, names ...string) {
	t.Helper()
	seen := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == app.RootKeyPath(dir) || path == app.JWTSecretPath(dir) {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		seen[entry.Name()] = len(content)
		s.wantClean(t, "the file "+entry.Name(), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if seen[name] == 0 {
			t.Errorf("the file %s is not there or empty, so nothing is tested", name)
		}
	}
}

func (s *spy) wantExportClean(t *testing.T, c app.Config, words ...string) {
	t.Helper()
	opened, err := app.OpenStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	var exported bytes.Buffer
	if err := audit.Export(t.Context(), opened, &exported); err != nil {
		t.Fatal(err)
	}
	s.wantWritten(t, "the audit export", exported.Bytes(), words...)
}

func TestARefusedStartShowsNoSecret(t *testing.T) {
	for name, arrange := range map[string]func(t *testing.T, dir string, m *material) []string{
		"the root key in place of its location": func(t *testing.T, dir string, _ *material) []string {
			text, err := os.ReadFile(app.RootKeyPath(dir))
			if err != nil {
				t.Fatal(err)
			}
			return []string{"--root-key", strings.TrimSpace(string(text))}
		},
		"a root key that was cut off": func(t *testing.T, dir string, _ *material) []string {
			text, err := os.ReadFile(app.RootKeyPath(dir))
			if err != nil {
				t.Fatal(err)
			}
			write(t, app.RootKeyPath(dir), text[:len(text)-2], 0o600)
			return nil
		},
		"a JWT secret that is too short": func(t *testing.T, dir string, m *material) []string {
			write(t, app.JWTSecretPath(dir), []byte(m.marker), 0o600)
			return nil
		},
		"a JWT secret that others may read": func(t *testing.T, dir string, _ *material) []string {
			if err := os.Chmod(app.JWTSecretPath(dir), 0o644); err != nil {
				t.Fatal(err)
			}
			return nil
		},
		"a JWT secret in place of its file": func(_ *testing.T, _ string, m *material) []string {
			return []string{"--issuer", "issuer=https://issuer.example.com,audience=a," + m.marker + "=x"}
		},
		"a password in the database's URL": func(_ *testing.T, _ string, m *material) []string {
			return []string{"--database-url", "postgres://app:" + m.marker + "@db.example.com/app"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			m := newMaterial(t, dir)
			p := apptest.Spawn(t, dir, nil, []string{"GOTRACEBACK=all"}, append([]string{"--log-level", "debug"}, arrange(t, dir, m)...)...)
			if code := p.Wait(); code != 1 {
				t.Errorf("the process ended with code %d", code)
			}
			output := []byte(p.Output.String())
			if len(bytes.TrimSpace(output)) == 0 {
				t.Error("the refusal says nothing")
			}
			if found := m.scanner.find(output); len(found) > 0 {
				t.Errorf("the refusal holds %v", found)
			}
			t.Logf("%s", output)
		})
	}
}

func write(t *testing.T, path string, content []byte, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
}
