package identity_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"strongroom"
	"strongroom/internal/identity"
)

func TestForgedTokensOfAProviderAreRefused(t *testing.T) {
	rs, ec, ed := newRSA("rs"), newEC("ec"), newEd("ed")
	p := newProvider(t, rs, ec, ed)
	a := p.authenticator(t)
	payload := mustJSON(t, claims(p.URL, nil))
	der := must(x509.MarshalPKIXPublicKey(rs.public))
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	stranger := newEC("ec")
	embedded, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: stranger.private}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	good := strings.Split(p.token(t, ec), ".")
	for name, token := range map[string]string{
		"no algorithm":                            raw(`{"alg":"none","kid":"rs"}`, string(payload), ""),
		"HS256 with the RSA key's PEM as secret":  sign(t, "HS256", publicPEM, "rs", payload),
		"HS256 with the RSA key's DER as secret":  sign(t, "HS256", der, "rs", payload),
		"HS256 with the key set as secret":        sign(t, "HS256", mustJSON(t, ec.jwk()), "ec", payload),
		"HS256 with the shared secret of another": sign(t, "HS256", sharedSecret, "", payload),
		"RS512":                                    sign(t, "RS512", rs.private, "rs", payload),
		"PS256":                                    sign(t, "PS256", rs.private, "rs", payload),
		"a key of another provider under our id":   sign(t, "ES256", stranger.private, "ec", payload),
		"a key of another kind's id":               sign(t, "ES256", ec.private, "rs", payload),
		"another key's id of no kind":              sign(t, "ES256", ec.private, "nobody", payload),
		"no id and a key of another provider":      sign(t, "ES256", stranger.private, "", payload),
		"a key that the token brings":              must(must(embedded.Sign(payload)).CompactSerialize()),
		"a signature of another token":             good[0] + "." + raw(`{"iss":"`+p.URL+`"}`) + "." + good[2],
		"a signature of zeros":                     good[0] + "." + good[1] + "." + raw(strings.Repeat("\x00", 64)),
		"a signature in DER":                       good[0] + "." + good[1] + "." + raw("0\x06\x02\x01\x01\x02\x01\x01"),
		"no signature":                             good[0] + "." + good[1] + ".",
		"an id with a path":                        sign(t, "ES256", ec.private, "../../../dev/null", payload),
		"good but for the audience":                sign(t, "ES256", ec.private, "ec", mustJSON(t, claims(p.URL, map[string]any{"aud": "x"}))),
		"good but for the issuer":                  sign(t, "ES256", ec.private, "ec", mustJSON(t, claims(secretName, nil))),
		"good but for the expiry":                  sign(t, "ES256", ec.private, "ec", mustJSON(t, claims(p.URL, map[string]any{"exp": 1}))),
		"good but for the expiry, which is absent": sign(t, "ES256", ec.private, "ec", mustJSON(t, claims(p.URL, map[string]any{"exp": nil}))),
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, a, bearer(token), strongroom.CodeUnauthorized) })
	}
	for _, k := range []signingKey{rs, ec, ed} {
		mustAuthenticate(t, a, bearer(p.token(t, k)))
	}
}

func TestKeysThatVerifyNothing(t *testing.T) {
	weak := must(rsa.GenerateKey(rand.Reader, 1024))
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	good := newEC("good")
	for name, c := range map[string]struct {
		jwk   jose.JSONWebKey
		token func(t *testing.T, p *provider) string
	}{
		"an RSA key of 1024 bits": {
			jose.JSONWebKey{Key: weak.Public(), KeyID: "bad", Use: "sig"},
			func(t *testing.T, p *provider) string {
				return p.token(t, signingKey{"bad", jose.RS256, weak, nil})
			},
		},
		"a key for encryption": {
			jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "bad", Use: "enc"},
			func(t *testing.T, p *provider) string {
				return p.token(t, signingKey{"bad", jose.RS256, rsaKey(), nil})
			},
		},
		"a key for another algorithm": {
			jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "bad", Algorithm: "RS512"},
			func(t *testing.T, p *provider) string {
				return p.token(t, signingKey{"bad", jose.RS256, rsaKey(), nil})
			},
		},
		"a private key": {
			jose.JSONWebKey{Key: rsaKey(), KeyID: "bad", Use: "sig"},
			func(t *testing.T, p *provider) string {
				return p.token(t, signingKey{"bad", jose.RS256, rsaKey(), nil})
			},
		},
		"a symmetric key": {
			jose.JSONWebKey{Key: sharedSecret, KeyID: "bad", Use: "sig", Algorithm: "HS256"},
			func(t *testing.T, p *provider) string {
				return p.token(t, signingKey{"bad", jose.HS256, sharedSecret, nil})
			},
		},
		"a key on another curve": {
			jose.JSONWebKey{Key: p384.Public(), KeyID: "bad", Use: "sig"},
			func(t *testing.T, p *provider) string {
				return p.token(t, signingKey{"bad", jose.ES384, p384, nil})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.serveKeys(mustJSON(t, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{c.jwk, good.jwk()}}))
			a := p.authenticator(t)
			wantRefused(t, a, bearer(c.token(t, p)), strongroom.CodeUnauthorized)
			mustAuthenticate(t, a, bearer(p.token(t, good)))
		})
	}
}

