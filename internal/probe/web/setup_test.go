package web_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/web"
	"strongroom/secret"
)

// canary is in every secret of a test and in every word of a server's; no result holds it.
const canary = "canary-4b1d"

const (
	token = "eyJ." + canary + ".token"

	graphPath = "/graph/v1.0"
	loginPath = "/login"
)

var background = context.Background()

// server is a TLS server that answers by path, and remembers what it was asked.
type server struct {
	*httptest.Server

	mu       sync.Mutex
	requests []*http.Request
}

// newServer starts a server over TLS. What the handler leaves open ends with the test.
func newServer(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(s.record(h))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *server) record(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r)
		s.mu.Unlock()
		h(w, r)
	}
}

// asked returns how many requests there were.
func (s *server) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// only returns the one request there was.
func (s *server) only(t *testing.T) *http.Request {
	t.Helper()
	if n := s.asked(); n != 1 {
		t.Fatalf("the server was asked %d times", n)
	}
	return s.requests[0]
}

// prober believes the server, and finds Microsoft there.
func (s *server) prober() *web.Prober { return proberOf(s, "127.0.0.0/8") }

func proberOf(s *server, allow ...string) *web.Prober {
	var ranges []netip.Prefix
	for _, a := range allow {
		ranges = append(ranges, netip.MustParsePrefix(a))
	}
	roots := x509.NewCertPool()
	if c := s.Certificate(); c != nil {
		roots.AddCert(c)
	}
	return web.New(outbound.New(outbound.Options{Allow: ranges}), time.Now, web.Options{
		RootCAs: roots, Graph: s.URL + graphPath + "/", Authority: s.URL + loginPath + "/",
	})
}

// says answers with a status, a content type and a body.
func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// states answers with JSON.
func states(status int, body string) http.HandlerFunc { return says(status, "application/json", body) }

// object is a credential's data.
type object map[string]any

func (o object) value(t *testing.T) secret.Value {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(b)
}

// with returns the data with members set, or taken out where they are nil.
func (o object) with(changes object) object {
	made := object{}
	for _, from := range []object{o, changes} {
		for name, v := range from {
			made[name] = v
			if v == nil {
				delete(made, name)
			}
		}
	}
	return made
}

// quiet fails where a result holds a canary.
func quiet(t *testing.T, r strongroom.CheckResult) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), canary) {
		t.Errorf("the result repeats what was sent or received: %s", b)
	}
}

// wantFailure checks a result that is none of success; the message must hold the text.
func wantFailure(t *testing.T, r strongroom.CheckResult, code strongroom.CheckCode, text string) {
	t.Helper()
	quiet(t, r)
	if r.Success || r.Code != code || !strings.Contains(r.Message, text) {
		t.Errorf("got %t, %q, %q; want the code %q and a message with %q", r.Success, r.Code, r.Message, code, text)
	}
}

// wantSuccess checks a result and its details.
func wantSuccess(t *testing.T, r strongroom.CheckResult, details object) {
	t.Helper()
	quiet(t, r)
	if !r.Success || r.Code != "" || r.Message == "" {
		t.Fatalf("got %t, %q, %q", r.Success, r.Code, r.Message)
	}
	got, _ := json.Marshal(r.Details)
	want, _ := json.Marshal(details)
	if string(got) != string(want) {
		t.Errorf("the details are %s, want %s", got, want)
	}
}

func wantPhases(t *testing.T, r strongroom.CheckResult, want ...string) {
	t.Helper()
	var got []string
	for _, p := range r.Phases {
		got = append(got, p.Name)
		if p.Took < 0 {
			t.Errorf("the phase %s took %v", p.Name, p.Took)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the phases are %v, want %v", got, want)
	}
}

// hold answers nothing until the client goes away, and says when it was asked.
func hold(before http.HandlerFunc) (http.HandlerFunc, <-chan struct{}) {
	asked := make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request) {
		if before != nil {
			before(w, r)
			_ = http.NewResponseController(w).Flush()
		}
		close(asked)
		<-r.Context().Done()
	}, asked
}

// exchange is one of the tests, made against a server.
type exchange func(ctx context.Context, t *testing.T, s *server) strongroom.CheckResult

// exchanges are all tests, with data that is good.
var exchanges = map[string]exchange{
	"graph": func(ctx context.Context, t *testing.T, s *server) strongroom.CheckResult {
		return s.prober().Graph(ctx, "microsoft", "oauth2", object{"access_token": token}.value(t))
	},
	"client secret": func(ctx context.Context, t *testing.T, s *server) strongroom.CheckResult {
		return s.prober().ClientSecret(ctx, application.value(t))
	},
	"userinfo": func(ctx context.Context, t *testing.T, s *server) strongroom.CheckResult {
		return s.prober().UserInfo(ctx, definition(s), object{"access_token": token}.value(t))
	},
	"api": func(ctx context.Context, t *testing.T, s *server) strongroom.CheckResult {
		return s.prober().API(ctx, "api_key", object{"api_key": token, "test_url": s.URL + "/me"}.value(t))
	},
}
