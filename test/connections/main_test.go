package connections_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
)

func TestMain(m *testing.M) { apptest.Main(m, app.Run) }

// object is JSON as a client sends it.
type object = map[string]any

const (
	credentials = "/api/integrations/credentials"
	unsavedSFTP = "/api/integrations/sftp/test-connection"
	unsavedPG   = "/api/integrations/postgres/test-connection"
)

// clock is the true one, put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// scene is a service that does nothing by itself, and an organization with an admin, a user
// who stores credentials, and a program that reads them.
type scene struct {
	*apptest.Service
	t            *testing.T
	clock        *clock
	organization uuid.UUID
	// admin and user are tokens, key is the program's.
	admin, user, key string

	mu sync.Mutex
	// secrets must be nowhere but in what the door gives out.
	secrets []string
}

// begin begins a scene in which loopback may be called. Its test runs beside others.
func begin(t *testing.T) *scene { return beginWith(t, nil) }

// beginWith is begin with another configuration.
func beginWith(t *testing.T, edit func(*app.Config)) *scene {
	t.Helper()
	t.Parallel()
	s := &scene{Service: apptest.New(t, t.TempDir()), t: t, clock: &clock{}, organization: uuid.New()}
	s.Opened = func(a *app.App) {
		a.Credentials.Clock = s.clock.now
		must(t, a.OpenConnections())
		a.Health.Clock, a.Rotation.Clock = s.clock.now, s.clock.now
	}
	s.Open(func(c *app.Config) {
		c.AllowAddresses = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
		if edit != nil {
			edit(c)
		}
	})
	s.admin = s.UserToken(s.organization, uuid.New(), strongroom.RoleOrgAdmin)
	s.user = s.UserToken(s.organization, uuid.New(), strongroom.RoleAppUser)
	s.key = s.APIKey(s.organization, "worker")
	t.Cleanup(s.wantNothingLeft)
	return s
}

// secret has a value looked for wherever the service writes.
func (s *scene) secret(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		if len(v) < 8 {
			s.t.Errorf("a secret of %d characters is found anywhere", len(v))
		}
		// What of a key is on one line is found in JSON, too.
		s.secrets = append(s.secrets, lines(v)...)
	}
}

// lines returns the lines of a text that are worth looking for: a key's own, not its frame.
func lines(text string) (out []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) >= 8 && !strings.HasPrefix(line, "-----") && line != opensshHead {
			out = append(out, line)
		}
	}
	return out
}

// opensshHead is the first line of every OpenSSH private key of Ed25519 without passphrase.
const opensshHead = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW"

// wantClean fails the test where the text holds a secret.
func (s *scene) wantClean(what string, text []byte) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, value := range s.secrets {
		if bytes.Contains(text, []byte(value)) {
			s.t.Errorf("%s holds secret %d", what, i)
		}
	}
}

// wantNothingLeft looks at all that the service has written.
func (s *scene) wantNothingLeft() {
	s.wantClean("the log", []byte(s.Logs.String()))
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(s.DatabasePath() + suffix)
		must(s.t, err)
		s.wantClean("the database"+suffix, content)
	}
	// The test's own context has ended.
	ctx := context.Background()
	var exported bytes.Buffer
	must(s.t, audit.Export(ctx, s.App.Store, &exported))
	s.wantClean("the audit log", exported.Bytes())
	options, err := app.Verification(ctx, s.App.Config, s.App.Store)
	must(s.t, err)
	report, err := audit.Verify(ctx, s.App.Store, options)
	must(s.t, err)
	if !report.OK() {
		s.t.Errorf("the audit log has %d problems, the first: %s", report.ProblemCount, report.Problems[0].Text)
	}
}

// send sends a request whose answer must not hold a secret.
func (s *scene) send(r apptest.Request) apptest.Answer {
	s.t.Helper()
	a := s.Do(r)
	s.wantClean("the answer", a.Body)
	return a
}

func (s *scene) post(path string, body any) apptest.Answer {
	s.t.Helper()
	return s.send(apptest.Request{Method: http.MethodPost, Path: path, Token: s.user, Body: body})
}

func (s *scene) get(path string) apptest.Answer {
	s.t.Helper()
	return s.send(apptest.Request{Method: http.MethodGet, Path: path, Token: s.admin})
}

// try tests what is not stored.
func (s *scene) try(path string, body object) (r api.ConnectionTest) {
	s.t.Helper()
	s.post(path, body).Want(s.t, http.StatusOK).Into(s.t, &r)
	return r
}

