package endpoint_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	encoding "encoding/json"
	"errors"
	"maps"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth/endpoint"
)

// unsigned is a token of algorithm "none".
var unsigned = part(`{"alg":"none"}`) + "." + part(`{"iss":"x","sub":"s","aud":"client","exp":9999999999,"iat":1}`) + "."

func part(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// signingKey signs ID tokens.
type signingKey struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   any
	public    any
}

var rsaKey = must(rsa.GenerateKey(rand.Reader, 2048))

func rs(id string) signingKey { return signingKey{id, jose.RS256, rsaKey, rsaKey.Public()} }

func ps(id string) signingKey { return signingKey{id, jose.PS256, rsaKey, rsaKey.Public()} }

func es(id string) signingKey {
	k := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	return signingKey{id, jose.ES256, k, k.Public()}
}

func ed(id string) signingKey {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	return signingKey{id, jose.EdDSA, private, must(public, err)}
}

func (k signingKey) sign(claims map[string]any) string {
	options := (&jose.SignerOptions{}).WithHeader("kid", k.id)
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: k.algorithm, Key: k.private}, options))
	return must(must(signer.Sign(must(encoding.Marshal(claims)))).CompactSerialize())
}

func keySet(keys ...signingKey) http.HandlerFunc {
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.public, KeyID: k.id, Use: "sig"})
	}
	return json(string(must(encoding.Marshal(set))))
}

// identityProvider publishes keys, and its definition.
func identityProvider(t *testing.T, keys ...signingKey) (*provider, catalog.OAuth) {
	p := newProvider(t, map[string]http.HandlerFunc{"/keys": keySet(keys...)})
	return p, catalog.OAuth{JWKSURI: p.URL + "/keys", Issuer: p.URL}
}

// claims are good ones, with changes; nil takes a claim out.
func claims(issuer string, changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": issuer, "sub": "subject-" + canary, "aud": "client", "nonce": "nonce-" + canary, "email": "person@example.com",
		"exp": start.Add(time.Hour).Unix(), "iat": start.Unix(),
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

const tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"

func TestIDTokensThatAreRefused(t *testing.T) {
	rsa, ec := rs("rs"), es("ec")
	p, def := identityProvider(t, rsa, ec)
	c := p.caller()
	der := must(x509.MarshalPKIXPublicKey(rsa.public))
	good := strings.Split(ec.sign(claims(p.URL, nil)), ".")
	changed := func(changes map[string]any) string { return ec.sign(claims(p.URL, changes)) }
	later := func(d time.Duration) int64 { return start.Add(d).Unix() }
	for name, token := range map[string]string{
		"of no algorithm":                                unsigned,
		"of no algorithm with good claims":               part(`{"alg":"none","kid":"ec"}`) + "." + good[1] + ".",
		"HS256 with the public key as secret":            signingKey{"rs", jose.HS256, der, nil}.sign(claims(p.URL, nil)),
		"HS256 with the client's secret":                 signingKey{"", jose.HS256, []byte(strings.Repeat(canary, 9)), nil}.sign(claims(p.URL, nil)),
		"RS512":                                          signingKey{"rs", jose.RS512, rsaKey, nil}.sign(claims(p.URL, nil)),
		"signed with another's key under a known id":     es("ec").sign(claims(p.URL, nil)),
		"signed with another's key under its own id":     es("other").sign(claims(p.URL, nil)),
		"signed with another's key under no id":          es("").sign(claims(p.URL, nil)),
		"with claims of another token":                   good[0] + "." + part(`{"iss":"`+p.URL+`"}`) + "." + good[2],
		"without a signature":                            good[0] + "." + good[1] + ".",
		"that is no token":                               canary,
		"that is empty":                                  "",
		"that is huge":                                   changed(map[string]any{"x": strings.Repeat("a", 65<<10)}),
		"of another issuer":                              changed(map[string]any{"iss": "https://" + canary + ".example"}),
		"of no issuer":                                   changed(map[string]any{"iss": nil}),
		"of the issuer with a slash":                     changed(map[string]any{"iss": p.URL + "/"}),
		"for another client":                             changed(map[string]any{"aud": "client2"}),
		"for nobody":                                     changed(map[string]any{"aud": nil}),
		"for an audience that is a number":               changed(map[string]any{"aud": 7}),
		"for other clients":                              changed(map[string]any{"aud": []string{"a", "b"}}),
		"for several clients without the one that asked": changed(map[string]any{"aud": []string{"client", "b"}}),
		"that another client asked for":                  changed(map[string]any{"azp": "b"}),
		"that one of several clients asked for":          changed(map[string]any{"aud": []string{"client", "b"}, "azp": "b"}),
		"of nobody":                                      changed(map[string]any{"sub": nil}),
		"that has expired":                               changed(map[string]any{"iat": later(-time.Hour), "exp": later(-61 * time.Second)}),
		"that never expires":                             changed(map[string]any{"exp": nil}),
		"that expires in words":                          changed(map[string]any{"exp": "tomorrow"}),
		"that was issued in the future":                  changed(map[string]any{"iat": later(2 * time.Minute)}),
		"that was never issued":                          changed(map[string]any{"iat": nil}),
		"that was issued after it expires":               changed(map[string]any{"iat": later(30 * time.Second), "exp": later(0)}),
		"that does not hold yet":                         changed(map[string]any{"nbf": later(2 * time.Minute)}),
		"of another request":                             changed(map[string]any{"nonce": "nonce-other"}),
		"of a request with a longer nonce":               changed(map[string]any{"nonce": "nonce-" + canary + "x"}),
		"of no request":                                  changed(map[string]any{"nonce": nil}),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.VerifyIDToken(t.Context(), def, "client", value(token), "nonce-"+canary)
			if !errors.Is(err, endpoint.ErrIDToken) || got != (endpoint.Claims{}) {
				t.Errorf("got %+v, error %v", got, err)
			}
			quiet(t, err, p.log)
		})
	}
}

