package examples_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

const (
	credentialsPath = "/api/integrations/credentials"
	// patience bounds one run of a program.
	patience = time.Minute
)

// programs is the directory of the built examples.
var programs string

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// runTests builds the examples, as somebody who has copied them would, and runs the tests.
func runTests(m *testing.M) (code int, err error) {
	// go test keeps its result until a file changes that the tests have looked at, and does
	// not see what the compiler looks at.
	for _, source := range []string{"download", "validate", "renew", "../client", "../api", "../secret"} {
		if _, err := os.ReadDir(source); err != nil {
			return 0, err
		}
	}
	if programs, err = os.MkdirTemp("", "strongroom-examples-"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(programs)) }()
	if output, err := exec.Command("go", "build", "-o", programs, "./download", "./validate", "./renew").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("the examples do not build: %w\n%s", err, output)
	}
	return m.Run(), nil
}

// scene is a running service with a user who stores credentials, and a program's key.
type scene struct {
	*apptest.Service
	organization uuid.UUID
	user, key    string
	// secrets are what no program may print.
	secrets []string
}

// begin begins a scene. Its test runs beside others.
func begin(t *testing.T, edit func(*app.Config)) *scene {
	t.Helper()
	t.Parallel()
	s := &scene{organization: uuid.New()}
	s.Service = apptest.Start(t, func(c *app.Config) {
		c.AllowAddresses = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		if edit != nil {
			edit(c)
		}
	})
	s.user = s.UserToken(s.organization, uuid.New(), strongroom.RoleAppUser)
	s.key = s.APIKey(s.organization, "worker")
	return s
}

// store stores a credential as the user. The values of the named members are secrets.
func (s *scene) store(t *testing.T, provider, kind string, data map[string]any, secrets ...string) string {
	t.Helper()
	for _, name := range secrets {
		// The line that a program would print first, were it to print a key.
		for line := range strings.Lines(data[name].(string)) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
				s.secrets = append(s.secrets, line)
			}
		}
	}
	var made api.Credential
	s.Do(apptest.Request{Method: http.MethodPost, Path: credentialsPath, Token: s.user, Body: map[string]any{
		"name": "stored", "provider": provider, "credential_type": kind, "credentials": data,
	}}).Want(t, http.StatusCreated).Into(t, &made)
	return made.ID
}

// result is how a program ended.
type result struct {
	code           int
	stdout, stderr string
}

// run runs an example as somebody would, with the scene's service and a key.
func (s *scene) run(t *testing.T, key, program string, args ...string) result {
	t.Helper()
	r := runWith(t, []string{"STRONGROOM_URL=" + s.URL, "STRONGROOM_KEY=" + key}, program, args...)
	for _, secret := range append(s.secrets, key) {
		if strings.Contains(r.stdout+r.stderr, secret) {
			t.Errorf("%s printed a secret", program)
		}
	}
	return r
}

func runWith(t *testing.T, environment []string, program string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, filepath.Join(programs, program), args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	// Nothing of who runs the tests: neither a password file nor a proxy.
	command.Env = append([]string{"HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir()}, environment...)
	if err := command.Run(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			t.Fatal(err)
		}
	}
	return result{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// succeeded fails the test unless the program exited with 0 and complained of nothing.
func (r result) succeeded(t *testing.T) result {
	t.Helper()
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("exited with %d: %s", r.code, r.stderr)
	}
	return r
}

// refused fails the test unless the program exited with 1, having said so and written nothing.
func (r result) refused(t *testing.T, parts ...string) {
	t.Helper()
	if r.code != 1 || r.stdout != "" {
		t.Fatalf("exited with %d having written %d bytes, and said: %s", r.code, len(r.stdout), r.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(r.stderr, part) {
			t.Errorf("%q does not say %q", r.stderr, part)
		}
	}
	if strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("this is more than a sentence: %q", r.stderr)
	}
}

func TestWhoMayNotReadIsTold(t *testing.T) {
	s := begin(t, nil)
	about := map[string]struct {
		provider, kind string
		data           map[string]any
	}{
		"download": {"sftp", "user_password", map[string]any{"host": "127.0.0.1", "port": 1, "username": "u", "password": "unguessed-1"}},
		"validate": {"postgresql", "user_password", map[string]any{"host": "127.0.0.1", "port": 1, "username": "u", "password": "unguessed-2", "database": "d"}},
		"renew":    {"google", "oauth2", map[string]any{"access_token": "unguessed-3"}},
	}
	secretOf := map[string]string{"download": "password", "validate": "password", "renew": "access_token"}
	for program, c := range about {
		id := s.store(t, c.provider, c.kind, c.data, secretOf[program])
		path := map[string][]string{"download": {"/file"}}[program]
		t.Run(program, func(t *testing.T) {
			s.run(t, s.user, program, append([]string{id}, path...)...).
				refused(t, program+": Decrypted credentials are handed to service accounts only; use a service account's API key (403 service_account_required, request ")
			s.run(t, s.key, program, append([]string{uuid.NewString()}, path...)...).
				refused(t, program+": Credential not found (404 not_found, request ")
			s.run(t, "saf_org_mistyped", program, append([]string{id}, path...)...).refused(t, program+": ", "(401 unauthorized, request ")
		})
	}
}

func TestAWrongCallIsToldHow(t *testing.T) {
	t.Parallel()
	for program, path := range map[string][]string{"download": {"/file"}, "validate": nil, "renew": nil} {
		id := append([]string{uuid.NewString()}, path...)
		for name, c := range map[string]struct{ environment, args []string }{
			"without arguments":       {[]string{"STRONGROOM_URL=http://127.0.0.1:1", "STRONGROOM_KEY=k"}, nil},
			"with one too many":       {[]string{"STRONGROOM_URL=http://127.0.0.1:1", "STRONGROOM_KEY=k"}, append(id, "more")},
			"without the key":         {[]string{"STRONGROOM_URL=http://127.0.0.1:1"}, id},
			"without the service":     {[]string{"STRONGROOM_KEY=k"}, id},
			"with half of an address": {[]string{"STRONGROOM_URL=127.0.0.1", "STRONGROOM_KEY=k"}, id},
		} {
			r := runWith(t, c.environment, program, c.args...)
			if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, "usage: ") {
				t.Errorf("%s %s: exited with %d: %s", program, name, r.code, r.stderr)
			}
		}
	}
}