func TestAKeySetWithKeysThatAreNotUnderstoodStillServes(t *testing.T) {
	k := newEd("ed")
	p := newProvider(t)
	p.serveKeys([]byte(`{"keys":[null,7,{},{"kty":"XYZ"},{"kty":"RSA","n":"!","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},` +
		string(mustJSON(t, k.jwk())) + `],"more":1}`))
	mustAuthenticate(t, p.authenticator(t), bearer(p.token(t, k)))
}

func TestKeysOfEveryKindVerify(t *testing.T) {
	for _, k := range []signingKey{newRSA("a"), newEC("b"), newEd("c"), newRSA(""), newEC(""), newEd("")} {
		p := newProvider(t, newEC("other"), k)
		for name, a := range map[string]*identity.Authenticator{
			"by discovery": p.authenticator(t),
			"by URL":       p.configured(t, identity.IssuerConfig{Issuer: p.URL, Audience: audience, JWKSURL: p.URL + keysPath}),
		} {
			if got := mustAuthenticate(t, a, bearer(p.token(t, k))); got.ID != user || got.Kind != strongroom.KindUser {
				t.Errorf("%s %s: got %s %s", k.algorithm, name, got.Kind, got.ID)
			}
		}
	}
}

func TestATokenWithoutAKeyIDIsVerifiedByAnyKeyOfItsKind(t *testing.T) {
	k := newEC("second")
	p := newProvider(t, newEC("first"), newRSA("rsa"), k)
	token := sign(t, "ES256", k.private, "", mustJSON(t, claims(p.URL, nil)))
	mustAuthenticate(t, p.authenticator(t), bearer(token))
}

func TestARotatedKeyIsPickedUpAtItsFirstToken(t *testing.T) {
	for name, ids := range map[string][2]string{"with ids": {"old", "new"}, "without ids": {"", ""}} {
		t.Run(name, func(t *testing.T) {
			old, renewed := newEC(ids[0]), newEC(ids[1])
			p := newProvider(t, old)
			a := p.authenticator(t)
			mustAuthenticate(t, a, bearer(p.token(t, old)))
			p.publish(t, renewed)
			p.clock.advance(30 * time.Second)
			mustAuthenticate(t, a, bearer(p.token(t, renewed)))
			wantRefused(t, a, bearer(p.token(t, old)), strongroom.CodeUnauthorized)
		})
	}
}

func TestUnknownKeysCauseOneFetchIn30Seconds(t *testing.T) {
	k := newEC("known")
	p := newProvider(t, k)
	a := p.authenticator(t)
	mustAuthenticate(t, a, bearer(p.token(t, k)))
	storm := func() {
		var wg sync.WaitGroup
		for _, id := range []string{"a", "b", "", "d"} {
			stranger := newEC(id)
			for range 10 {
				wg.Go(func() { wantRefusedConcurrently(t, a, p.token(t, stranger)) })
			}
		}
		wg.Wait()
	}
	for round, want := range []int{1, 2, 3} {
		storm()
		if got := p.requested(keysPath); got != want {
			t.Errorf("round %d: %d fetches, want %d", round, got, want)
		}
		p.clock.advance(29 * time.Second)
		storm()
		if got := p.requested(keysPath); got != want {
			t.Errorf("round %d, 29 s on: %d fetches, want %d", round, got, want)
		}
		p.clock.advance(time.Second)
	}
}

