package endpoint_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth/endpoint"
)

const (
	openIDPath = "/.well-known/openid-configuration"
	oauthPath  = "/.well-known/oauth-authorization-server"
)

// document is an issuer's metadata, with more members where there are any.
func document(issuer, more string) string {
	return fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":"https://idp.example/authorize","token_endpoint":"https://idp.example/token",`+
		`"userinfo_endpoint":"https://idp.example/me","revocation_endpoint":"https://idp.example/revoke","jwks_uri":"https://idp.example/keys"%s}`, issuer, more)
}

func TestIssuersThatCannotBeAsked(t *testing.T) {
	elsewhere := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good", http.StatusFound) }
	for _, tc := range []struct {
		name   string
		answer func(p *provider) http.HandlerFunc
		reason strongroom.StatusReason
		asked  int
	}{
		{"no document", func(*provider) http.HandlerFunc { return says(404, "text/plain", canary) }, strongroom.ReasonClientRejected, 2},
		{"a page for every address", func(*provider) http.HandlerFunc { return says(200, "text/html", "<html>"+canary) }, strongroom.ReasonClientRejected, 2},
		{"a document without an issuer", func(*provider) http.HandlerFunc { return json(`{"token_endpoint":"https://` + canary + `.example"}`) }, strongroom.ReasonClientRejected, 2},
		{"a redirect", func(*provider) http.HandlerFunc { return elsewhere }, strongroom.ReasonClientRejected, 2},
		{"another issuer", func(*provider) http.HandlerFunc { return json(document("https://"+canary+".example", "")) }, strongroom.ReasonMalformedAnswer, 1},
		{"another issuer by a slash", func(p *provider) http.HandlerFunc { return json(document(p.URL+"/", "")) }, strongroom.ReasonMalformedAnswer, 1},
		{"an endpoint without TLS", func(p *provider) http.HandlerFunc {
			return json(fmt.Sprintf(`{"issuer":%q,"token_endpoint":"http://%s.example/token"}`, p.URL, canary))
		}, strongroom.ReasonMalformedAnswer, 1},
		{"an endpoint with a password", func(p *provider) http.HandlerFunc {
			return json(fmt.Sprintf(`{"issuer":%q,"token_endpoint":"https://a:%s@idp.example/token"}`, p.URL, canary))
		}, strongroom.ReasonMalformedAnswer, 1},
		{"keys that are a file", func(p *provider) http.HandlerFunc {
			return json(fmt.Sprintf(`{"issuer":%q,"token_endpoint":"https://idp.example/token","jwks_uri":"file:///%s"}`, p.URL, canary))
		}, strongroom.ReasonMalformedAnswer, 1},
		{"no token endpoint", func(p *provider) http.HandlerFunc { return json(fmt.Sprintf(`{"issuer":%q}`, p.URL)) }, strongroom.ReasonMalformedAnswer, 1},
		{"a huge document", func(p *provider) http.HandlerFunc {
			return json(document(p.URL, `,"x":"`+strings.Repeat("a", 1<<20)+`"`))
		}, strongroom.ReasonMalformedAnswer, 1},
		{"a failure", func(*provider) http.HandlerFunc { return says(502, "text/html", canary) }, strongroom.ReasonProviderError, 1},
		{"too many", func(*provider) http.HandlerFunc { return says(429, "text/plain", canary) }, strongroom.ReasonRateLimited, 1},
		{"no answer", func(*provider) http.HandlerFunc { return hangUp("") }, strongroom.ReasonUnreachable, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProvider(t, map[string]http.HandlerFunc{})
			answer := tc.answer(p)
			p.answer(openIDPath, answer)
			p.answer(oauthPath, answer)
			p.answer("/good", json(document(p.URL, "")))
			_, err := p.caller().Resolve(t.Context(), catalog.OAuth{Discovery: p.URL})
			wantReason(t, err, tc.reason)
			quiet(t, err, p.log)
			if p.asked("") != tc.asked || p.asked("/good") != 0 {
				t.Errorf("asked %d times, want %d", p.asked(""), tc.asked)
			}
		})
	}
}

