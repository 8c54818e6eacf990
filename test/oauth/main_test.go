package oauth_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

func TestMain(m *testing.M) { apptest.Main(m, app.Run) }

const (
	provider    = "acme"
	credentials = "/api/integrations/credentials"
)

// clock stands still until it is told to go on.
type clock struct{ micros atomic.Int64 }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.micros.Store(at.UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()) }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// scene is a service whose clock stands still and that renews nothing by itself, a provider,
// and an organization with a user who stores credentials and a program that reads them.
type scene struct {
	*apptest.Service
	t            *testing.T
	provider     *oauthtest.Server
	clock        *clock
	config       app.Config
	organization uuid.UUID
	user, key    string
}

// options change a scene. The zero value is good.
type options struct {
	definition oauthtest.DefinitionOptions
	edit       func(c *app.Config, server *oauthtest.Server)
}

// begin begins a scene. Its test runs beside others.
func begin(t *testing.T, o options) *scene {
	t.Helper()
	t.Parallel()
	s := &scene{
		Service: apptest.New(t, t.TempDir()), t: t, provider: oauthtest.Start(t), clock: newClock(time.Now()), organization: uuid.New(),
	}
	s.user = s.UserToken(s.organization, uuid.New(), strongroom.RoleAppUser)
	s.Opened = func(a *app.App) { a.Credentials.Clock = s.clock.now }
	s.start(func(c *app.Config) {
		apptest.OAuth(t, c, s.provider, provider, o.definition)
		c.RefreshWorkers, c.CredentialsPerProvider, c.CredentialsPerUser, c.Concurrent = 0, 0, 0, 20_000
		if o.edit != nil {
			o.edit(c, s.provider)
		}
		s.config = *c
	})
	s.key = s.APIKey(s.organization, "worker")
	return s
}

// start opens the service. What renews is there, and may be changed, once it has answered.
func (s *scene) start(edit func(*app.Config)) {
	s.t.Helper()
	s.Open(edit)
	s.Do(apptest.Request{Method: http.MethodGet, Path: "/readyz"}).Want(s.t, http.StatusOK)
	s.App.Refresh.Clock = s.clock.now
}

// restart stops the service and starts it again.
func (s *scene) restart() {
	s.t.Helper()
	if err := s.Stop(); err != nil {
		s.t.Fatal(err)
	}
	s.start(func(c *app.Config) { *c = s.config })
}

// process starts the same service once more, in a process of its own with a true clock.
func (s *scene) process(arguments ...string) *apptest.Process {
	s.t.Helper()
	return apptest.StartProcess(s.t, s.Dir, s.JWTSecret, s.config.Environment, append([]string{
		"--catalog", s.config.Catalog, "--allow-addresses", "127.0.0.0/8", "--refresh-timeout", s.config.RefreshTimeout.String(), "--concurrent", "20000",
	}, arguments...)...)
}

// keep stores a grant whose access token ends after so long, by the scene's clock; 0:
// nothing is said of its end.
func (s *scene) keep(g oauthtest.Grant, ends time.Duration) uuid.UUID {
	s.t.Helper()
	var made api.Credential
	s.Do(apptest.Request{Method: http.MethodPost, Path: credentials, Token: s.user, Body: map[string]any{
		"name": "connected", "provider": provider, "credential_type": "oauth2", "credentials": s.data(g, ends),
	}}).Want(s.t, http.StatusCreated).Into(s.t, &made)
	return uuid.MustParse(made.ID)
}

func (s *scene) data(g oauthtest.Grant, ends time.Duration) map[string]any {
	data := map[string]any{"access_token": g.AccessToken}
	if g.RefreshToken != "" {
		data["refresh_token"] = g.RefreshToken
	}
	if ends != 0 {
		data["expires_at"] = s.clock.now().Add(ends).UTC().Format(time.RFC3339Nano)
	}
	return data
}

// expired stores a new grant whose access token has ended.
func (s *scene) expired() (oauthtest.Grant, uuid.UUID) {
	s.t.Helper()
	g := s.provider.MakeGrant(oauthtest.GrantRequest{})
	return g, s.keep(g, -time.Minute)
}

// nearlyExpired stores a new grant whose access token works for so long yet, and is to be
// renewed by whoever reads it.
func (s *scene) nearlyExpired(left time.Duration) (oauthtest.Grant, uuid.UUID) {
	s.t.Helper()
	g := s.provider.MakeGrant(oauthtest.GrantRequest{})
	id := s.keep(g, 10*time.Minute)
	s.clock.advance(10*time.Minute - left)
	return g, id
}

func pathOf(id uuid.UUID) string { return credentials + "/" + id.String() }

// read fetches a credential's data as a program does.
func (s *scene) read(id uuid.UUID) apptest.Answer { return readBy(&s.Client, s.key, id) }

