package endpoint_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/endpoint"
	"strongroom/secret"
)

// canary is in every secret and address that is sent; no error or log may hold it.
const canary = "canary"

var start = time.Date(2031, 1, 2, 15, 4, 5, 0, time.UTC)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// received is a request as the provider got it.
type received struct {
	method, path string
	header       http.Header
	user, pass   string
	body         string
	form         url.Values
}

// provider is a server that answers as the test says, and remembers what it was asked.
type provider struct {
	*httptest.Server
	clock *clock
	log   *safeBuffer

	mu       sync.Mutex
	requests []received
	answers  map[string]http.HandlerFunc
}

// newProvider starts a provider; answers are by path, and 404 elsewhere.
func newProvider(t *testing.T, answers map[string]http.HandlerFunc) *provider {
	t.Helper()
	p := &provider{clock: &clock{now: start}, log: &safeBuffer{}, answers: answers}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got := received{method: r.Method, path: r.URL.Path, header: r.Header, body: string(body)}
	got.user, got.pass, _ = r.BasicAuth()
	got.form, _ = url.ParseQuery(got.body)
	p.mu.Lock()
	p.requests = append(p.requests, got)
	answer := p.answers[r.URL.Path]
	p.mu.Unlock()
	if answer == nil {
		http.NotFound(w, r)
		return
	}
	answer(w, r)
}

func (p *provider) answer(path string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[path] = h
}

// asked returns how often a path was asked for; "" stands for all.
func (p *provider) asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, r := range p.requests {
		if path == "" || r.path == path {
			n++
		}
	}
	return n
}

// only returns the one request there was.
func (p *provider) only(t *testing.T) received {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) != 1 {
		t.Fatalf("the provider was asked %d times", len(p.requests))
	}
	return p.requests[0]
}

// caller returns a Caller with the provider's client, which would follow redirects.
func (p *provider) caller() *endpoint.Caller {
	return endpoint.New(endpoint.Options{HTTP: p.Client(), Clock: p.clock.read, Log: slog.New(slog.NewTextHandler(p.log, nil))})
}

func (p *provider) definition() catalog.OAuth {
	return catalog.OAuth{TokenEndpoint: p.URL + "/token?part=" + canary, ClientAuthentication: catalog.AuthenticateBasic}
}

func rotating(def catalog.OAuth) catalog.OAuth {
	def.Refresh.Rotates = true
	return def
}

func client() oauth.Client {
	return oauth.Client{ID: "client", Secret: secret.New([]byte(canary + "-secret"))}
}

func value(text string) secret.Value { return secret.New([]byte(text)) }

// says answers with a status, a content type and a body.
func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func json(body string) http.HandlerFunc { return says(200, "application/json", body) }

func quiet(t *testing.T, err error, log *safeBuffer) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("the error quotes what was sent or received: %v", err)
	}
	if strings.Contains(log.String(), canary) {
		t.Errorf("the log quotes what was sent or received: %s", log)
	}
}

func wantReason(t *testing.T, err error, want strongroom.StatusReason) {
	t.Helper()
	var e *endpoint.Error
	if !errors.As(err, &e) || e.Reason != want {
		t.Errorf("the error is %v (%T), want one for %s", err, err, want)
	}
}

// safeBuffer is a log that is written and read at once.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// transport is what a Caller sends through, without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	defer func() {
		if r.Body != nil {
			_ = r.Body.Close()
		}
	}()
	return f(r)
}

func over(f transport) *endpoint.Caller {
	return endpoint.New(endpoint.Options{HTTP: &http.Client{Transport: f}, Clock: (&clock{now: start}).read, Log: slog.New(slog.DiscardHandler)})
}
