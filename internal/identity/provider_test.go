package identity_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"strongroom/internal/identity"
)

// signingKey is a key pair with its id.
type signingKey struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   any
	public    any
}

func (k signingKey) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.public, KeyID: k.id, Algorithm: string(k.algorithm), Use: "sig"}
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newRSA(id string) signingKey {
	return signingKey{id, jose.RS256, rsaKey(), rsaKey().Public()}
}

func newEC(id string) signingKey {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	return signingKey{id, jose.ES256, key, key.Public()}
}

func newEd(id string) signingKey {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return signingKey{id, jose.EdDSA, private, public}
}

// provider is an issuer's server: a discovery document and a key set, which can be
// changed, and faults. It counts requests by path.
type provider struct {
	*httptest.Server
	clock *fakeClock
	// events has each line that the issuer logs, once its fetch has ended.
	events chan string

	mu        sync.Mutex
	keys      []byte
	discovery []byte
	before    func(http.ResponseWriter, *http.Request) (done bool)
	requests  map[string]int
}

const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/keys"
)

func newProvider(t testing.TB, keys ...signingKey) *provider {
	t.Helper()
	p := &provider{clock: newClock(), events: make(chan string, 100), requests: map[string]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	p.discovery = mustJSON(t, map[string]any{"issuer": p.URL, "jwks_uri": p.URL + keysPath})
	p.publish(t, keys...)
	return p
}

// ServeHTTP answers as the provider does now.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests[r.URL.Path]++
	before, keys, discovery := p.before, p.keys, p.discovery
	p.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	switch r.URL.Path {
	case discoveryPath:
		_, _ = w.Write(discovery)
	case keysPath:
		_, _ = w.Write(keys)
	default:
		http.NotFound(w, r)
	}
}

// publish makes the keys the provider's only ones.
func (p *provider) publish(t testing.TB, keys ...signingKey) {
	t.Helper()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		set.Keys = append(set.Keys, k.jwk())
	}
	p.serveKeys(mustJSON(t, set))
}

func (p *provider) serveKeys(document []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = document
}

func (p *provider) serveDiscovery(document string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.discovery = []byte(document)
}

// fault has every request answered by f first; nil ends it.
func (p *provider) fault(f func(http.ResponseWriter, *http.Request) (done bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = f
}

func (p *provider) down() {
	p.fault(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
}

func (p *provider) requested(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[path]
}

// authenticator trusts the provider, by discovery.
func (p *provider) authenticator(t testing.TB) *identity.Authenticator {
	t.Helper()
	return p.configured(t, identity.IssuerConfig{Issuer: p.URL, Audience: audience})
}

func (p *provider) configured(t testing.TB, c identity.IssuerConfig) *identity.Authenticator {
	t.Helper()
	i, err := identity.NewIssuer(c, p.Client(), p.clock.time, slog.New(logEvents{p.events}))
	if err != nil {
		t.Fatal(err)
	}
	return identity.New(&memory{}, []*identity.Issuer{i}, p.clock.time)
}

// token is a good one of the provider's.
func (p *provider) token(t testing.TB, k signingKey) string {
	t.Helper()
	return sign(t, k.algorithm, k.private, k.id, mustJSON(t, claims(p.URL, nil)))
}

// logEvents sends each line that is logged, with its attributes.
type logEvents struct{ lines chan<- string }

func (l logEvents) Enabled(context.Context, slog.Level) bool { return true }
func (l logEvents) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l logEvents) WithGroup(string) slog.Handler            { return l }

func (l logEvents) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += fmt.Sprintf(" %s=%v", a.Key, a.Value); return true })
	l.lines <- line
	return nil
}