func TestWhereMetadataAreLookedFor(t *testing.T) {
	for _, tc := range []struct {
		name, issuer string
		at           string
		asked        []string
	}{
		{"behind the issuer, as OpenID Connect has it", "", openIDPath, []string{openIDPath}},
		{"behind the issuer's path", "/tenant/v2", "/tenant/v2" + openIDPath, []string{"/tenant/v2" + openIDPath}},
		{"behind a path with a slash at its end", "/tenant/", "/tenant" + openIDPath, []string{"/tenant" + openIDPath}},
		{"before the path, as RFC 8414 has it, where there is nothing else", "/tenant/v2", oauthPath + "/tenant/v2", []string{"/tenant/v2" + openIDPath, oauthPath + "/tenant/v2"}},
		{"at the root, as RFC 8414 has it", "/", oauthPath, []string{openIDPath, oauthPath}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProvider(t, map[string]http.HandlerFunc{})
			issuer := p.URL + tc.issuer
			p.answer(tc.at, json(document(issuer, "")))
			def, err := p.caller().Resolve(t.Context(), catalog.OAuth{Discovery: issuer, Headers: map[string]string{"X-Version": "2"}})
			if err != nil {
				t.Fatal(err)
			}
			if def.Issuer != issuer || def.TokenEndpoint != "https://idp.example/token" {
				t.Errorf("got %+v", def)
			}
			var asked []string
			for _, r := range p.requests {
				asked = append(asked, r.path)
				if r.header.Get("X-Version") != "2" {
					t.Errorf("%s was asked for without the definition's header", r.path)
				}
			}
			if fmt.Sprint(asked) != fmt.Sprint(tc.asked) {
				t.Errorf("asked for %v, want %v", asked, tc.asked)
			}
		})
	}
}

func TestADefinitionComesBeforeTheMetadata(t *testing.T) {
	p := newProvider(t, map[string]http.HandlerFunc{})
	p.answer(openIDPath, json(document(p.URL, "")))
	own := catalog.OAuth{Discovery: p.URL, TokenEndpoint: "https://own.example/token", RevocationEndpoint: "https://own.example/revoke"}
	def, err := p.caller().Resolve(t.Context(), own)
	if err != nil {
		t.Fatal(err)
	}
	want := own
	want.Issuer, want.AuthorizationEndpoint = p.URL, "https://idp.example/authorize"
	want.UserinfoEndpoint, want.JWKSURI = "https://idp.example/me", "https://idp.example/keys"
	if fmt.Sprintf("%+v", def) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v, want %+v", def, want)
	}
	if def, err := p.caller().Resolve(t.Context(), catalog.OAuth{TokenEndpoint: "x"}); err != nil || def.TokenEndpoint != "x" || p.asked("") != 1 {
		t.Errorf("a definition without discovery became %+v, error %v", def, err)
	}
}

func TestAnIssuerThatNamesItselfAsTheDefinitionDoes(t *testing.T) {
	p := newProvider(t, map[string]http.HandlerFunc{})
	const issuer = "https://login.example/{tenantid}/v2.0"
	p.answer("/common"+openIDPath, json(document(issuer, "")))
	def, err := p.caller().Resolve(t.Context(), catalog.OAuth{Discovery: p.URL + "/common", Issuer: issuer})
	if err != nil || def.Issuer != issuer {
		t.Errorf("got the issuer %s, error %v", def.Issuer, err)
	}
}