func wantRefusedConcurrently(t *testing.T, a *identity.Authenticator, token string) {
	if _, err := a.Authenticate(t.Context(), bearer(token)); strongroom.CodeOf(err) != strongroom.CodeUnauthorized {
		t.Errorf("got %v, want unauthorized", err)
	}
}

func TestManyFirstTokensCauseOneFetch(t *testing.T) {
	k := newEd("k")
	p := newProvider(t, k)
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	p.fault(func(http.ResponseWriter, *http.Request) bool {
		select {
		case arrived <- struct{}{}:
		default:
		}
		<-release
		return false
	})
	a, token := p.authenticator(t), p.token(t, k)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := a.Authenticate(t.Context(), bearer(token)); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
	<-arrived
	// One who comes later than the pause between fetches joins the one under way.
	p.clock.advance(9 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Authenticate(ctx, bearer(token)); strongroom.CodeOf(err) != strongroom.CodeKeyUnavailable {
		t.Errorf("got %v, want %s", err, strongroom.CodeKeyUnavailable)
	}
	close(release)
	wg.Wait()
	if p.requested(discoveryPath) != 1 || p.requested(keysPath) != 1 {
		t.Errorf("%d discoveries and %d fetches, want 1 and 1", p.requested(discoveryPath), p.requested(keysPath))
	}
}

func TestOldKeysServeWhileTheyAreRefreshedInTheBackground(t *testing.T) {
	old, renewed := newEC("old"), newEC("new")
	p := newProvider(t, old)
	a := p.authenticator(t)
	mustAuthenticate(t, a, bearer(p.token(t, old)))
	<-p.events
	p.publish(t, renewed)
	p.clock.advance(15*time.Minute - time.Second)
	mustAuthenticate(t, a, bearer(p.token(t, old)))
	if got := p.requested(keysPath); got != 1 {
		t.Fatalf("%d fetches before the keys were old, want 1", got)
	}
	release := make(chan struct{})
	p.fault(func(http.ResponseWriter, *http.Request) bool { <-release; return false })
	p.clock.advance(time.Second)
	token := sign(t, "ES256", old.private, "old", mustJSON(t, claims(p.URL, nil)))
	for range 10 {
		mustAuthenticate(t, a, bearer(token))
	}
	close(release)
	if line := <-p.events; !strings.Contains(line, "fetched") {
		t.Fatalf("logged %q", line)
	}
	if got := p.requested(keysPath); got != 2 {
		t.Errorf("%d fetches, want 2", got)
	}
	wantRefused(t, a, bearer(token), strongroom.CodeUnauthorized)
	mustAuthenticate(t, a, bearer(p.token(t, renewed)))
}

func TestTheLastGoodKeysOutliveTheIssuer(t *testing.T) {
	k := newEC("k")
	p := newProvider(t, k)
	a := p.authenticator(t)
	mustAuthenticate(t, a, bearer(p.token(t, k)))
	<-p.events
	p.down()
	token := sign(t, "ES256", k.private, "k", mustJSON(t, claims(p.URL, map[string]any{"exp": startOfTime.Add(100 * time.Hour).Unix()})))
	for range 5 {
		p.clock.advance(10 * time.Hour)
		mustAuthenticate(t, a, bearer(token))
		if line := <-p.events; !strings.Contains(line, "cannot be fetched") || !strings.Contains(line, "502") {
			t.Fatalf("logged %q", line)
		}
	}
	stranger := newEC("unknown")
	refused := wantRefused(t, a, bearer(p.token(t, stranger)), strongroom.CodeKeyUnavailable)
	if refused.RetryAfter != 30*time.Second {
		t.Errorf("retry after %s, want 30s", refused.RetryAfter)
	}
	p.fault(nil)
	p.clock.advance(30 * time.Second)
	wantRefused(t, a, bearer(p.token(t, stranger)), strongroom.CodeUnauthorized)
}

func TestAnIssuerThatIsNotThereAtStartIsFoundLater(t *testing.T) {
	k := newEC("k")
	p := newProvider(t, k)
	p.down()
	a := p.authenticator(t)
	refused := wantRefused(t, a, bearer(p.token(t, k)), strongroom.CodeKeyUnavailable)
	if refused.RetryAfter != 5*time.Second {
		t.Errorf("retry after %s, want 5s", refused.RetryAfter)
	}
	p.fault(nil)
	p.clock.advance(4 * time.Second)
	refused = wantRefused(t, a, bearer(p.token(t, k)), strongroom.CodeKeyUnavailable)
	if refused.RetryAfter != time.Second {
		t.Errorf("retry after %s, want 1s", refused.RetryAfter)
	}
	if got := p.requested(discoveryPath); got != 1 {
		t.Errorf("%d requests in 5 seconds, want 1", got)
	}
	p.clock.advance(time.Second)
	mustAuthenticate(t, a, bearer(p.token(t, k)))
}

func TestAnIssuerWithoutAServerIsUnavailable(t *testing.T) {
	k := newEC("k")
	p := newProvider(t, k)
	a := p.authenticator(t)
	p.Close()
	wantRefused(t, a, bearer(p.token(t, k)), strongroom.CodeKeyUnavailable)
}

func TestDocumentsThatAreRefused(t *testing.T) {
	k := newEC("k")
	good := string(mustJSON(t, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.jwk()}}))
	answer := func(status int, header, value, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != keysPath {
				return false
			}
			w.Header().Set(header, value)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	discovery := func(body string) func(p *provider) {
		return func(p *provider) { p.serveDiscovery(strings.ReplaceAll(body, "URL", p.URL)) }
	}
	keys := func(body string) func(p *provider) { return func(p *provider) { p.serveKeys([]byte(body)) } }
	for name, spoil := range map[string]func(p *provider){
		"discovery that is an HTML page":          discovery(`<html>Sign in</html>`),
		"discovery of another issuer":             discovery(`{"issuer":"https://elsewhere.example","jwks_uri":"URL/keys"}`),
		"discovery of an issuer with a slash":     discovery(`{"issuer":"URL/","jwks_uri":"URL/keys"}`),
		"discovery without an issuer":             discovery(`{"jwks_uri":"URL/keys"}`),
		"discovery without keys":                  discovery(`{"issuer":"URL"}`),
		"discovery with keys over plain HTTP":     discovery(`{"issuer":"URL","jwks_uri":"http://elsewhere.example/keys"}`),
		"discovery with keys in a file":           discovery(`{"issuer":"URL","jwks_uri":"file:///etc/keys"}`),
		"discovery that is null":                  discovery(`null`),
		"discovery with keys at a password's URL": discovery(`{"issuer":"URL","jwks_uri":"https://a:b@elsewhere.example/keys"}`),
		"keys that are an HTML page":              keys(`<html>Sign in</html>`),
		"keys that are nothing":                   keys(``),
		"keys that are null":                      keys(`null`),
		"keys without a list":                     keys(`{}`),
		"keys with a list of null":                keys(`{"keys":null}`),
		"keys with an object for a list":          keys(`{"keys":{}}`),
		"keys cut off":                            keys(good[:len(good)-5]),
		"keys with something after them":          keys(good + good),
		"too many keys":                           keys(`{"keys":[` + strings.Repeat("{},", 100) + `{}]}`),
		"keys over 1 MiB":                         keys(good + strings.Repeat(" ", 1<<20)),
		"a redirect": func(p *provider) {
			p.fault(answer(http.StatusFound, "Location", p.URL+"/elsewhere", good))
		},
		"not found":      func(p *provider) { p.fault(answer(http.StatusNotFound, "X", "", good)) },
		"a server error": func(p *provider) { p.fault(answer(http.StatusInternalServerError, "X", "", good)) },
		"no content":     func(p *provider) { p.fault(answer(http.StatusNoContent, "X", "", "")) },
		"a body cut off": func(p *provider) { p.fault(answer(http.StatusOK, "Content-Length", "100000", good)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, k)
			a := p.authenticator(t)
			mustAuthenticate(t, a, bearer(p.token(t, k)))
			<-p.events
			spoil(p)
			wantRefused(t, p.authenticator(t), bearer(p.token(t, k)), strongroom.CodeKeyUnavailable)
			if line := <-p.events; !strings.Contains(line, "cannot be fetched") {
				t.Errorf("logged %q", line)
			}
			// The keys that were there before stay in use.
			p.clock.advance(20 * time.Minute)
			mustAuthenticate(t, a, bearer(p.token(t, k)))
			<-p.events
			mustAuthenticate(t, a, bearer(p.token(t, k)))
			if got := p.requested("/elsewhere"); got != 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestAnIssuerThatWithdrawsItsKeysIsBelieved(t *testing.T) {
	k := newEC("k")
	p := newProvider(t, k)
	a := p.authenticator(t)
	mustAuthenticate(t, a, bearer(p.token(t, k)))
	<-p.events
	p.publish(t)
	p.clock.advance(15 * time.Minute)
	mustAuthenticate(t, a, bearer(p.token(t, k)))
	<-p.events
	wantRefused(t, a, bearer(p.token(t, k)), strongroom.CodeUnauthorized)
}

func TestACallerWhoGivesUpOnASlowIssuerDoesNotHarmTheOthers(t *testing.T) {
	k := newEC("k")
	p := newProvider(t, k)
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	p.fault(func(http.ResponseWriter, *http.Request) bool { arrived <- struct{}{}; <-release; return false })
	a, token := p.authenticator(t), p.token(t, k)
	ctx, cancel := context.WithCancel(t.Context())
	refused := make(chan error)
	go func() {
		_, err := a.Authenticate(ctx, bearer(token))
		refused <- err
	}()
	<-arrived
	cancel()
	if err := <-refused; strongroom.CodeOf(err) != strongroom.CodeKeyUnavailable {
		t.Errorf("got %v, want %s", err, strongroom.CodeKeyUnavailable)
	}
	close(release)
	mustAuthenticate(t, a, bearer(token))
	if got := p.requested(discoveryPath); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}

func TestTwoIssuersOfOneNameAreBothAsked(t *testing.T) {
	k := newEC("k")
	p := newProvider(t, k)
	modern, err := identity.NewIssuer(identity.IssuerConfig{Issuer: secretName, Audience: audience, JWKSURL: p.URL + keysPath}, p.Client(), p.clock.time, discardLog())
	if err != nil {
		t.Fatal(err)
	}
	legacy := secretIssuer(t, p.clock, identity.ClaimPaths{})
	signed := sign(t, "ES256", k.private, "k", mustJSON(t, claims(secretName, nil)))
	for _, issuers := range [][]*identity.Issuer{{modern, legacy}, {legacy, modern}} {
		a := identity.New(&memory{}, issuers, p.clock.time)
		mustAuthenticate(t, a, bearer(signed))
		mustAuthenticate(t, a, bearer(hs256(t, nil)))
		wantRefused(t, a, bearer(sign(t, "HS256", mustJSON(t, k.jwk()), "k", mustJSON(t, claims(secretName, nil)))), strongroom.CodeUnauthorized)
		p.down()
		p.clock.advance(time.Minute)
		stranger := sign(t, "ES256", newEC("new").private, "new", mustJSON(t, claims(secretName, nil)))
		wantRefused(t, a, bearer(stranger), strongroom.CodeKeyUnavailable)
		p.fault(nil)
		p.clock.advance(time.Minute)
	}
}

func FuzzKeySet(f *testing.F) {
	k := newEC("k")
	good := mustJSON(f, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.jwk(), newRSA("r").jwk(), newEd("e").jwk()}})
	f.Add(good)
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":""},{"kty":"RSA","n":"","e":""},{"kty":"EC","crv":"P-256"}]}`))
	f.Add([]byte(`{"keys":[]}`))
	p := newProvider(f)
	forged := p.token(f, newEC("forged"))
	f.Fuzz(func(t *testing.T, document []byte) {
		p.serveKeys(document)
		go func() { <-p.events }()
		_, err := p.authenticator(t).Authenticate(context.Background(), bearer(forged))
		if code := strongroom.CodeOf(err); code != strongroom.CodeUnauthorized && code != strongroom.CodeKeyUnavailable {
			t.Errorf("a forged token: got %v", err)
		}
	})
}