// wantTried fails the test unless the result has this code; "" is a success.
func wantTried(t *testing.T, r api.ConnectionTest, code strongroom.CheckCode) {
	t.Helper()
	got := ""
	if r.Code != nil {
		got = *r.Code
	}
	if r.Success != (code == "") || got != string(code) || r.Message == "" {
		t.Errorf("success %t, code %q: %s\nwant %q", r.Success, got, r.Message, code)
	}
}

// store stores a credential of the user's and returns its id.
func (s *scene) store(provider, kind string, data object) string {
	s.t.Helper()
	var made api.Credential
	s.post(credentials, object{"name": "stored", "provider": provider, "credential_type": kind, "credentials": data}).Want(s.t, http.StatusCreated).Into(s.t, &made)
	return made.ID
}

// replace stores other data under the id.
func (s *scene) replace(id, kind string, data object) {
	s.t.Helper()
	s.send(apptest.Request{Method: http.MethodPatch, Path: credentials + "/" + id, Token: s.user, Body: object{"credential_type": kind, "credentials": data}}).Want(s.t, http.StatusOK)
}

// test tests a stored credential.
func (s *scene) test(id string) (c api.CredentialCheck) {
	s.t.Helper()
	s.post(credentials+"/"+id+"/test", nil).Want(s.t, http.StatusOK).Into(s.t, &c)
	return c
}

// metadata looks at a credential.
func (s *scene) metadata(id string) (c api.Credential) {
	s.t.Helper()
	s.get(credentials+"/"+id).Want(s.t, http.StatusOK).Into(s.t, &c)
	return c
}

// brief is what these tests look at of the metadata.
func brief(c api.Credential) string {
	policy, _ := json.Marshal(c.RotationPolicy)
	last, _ := json.Marshal(c.LastCheck)
	return fmt.Sprintf("version %d, health %q, checked %v, next %v, known host %q, last check %s, policy %s, rotated %v, next %v",
		c.Version, deref(c.Health), c.LastCheckedAt, c.NextCheckAt, deref(c.KnownHost), last, policy, c.LastRotatedAt, c.NextRotationAt)
}

// health is what the metadata say of it; "": nothing.
func (s *scene) health(id string) string {
	s.t.Helper()
	return deref(s.metadata(id).Health)
}

// checks lists a credential's tests, newest first.
func (s *scene) checks(id string) (list []api.CredentialCheck) {
	s.t.Helper()
	s.get(credentials+"/"+id+"/checks").Want(s.t, http.StatusOK).Into(s.t, &list)
	return list
}

// open reads a credential through the door.
func (s *scene) open(id string) (data object) {
	s.t.Helper()
	s.Do(apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + "/credentials", Key: s.key}).Want(s.t, http.StatusOK).Into(s.t, &data)
	return data
}

// text returns a text of the data that the door gives out, which from now on is looked for.
func (s *scene) text(data object, member string) string {
	s.t.Helper()
	value, ok := data[member].(string)
	if !ok {
		s.t.Fatalf("the data has no %s", member)
	}
	s.secret(value)
	return value
}

// untilDone runs what is due, as a server does in the background, until it has come true.
func (s *scene) untilDone(what string, holds func() bool) {
	s.t.Helper()
	s.until(what, holds, s.App.Health.RunDue, s.App.Rotation.RunDue)
}

// until is untilDone for some of what runs in the background.
func (s *scene) until(what string, holds func() bool, jobs ...func(ctx context.Context, workers int)) {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	for _, job := range jobs {
		running.Go(func() { job(ctx, 4) })
	}
	defer running.Wait()
	defer stop()
	eventually(s.t, what, holds)
}

// events returns what is on record of an act with a credential, oldest first; the empty id
// is of none.
func (s *scene) events(action strongroom.Action, id string) (all []api.AuditEvent) {
	s.t.Helper()
	path := "/api/audit/events?limit=1000&action=" + string(action)
	if id != "" {
		path += "&credential_id=" + id
	}
	var page api.AuditEvents
	s.get(path).Want(s.t, http.StatusOK).Into(s.t, &page)
	for i := len(page.Events) - 1; i >= 0; i-- {
		all = append(all, page.Events[i])
	}
	return all
}

// eventually looks again and again whether something has come true that gives no signal:
// the one place where these tests look at the time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for range 3000 {
		if holds() {
			return
		}
		<-ticker.C
	}
	t.Fatalf("it never came true that %s", what)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
