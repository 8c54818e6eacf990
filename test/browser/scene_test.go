package browser_test

import (
	"context"
	_ "embed"
	"html/template"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

// provider is what the OAuth server is called in the service's catalog.
const provider = "acme"

const callbackPath = "/api/integrations/plugins/" + provider + "/oauth/callback"

//go:embed platform.html
var pagesHTML string

var pages = template.Must(template.New("pages").Parse(pagesHTML))

// scene is a service, an OAuth server, and the platform that both are reached through.
type scene struct {
	*apptest.Service
	t      *testing.T
	server *oauthtest.Server
	// platform is the one origin of the platform's pages and the service's API.
	platform string
	// callbacks are the requests with which browsers came back from the provider.
	callbacks chan callback
}

// callback is a browser's request, back from the provider.
type callback struct {
	address string
	// gone is closed when the browser has its answer, or no longer waits for one.
	gone <-chan struct{}
}

// maxCallbacks is more than any test makes.
const maxCallbacks = 16

func newScene(t *testing.T) *scene {
	t.Helper()
	if unavailable != nil {
		t.Fatal(unavailable)
	}
	s := &scene{t: t, server: oauthtest.Start(t), callbacks: make(chan callback, maxCallbacks)}
	front := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.platform = "http://localhost:" + port
	s.Service = apptest.Start(t, func(c *app.Config) {
		apptest.OAuth(t, c, s.server, provider, oauthtest.DefinitionOptions{})
		c.PublicURL, c.AllowRedirects = s.platform, []string{s.platform + "/connected"}
	})
	s.server.AllowRedirects(s.platform + callbackPath)
	front.Config.Handler = s.handler()
	front.Start()
	t.Cleanup(front.Close)
	return s
}

// handler is the platform: its pages, and the service behind it.
func (s *scene) handler() http.Handler {
	behind, err := url.Parse(s.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.SetXForwarded()
		},
		// A browser that goes away is a test's doing.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", proxy)
	mux.HandleFunc("GET "+callbackPath, func(w http.ResponseWriter, r *http.Request) {
		s.callbacks <- callback{s.platform + r.URL.String(), r.Context().Done()}
		proxy.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /connected", func(w http.ResponseWriter, _ *http.Request) { page(w, "connected", nil) })
	mux.HandleFunc("GET /organizations/{organization}/users/{user}", func(w http.ResponseWriter, r *http.Request) {
		organization, organizationErr := uuid.Parse(r.PathValue("organization"))
		user, userErr := uuid.Parse(r.PathValue("user"))
		if organizationErr != nil || userErr != nil {
			http.NotFound(w, r)
			return
		}
		page(w, "user", map[string]string{"Token": s.UserToken(organization, user, strongroom.RoleAppUser), "Provider": provider})
	})
	return mux
}

func page(w http.ResponseWriter, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	// An error is the browser's going away.
	_ = pages.ExecuteTemplate(w, name, data)
}

// tokens are what a service account reads.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Email   string `json:"email"`
}

// read reads a credential as a service account with its key, and fails the test unless its
// access token works at the provider; it returns the grant as the provider knows it.
func (s *scene) read(key string, id uuid.UUID) (tokens, oauthtest.GrantState) {
	s.t.Helper()
	var read tokens
	s.Do(apptest.Request{Method: http.MethodGet, Path: "/api/integrations/credentials/" + id.String() + "/credentials", Key: key}).
		Want(s.t, http.StatusOK).Into(s.t, &read)
	grant, active := s.server.Check(read.Access)
	if !active {
		s.t.Fatalf("the access token that was read does not work at the provider")
	}
	return read, s.server.Grant(grant)
}

// renew has a token renewed now, past the pause that the API keeps between two renewals.
func (s *scene) renew(organization, id uuid.UUID) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	return s.App.Refresh.Renew(ctx, organization, id, true)
}

// wantCredentials fails the test unless the whole organization has so many.
func (s *scene) wantCredentials(organization uuid.UUID, count int) {
	s.t.Helper()
	var list []api.Credential
	s.Do(apptest.Request{
		Method: http.MethodGet, Path: "/api/integrations/credentials?scope=organization",
		Token: s.UserToken(organization, uuid.New(), strongroom.RoleOrgAdmin),
	}).Want(s.t, http.StatusOK).Into(s.t, &list)
	if len(list) != count {
		s.t.Errorf("the organization has %d credentials, want %d", len(list), count)
	}
}

// wantExchanges fails the test unless the provider has exchanged so many codes, and never
// saw one twice.
func (s *scene) wantExchanges(codes int) {
	s.t.Helper()
	stats := s.server.Stats()
	if n := stats.Exchanges["authorization_code"]; n != codes || stats.ReuseDetected != 0 {
		s.t.Errorf("the provider has exchanged %d codes, want %d; %d were used twice", n, codes, stats.ReuseDetected)
	}
}

// nextCallback waits for a browser that comes back from the provider.
func (s *scene) nextCallback() callback {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	select {
	case c := <-s.callbacks:
		return c
	case <-ctx.Done():
		s.t.Fatal("no browser came back")
	}
	return callback{}
}

// wait waits until the channel is closed; where it is not, the test fails with what that
// means.
func (s *scene) wait(closed <-chan struct{}, otherwise string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	select {
	case <-closed:
	case <-ctx.Done():
		s.t.Fatal(otherwise)
	}
}