func TestEndpointsOfThisMachineNeedNoTLS(t *testing.T) {
	for _, host := range []string{"127.0.0.1:8080", "[::1]", "localhost:1"} {
		p := newProvider(t, map[string]http.HandlerFunc{})
		p.answer(openIDPath, json(fmt.Sprintf(`{"issuer":%q,"token_endpoint":"http://%s/token"}`, p.URL, host)))
		if _, err := p.caller().Resolve(t.Context(), catalog.OAuth{Discovery: p.URL}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestMetadataAreRememberedForAnHour(t *testing.T) {
	p := newProvider(t, map[string]http.HandlerFunc{})
	p.answer(openIDPath, json(document(p.URL, "")))
	c, def := p.caller(), catalog.OAuth{Discovery: p.URL}
	resolve := func(after time.Duration, wantAsked int, wantToken string) {
		t.Helper()
		p.clock.advance(after)
		got, err := c.Resolve(t.Context(), def)
		if err != nil || got.TokenEndpoint != wantToken || p.asked("") != wantAsked {
			t.Fatalf("token endpoint %s after %d requests, error %v; want %s after %d", got.TokenEndpoint, p.asked(""), err, wantToken, wantAsked)
		}
	}
	const first, second = "https://idp.example/token", "https://idp.example/token2"
	resolve(0, 1, first)
	p.answer(openIDPath, json(strings.Replace(document(p.URL, ""), first, second, 1)))
	resolve(59*time.Minute, 1, first)
	resolve(time.Minute, 2, second)

	p.answer(openIDPath, says(500, "text/plain", canary))
	resolve(time.Hour, 3, second) // the last good one serves on
	resolve(time.Second, 3, second)
	resolve(10*time.Second, 4, second)
	if log := p.log.String(); !strings.Contains(log, "last good ones stay in use") || !strings.Contains(log, p.URL) {
		t.Errorf("the log does not say so: %s", log)
	}
	quiet(t, nil, p.log)

	p.answer(openIDPath, json(document(p.URL, "")))
	resolve(10*time.Second, 5, first)
}

func TestAnIssuerThatFailedIsLeftAloneForAMoment(t *testing.T) {
	p := newProvider(t, map[string]http.HandlerFunc{openIDPath: says(500, "text/plain", "")})
	c, def := p.caller(), catalog.OAuth{Discovery: p.URL}
	for range 3 {
		_, err := c.Resolve(t.Context(), def)
		wantReason(t, err, strongroom.ReasonProviderError)
	}
	if p.asked("") != 1 {
		t.Errorf("asked %d times", p.asked(""))
	}
	p.answer(openIDPath, json(document(p.URL, "")))
	p.clock.advance(10 * time.Second)
	if _, err := c.Resolve(t.Context(), def); err != nil {
		t.Error(err)
	}
}

func TestAFetchOutlivesTheCallerWhoBeganIt(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	p := newProvider(t, map[string]http.HandlerFunc{})
	p.answer(openIDPath, func(w http.ResponseWriter, r *http.Request) {
		close(reached)
		<-release
		json(document(p.URL, ""))(w, r)
	})
	c, def := p.caller(), catalog.OAuth{Discovery: p.URL}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	_, err := c.Resolve(ctx, def)
	wantReason(t, err, strongroom.ReasonTimeout)

	errs := make(chan error)
	for range 20 {
		go func() {
			_, err := c.Resolve(t.Context(), def)
			errs <- err
		}()
	}
	close(release)
	for range 20 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if p.asked("") != 1 {
		t.Errorf("asked %d times", p.asked(""))
	}
}

func TestTheOldestIssuerMakesRoom(t *testing.T) {
	p := newProvider(t, map[string]http.HandlerFunc{})
	c := p.caller()
	resolve := func(i int) {
		t.Helper()
		path := fmt.Sprintf("/%d", i)
		p.answer(path+openIDPath, json(document(p.URL+path, "")))
		p.clock.advance(time.Millisecond)
		if _, err := c.Resolve(t.Context(), catalog.OAuth{Discovery: p.URL + path}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range endpoint.MaxEntries {
		resolve(i)
	}
	resolve(0)
	resolve(endpoint.MaxEntries)
	if p.asked("") != endpoint.MaxEntries+1 {
		t.Fatalf("asked %d times for %d issuers", p.asked(""), endpoint.MaxEntries+1)
	}
	resolve(0)
	resolve(1)
	if p.asked("/0"+openIDPath) != 1 || p.asked("/1"+openIDPath) != 2 {
		t.Errorf("the one in use was asked %d times, the one that made room %d times", p.asked("/0"+openIDPath), p.asked("/1"+openIDPath))
	}
}