func TestIDTokensThatVerify(t *testing.T) {
	keys := []signingKey{rs("rs"), ps("ps"), es("ec"), ed("ed")}
	p, def := identityProvider(t, keys...)
	c := p.caller()
	verify := func(t *testing.T, token string, def catalog.OAuth) endpoint.Claims {
		t.Helper()
		got, err := c.VerifyIDToken(t.Context(), def, "client", value(token), "nonce-"+canary)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, k := range append(keys, signingKey{"", jose.RS256, rsaKey, nil}) {
		got := verify(t, k.sign(claims(p.URL, nil)), def)
		if got.Email != "person@example.com" || got.Subject != "subject-"+canary || got.EmailVerified != nil {
			t.Errorf("%s: got %+v", k.algorithm, got)
		}
	}
	for name, changes := range map[string]map[string]any{
		"for this client in a list":               {"aud": []string{"client"}},
		"for several, and this one asked":         {"aud": []string{"b", "client"}, "azp": "client"},
		"that this client asked for":              {"azp": "client"},
		"that expired within the clocks' skew":    {"iat": start.Add(-time.Hour).Unix(), "exp": start.Add(-time.Minute).Unix()},
		"issued within the clocks' skew":          {"iat": start.Add(time.Minute).Unix()},
		"that holds from within the clocks' skew": {"nbf": start.Add(time.Minute).Unix()},
		"with fractions":                          {"iat": float64(start.Unix()) + 0.5},
	} {
		t.Run(name, func(t *testing.T) { verify(t, keys[2].sign(claims(p.URL, changes)), def) })
	}
	if asked := p.asked("/keys"); asked != 1 {
		t.Errorf("the keys were fetched %d times", asked)
	}
}

func TestWhatAnIDTokenSaysOfTheAccount(t *testing.T) {
	k := es("ec")
	p, def := identityProvider(t, k)
	yes, no := true, false
	for _, tc := range []struct {
		name     string
		member   string
		changes  map[string]any
		email    string
		verified *bool
	}{
		{"verified", "", map[string]any{"email_verified": true}, "person@example.com", &yes},
		{"verified in words", "", map[string]any{"email_verified": "true"}, "person@example.com", &yes},
		{"not verified", "", map[string]any{"email_verified": false}, "person@example.com", &no},
		{"verified by a number", "", map[string]any{"email_verified": 1}, "person@example.com", nil},
		{"under another name", "mail.main", map[string]any{"mail": map[string]string{"main": "other@example.com"}}, "other@example.com", nil},
		{"no e-mail", "", map[string]any{"email": nil}, "", nil},
		{"an e-mail that is none", "", map[string]any{"email": "person"}, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			def.EmailMember = tc.member
			got, err := p.caller().VerifyIDToken(t.Context(), def, "client", value(k.sign(claims(p.URL, tc.changes))), "nonce-"+canary)
			if err != nil {
				t.Fatal(err)
			}
			if got.Email != tc.email || (got.EmailVerified == nil) != (tc.verified == nil) || tc.verified != nil && *got.EmailVerified != *tc.verified {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestIssuersWithATenantOrTwoNames(t *testing.T) {
	k := es("ec")
	p, def := identityProvider(t, k)
	for _, tc := range []struct {
		name, issuer, claim string
		tenant              any
		good                bool
	}{
		{"the token's own tenant", "https://login.example/{tenantid}/v2.0", "https://login.example/" + tenant + "/v2.0", tenant, true},
		{"another tenant than the token's", "https://login.example/{tenantid}/v2.0", "https://login.example/" + tenant + "/v2.0", strings.Replace(tenant, "7", "8", 1), false},
		{"no tenant", "https://login.example/{tenantid}/v2.0", "https://login.example//v2.0", nil, false},
		{"the placeholder itself", "https://login.example/{tenantid}/v2.0", "https://login.example/{tenantid}/v2.0", "{tenantid}", false},
		{"a tenant with a path", "https://login.example/{tenantid}/v2.0", "https://login.example/a/b/v2.0", "a/b", false},
		{"Google's short name", "https://accounts.google.com", "accounts.google.com", nil, true},
		{"another's short name", "https://accounts.example.com", "accounts.example.com", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			def.Issuer = tc.issuer
			token := k.sign(claims(tc.claim, map[string]any{"tid": tc.tenant}))
			_, err := p.caller().VerifyIDToken(t.Context(), def, "client", value(token), "nonce-"+canary)
			if tc.good && err != nil || !tc.good && !errors.Is(err, endpoint.ErrIDToken) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestAKeyThatIsNewIsFetched(t *testing.T) {
	old, next := es("old"), es("new")
	p, def := identityProvider(t, old)
	c := p.caller()
	verify := func(k signingKey) error {
		_, err := c.VerifyIDToken(t.Context(), def, "client", value(k.sign(claims(p.URL, nil))), "nonce-"+canary)
		return err
	}
	if err := verify(old); err != nil {
		t.Fatal(err)
	}
	if err := verify(next); !errors.Is(err, endpoint.ErrIDToken) {
		t.Fatalf("a key that is not published: %v", err)
	}
	p.answer("/keys", keySet(next))
	// A fetch that has just ended still answers those who come before it is cleared away.
	err := verify(next)
	for range 1000 {
		if err == nil {
			return
		}
		runtime.Gosched()
		err = verify(next)
	}
	t.Error(err)
}

func TestKeysAreForgottenAfterAnHour(t *testing.T) {
	old := es("old")
	p, def := identityProvider(t, old)
	c := p.caller()
	verify := func() error {
		token := old.sign(claims(p.URL, map[string]any{"exp": start.Add(24 * time.Hour).Unix()}))
		_, err := c.VerifyIDToken(t.Context(), def, "client", value(token), "nonce-"+canary)
		return err
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	p.answer("/keys", keySet(es("new")))
	p.clock.advance(59 * time.Minute)
	if err := verify(); err != nil || p.asked("/keys") != 1 {
		t.Fatalf("within the hour the keys were fetched %d times, error %v", p.asked("/keys"), err)
	}
	p.clock.advance(time.Minute)
	if err := verify(); !errors.Is(err, endpoint.ErrIDToken) {
		t.Errorf("a key that was withdrawn an hour ago: %v", err)
	}
}

func TestKeysThatCannotBeHad(t *testing.T) {
	k := es("ec")
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		reason strongroom.StatusReason
	}{
		{"a failure", says(500, "text/plain", canary), strongroom.ReasonProviderError},
		{"not there", says(404, "text/plain", canary), strongroom.ReasonClientRejected},
		{"a page", says(200, "text/html", "<html>"+canary), strongroom.ReasonMalformedAnswer},
		{"huge", json(`{"keys":[],"x":"` + strings.Repeat("a", 1<<20) + `"}`), strongroom.ReasonMalformedAnswer},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good", http.StatusFound) }, strongroom.ReasonClientRejected},
		{"no answer", hangUp(""), strongroom.ReasonUnreachable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, def := identityProvider(t)
			p.answer("/keys", tc.answer)
			p.answer("/good", keySet(k))
			_, err := p.caller().VerifyIDToken(t.Context(), def, "client", value(k.sign(claims(p.URL, nil))), "nonce-"+canary)
			wantReason(t, err, tc.reason)
			quiet(t, err, p.log)
		})
	}
	t.Run("the caller gives up", func(t *testing.T) {
		p, def := identityProvider(t)
		reached, release := make(chan struct{}), make(chan struct{})
		p.answer("/keys", func(http.ResponseWriter, *http.Request) { close(reached); <-release })
		defer close(release)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-reached; cancel() }()
		_, err := p.caller().VerifyIDToken(ctx, def, "client", value(k.sign(claims(p.URL, nil))), "nonce-"+canary)
		wantReason(t, err, strongroom.ReasonTimeout)
	})
	t.Run("a definition without keys or issuer", func(t *testing.T) {
		p, def := identityProvider(t, k)
		for _, def := range []catalog.OAuth{{JWKSURI: def.JWKSURI}, {Issuer: def.Issuer}} {
			_, err := p.caller().VerifyIDToken(t.Context(), def, "client", value(k.sign(claims(p.URL, nil))), "nonce-"+canary)
			if !errors.Is(err, endpoint.ErrUnsupported) {
				t.Errorf("the error is %v", err)
			}
		}
	})
	t.Run("keys that are no keys", func(t *testing.T) {
		p, def := identityProvider(t)
		p.answer("/keys", json(`{"keys":[{"kty":"EC","kid":"ec","crv":"P-256","x":"`+canary+`","y":"A"}]}`))
		_, err := p.caller().VerifyIDToken(t.Context(), def, "client", value(k.sign(claims(p.URL, nil))), "nonce-"+canary)
		if !errors.Is(err, endpoint.ErrIDToken) {
			t.Errorf("the error is %v", err)
		}
		quiet(t, err, p.log)
	})
}