func readBy(c *apptest.Client, key string, id uuid.UUID) apptest.Answer {
	c.T.Helper()
	return c.Do(apptest.Request{Method: http.MethodGet, Path: pathOf(id) + "/credentials", Key: key})
}

// reading begins a read, which ends with ctx or an answer; nil: there was none.
func (s *scene) reading(ctx context.Context, url string, id uuid.UUID) <-chan *apptest.Answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+pathOf(id)+"/credentials", nil)
	must(s.t, err)
	request.Header.Set("X-API-Key", s.key)
	answered := make(chan *apptest.Answer, 1)
	go func() { answered <- send(request) }()
	return answered
}

// refresh asks for a renewal now, whatever the clock says.
func (s *scene) refresh(id uuid.UUID) apptest.Answer {
	s.t.Helper()
	return s.Do(apptest.Request{Method: http.MethodPost, Path: pathOf(id) + "/refresh", Token: s.user})
}

// wantState fails the test unless the credential is in this state for this reason.
func (s *scene) wantState(id uuid.UUID, status strongroom.CredentialStatus, reason strongroom.StatusReason) {
	s.t.Helper()
	m := s.Metadata(s.user, id)
	is := strongroom.StatusReason("")
	if m.Reason != nil {
		is = *m.Reason
	}
	if m.Status != status || is != reason {
		s.t.Fatalf("the credential is %s because of %q, want %s because of %q", m.Status, is, status, reason)
	}
	if active := status == strongroom.StatusActive; active != (m.Since == nil) || active != (m.RefreshError == nil) {
		s.t.Errorf("a credential that is %s says since %v and %v", status, m.Since, m.RefreshError)
	}
}

// token is what a program uses of a credential's data.
type token struct {
	Access    string     `json:"access_token"`
	Refresh   string     `json:"refresh_token"`
	ExpiresAt *time.Time `json:"expires_at"`
}

func tokenOf(t *testing.T, a apptest.Answer) (got token) {
	t.Helper()
	a.Want(t, http.StatusOK).Into(t, &got)
	return got
}

// wantWorking reads the credential and fails the test unless its token works and the grant
// lives, after so many exchanges.
func (s *scene) wantWorking(g oauthtest.Grant, id uuid.UUID, exchanges int) token {
	s.t.Helper()
	got := tokenOf(s.t, s.read(id))
	s.wantGrant(g, got, exchanges)
	return got
}

func (s *scene) wantGrant(g oauthtest.Grant, got token, exchanges int) {
	s.t.Helper()
	grant, active := s.provider.Check(got.Access)
	if state := s.provider.Grant(g.ID); grant != g.ID || !active || !state.Alive || state.RefreshTokenCurrent != got.Refresh || state.Exchanges != exchanges {
		s.t.Fatalf("the access token works: %t; the refresh token is the grant's: %t; alive: %t after %d exchanges, want %d",
			active && grant == g.ID, state.RefreshTokenCurrent == got.Refresh, state.Alive, state.Exchanges, exchanges)
	}
}

// wantAttempts fails the test unless the provider was asked about the grant so often.
func (s *scene) wantAttempts(g oauthtest.Grant, want int) {
	s.t.Helper()
	if got := s.provider.Grant(g.ID).Attempts; got != want {
		s.t.Fatalf("the provider was asked %d times, want %d", got, want)
	}
}

// wantLogged fails the test unless the service's log says so.
func (s *scene) wantLogged(text string) {
	s.t.Helper()
	if !strings.Contains(s.Logs.String(), text) {
		s.t.Errorf("the log does not say %q", text)
	}
}

// eventually looks again and again whether something has come true that gives no signal:
// the one place where these tests look at the time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for range 4500 {
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

// renewAhead runs the background's renewals until it has come true.
func (s *scene) renewAhead(what string, holds func() bool) {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	ended := make(chan struct{})
	go func() {
		s.App.Refresh.RunAhead(ctx, 4)
		close(ended)
	}()
	defer func() { stop(); <-ended }()
	eventually(s.t, what, holds)
}

// refreshEvents returns what is on record of a credential's renewals, oldest first.
func (s *scene) refreshEvents(id uuid.UUID) []api.AuditEvent {
	s.t.Helper()
	var page api.AuditEvents
	admin := s.UserToken(s.organization, uuid.New(), strongroom.RoleOrgAdmin)
	s.Do(apptest.Request{Method: http.MethodGet, Path: "/api/audit/events?limit=1000&action=credential.refresh&credential_id=" + id.String(), Token: admin}).
		Want(s.t, http.StatusOK).Into(s.t, &page)
	events := make([]api.AuditEvent, 0, len(page.Events))
	for i := len(page.Events) - 1; i >= 0; i-- {
		events = append(events, page.Events[i])
	}
	return events
}
