package identity_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"strongroom/internal/identity"
	"strongroom/secret"
)

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestNewIssuerRefuses(t *testing.T) {
	key := secret.New(sharedSecret)
	const name = "https://issuer.example"
	for _, c := range []struct {
		name   string
		config identity.IssuerConfig
		says   string
	}{
		{"no issuer", identity.IssuerConfig{Audience: audience, Secret: key}, "must be configured"},
		{"no audience", identity.IssuerConfig{Issuer: name, Secret: key}, "must be configured"},
		{"a secret of 31 bytes", identity.IssuerConfig{Issuer: name, Audience: audience, Secret: secret.New(sharedSecret[:31])}, "at least 32 bytes"},
		{"a secret and a JWKS", identity.IssuerConfig{Issuer: name, Audience: audience, Secret: key, JWKSURL: name}, "not both"},
		{"discovery at what is no URL", identity.IssuerConfig{Issuer: "supabase", Audience: audience}, "plain URL"},
		{"discovery over plain HTTP", identity.IssuerConfig{Issuer: "http://issuer.example", Audience: audience}, "must be https"},
		{"a JWKS over plain HTTP", identity.IssuerConfig{Issuer: name, Audience: audience, JWKSURL: "http://issuer.example/keys"}, "must be https"},
		{"a JWKS on a host named like this one", identity.IssuerConfig{Issuer: name, Audience: audience, JWKSURL: "http://localhost.example/keys"}, "must be https"},
		{"a JWKS in a file", identity.IssuerConfig{Issuer: name, Audience: audience, JWKSURL: "file:///keys"}, "plain URL"},
		{"a JWKS with a password", identity.IssuerConfig{Issuer: name, Audience: audience, JWKSURL: "https://a:hunter2@issuer.example"}, "plain URL"},
		{"a JWKS without a host", identity.IssuerConfig{Issuer: name, Audience: audience, JWKSURL: "https:///keys"}, "plain URL"},
		{"a JWKS of another scheme", identity.IssuerConfig{Issuer: name, Audience: audience, JWKSURL: "ftp://issuer.example"}, "must be https"},
		{"a claim path with an empty name", identity.IssuerConfig{Issuer: name, Audience: audience, Secret: key, Claims: identity.ClaimPaths{Role: "a..b"}}, "empty name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := identity.NewIssuer(c.config, http.DefaultClient, newClock().time, discardLog())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want an error that says %q", err, c.says)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "0123456789") {
				t.Error("the error shows a secret")
			}
		})
	}
	t.Run("no client for a JWKS", func(t *testing.T) {
		if _, err := identity.NewIssuer(identity.IssuerConfig{Issuer: name, Audience: audience}, nil, newClock().time, discardLog()); err == nil {
			t.Error("made an issuer that cannot fetch")
		}
	})
}

func TestNewIssuerTakesURLsThatNobodyElseCanAnswer(t *testing.T) {
	for _, url := range []string{
		"https://issuer.example", "https://issuer.example:8443/realms/a", "http://localhost:8080",
		"http://127.0.0.1:8080/keys", "http://127.8.8.8", "http://[::1]:8080",
	} {
		if _, err := identity.NewIssuer(identity.IssuerConfig{Issuer: url, Audience: audience}, http.DefaultClient, newClock().time, discardLog()); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestDiscoveryAtAnIssuerThatEndsInASlash(t *testing.T) {
	k := newEC("k")
	p := newProvider(t, k)
	p.serveDiscovery(`{"issuer":"` + p.URL + `/","jwks_uri":"` + p.URL + keysPath + `"}`)
	a := p.configured(t, identity.IssuerConfig{Issuer: p.URL + "/", Audience: audience})
	token := sign(t, k.algorithm, k.private, k.id, mustJSON(t, claims(p.URL+"/", nil)))
	mustAuthenticate(t, a, bearer(token))
}
