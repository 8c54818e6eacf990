package contract_test

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
	"strongroom/internal/store"
)

const (
	landing   = apptest.AllowedRedirect
	publicURL = "http://127.0.0.1:8080"

	authorizePath       = "/api/integrations/acme/authorize"
	integrationCallback = "/api/integrations/plugins/acme/oauth/callback"
	pluginCallback      = "/api/plugins/acme/acme/oauth/callback"
	clientsPath         = "/api/integrations/oauth-clients"
)

// oauthScene is a scene with a real OAuth server, which is two providers of the catalog:
// acme, by discovery and with a client secret, and beta, written down and with none.
// Nothing is renewed unless it is read or asked for, so that exchanges can be counted.
type oauthScene struct {
	*scene
	provider *oauthtest.Server
	// program is a service account of here, without grants.
	program who
}

// startOAuth starts one; edit changes the configuration further, nil leaves it.
func startOAuth(t *testing.T, edit func(*app.Config)) *oauthScene {
	t.Helper()
	t.Parallel()
	server := oauthtest.Start(t)
	for _, path := range []string{integrationCallback, pluginCallback, "/api/plugins/acme/oauth2/oauth/callback",
		"/api/integrations/plugins/beta/oauth/callback", "/api/plugins/beta/beta/oauth/callback"} {
		server.AllowRedirects(publicURL + path)
	}
	s := &oauthScene{provider: server, scene: newScene(t, apptest.Start(t, oauthConfig(t, server, edit)))}
	s.program = s.account(s.here.id)
	t.Cleanup(func() {
		if strings.Contains(s.Logs.String(), oauthtest.ClientSecret) {
			t.Error("the log holds the OAuth client's secret")
		}
	})
	return s
}

func oauthConfig(t *testing.T, server *oauthtest.Server, edit func(*app.Config)) func(*app.Config) {
	return func(c *app.Config) {
		apptest.OAuth(t, c, server, "acme", oauthtest.DefinitionOptions{})
		apptest.OAuth(t, c, server, "beta", oauthtest.DefinitionOptions{Authentication: "none", WithoutDiscovery: true})
		c.PublicURL, c.RefreshWorkers = publicURL, 0
		if edit != nil {
			edit(c)
		}
	}
}

// on returns the scene for a subtest.
func (s *oauthScene) on(t testing.TB) *oauthScene {
	c := *s
	c.scene = s.scene.on(t)
	return &c
}

// newUser is an app_user of here who has nothing yet.
func (s *oauthScene) newUser() who { return s.user(s.here.id, strongroom.RoleAppUser) }

// begun is a connection that has begun.
type begun struct {
	url, state string
	expires    time.Time
	cookie     *http.Cookie
	// asked is the query of url.
	asked url.Values
}

// begin begins to connect an account at acme; query is added to the request's, and begins
// with an ampersand.
func (s *oauthScene) begin(w who, query string) begun {
	s.t.Helper()
	return s.connection(s.get(w, authorizePath+"?redirect_to="+url.QueryEscape(landing)+query))
}

// connection reads the answer to a request that begins one.
func (s *oauthScene) connection(a apptest.Answer) begun {
	s.t.Helper()
	o := s.object(a, http.StatusOK)
	c := begun{url: text(s.t, o, "authorization_url"), state: text(s.t, o, "state"), expires: clockTime(s.t, o, "expires_at")}
	u, err := url.Parse(c.url)
	if err != nil {
		s.t.Fatal(err)
	}
	c.asked = u.Query()
	cookies := (&http.Response{Header: a.Header}).Cookies()
	if len(cookies) != 1 {
		s.t.Fatalf("%d cookies are set, want 1", len(cookies))
	}
	c.cookie = cookies[0]
	return c
}

// back is the browser coming back to the address, with the cookie of the connection;
// the query that it lands with is returned.
func (s *oauthScene) back(c begun, address *url.URL) url.Values {
	s.t.Helper()
	return s.landed(s.send(returning(address, c.cookie)))
}

// returning is the request of a browser that is sent to the address.
func returning(address *url.URL, cookies ...*http.Cookie) apptest.Request {
	r := apptest.Request{Method: http.MethodGet, Path: address.RequestURI(), Header: http.Header{}}
	for _, c := range cookies {
		r.Header.Add("Cookie", c.Name+"="+c.Value)
	}
	return r
}

// landed returns the query with which the browser is sent to the landing page.
func (s *oauthScene) landed(a apptest.Answer) url.Values {
	s.t.Helper()
	a.Want(s.t, http.StatusSeeOther)
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		s.t.Fatal(err)
	}
	q := u.Query()
	u.RawQuery = ""
	want(s.t, "where the browser lands", u.String(), landing)
	return q
}

// connect connects the account "person" at acme and returns the credential's id.
func (s *oauthScene) connect(w who, query string) string {
	s.t.Helper()
	c := s.begin(w, query)
	return s.credentialOf(s.back(c, s.provider.Allow(c.url, "person")))
}

// credentialOf returns the id that the browser landed with.
func (s *oauthScene) credentialOf(q url.Values) string {
	s.t.Helper()
	if len(q) != 1 || uuid.Validate(q.Get("credential_id")) != nil {
		s.t.Fatalf("the browser lands with %v, want a credential_id alone", q)
	}
	return q.Get("credential_id")
}

// wantFailure fails unless the browser landed with that error and a sentence, and the user
// has as many credentials as before.
func (s *oauthScene) wantFailure(w who, q url.Values, code string, credentials int) {
	s.t.Helper()
	if q.Get("error") != code || q.Get("error_description") == "" || len(q) != 2 {
		s.t.Errorf("the browser lands with %v, want error=%s and error_description", q, code)
	}
	s.wantCredentials(w, credentials)
}

func (s *oauthScene) wantCredentials(w who, n int) {
	s.t.Helper()
	if got := len(s.list(s.get(w, credentialsPath))); got != n {
		s.t.Errorf("the user has %d credentials, want %d", got, n)
	}
}

// tokenRequests is how often the token endpoint was asked.
func (s *oauthScene) tokenRequests() int {
	s.t.Helper()
	return s.provider.Stats().Requests[oauthtest.TokenPath]
}

// grantOf returns what the provider knows of the grant behind opened data.
func (s *oauthScene) grantOf(data object) oauthtest.GrantState {
	s.t.Helper()
	id, active := s.provider.Check(text(s.t, data, "access_token"))
	if !active {
		s.t.Error("the access token does not work at the provider")
	}
	return s.provider.Grant(id)
}

// expired puts a copy of the connection under another state, whose time is over.
func (s *oauthScene) expired(c begun) (state string) {
	s.t.Helper()
	ctx, _ := operator(s.here.id)
	flow, err := s.App.Store.OAuthFlow(ctx, sha256.Sum256([]byte(c.state)))
	if err != nil {
		s.t.Fatal(err)
	}
	state = uuid.NewString()
	flow.ID, flow.StateHash, flow.ExpiresAt = uuid.New(), sha256.Sum256([]byte(state)), time.Now().Add(-time.Minute)
	err = s.App.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return nil, tx.CreateOAuthFlow(flow, 100)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

// set returns the address with another value in its query.
func set(address *url.URL, name, value string) *url.URL {
	changed := *address
	q := changed.Query()
	q.Set(name, value)
	changed.RawQuery = q.Encode()
	return &changed
}
