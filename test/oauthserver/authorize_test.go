package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/go-jose/go-jose/v3/jwt"
)

const verifier = "a-code-verifier-of-more-than-forty-three-characters"

// authorization is the query of a good authorization request, with changes; an empty value
// leaves a parameter out.
func authorization(changes map[string]string) url.Values {
	challenge := sha256.Sum256([]byte(verifier))
	query := map[string]string{
		"response_type": "code", "client_id": confidentialClient, "redirect_uri": redirectURI,
		"scope": "openid email offline_access", "state": "a-long-enough-state", "nonce": "a-long-enough-nonce",
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	}
	maps.Copy(query, changes)
	values := url.Values{}
	for name, value := range query {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// decide posts what a browser would, and returns the query that it is sent back with.
func (s *scene) decide(query url.Values, decision string) url.Values {
	s.Helper()
	r := s.form(authorizePath+"?"+query.Encode(), url.Values{"username": {"ann"}, "decision": {decision}})
	got := s.send(r, nil).want(s.TB, http.StatusSeeOther, "")
	location, err := url.Parse(got.header.Get("Location"))
	if err != nil || !strings.HasPrefix(location.String(), redirectURI+"?") {
		s.Fatalf("redirected to %s", location)
	}
	return location.Query()
}

func (s *scene) exchangeCode(code, verifier string) reply {
	s.Helper()
	return s.send(s.tokenRequest(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
	}), nil)
}

func TestTheLoginAndConsentPagesAreShownInTurn(t *testing.T) {
	s := newScene(t)
	path := authorizePath + "?" + authorization(nil).Encode()
	login := s.send(http.NewRequest("GET", s.public.URL+path, nil)).want(t, http.StatusOK, "")
	if !strings.Contains(string(login.body), `name="username"`) || !strings.HasPrefix(login.header.Get("Content-Type"), "text/html") {
		t.Errorf("no login form:\n%s", login.body)
	}
	consent := s.send(s.form(path, url.Values{"username": {`ann"<b>`}}), nil).want(t, http.StatusOK, "")
	for _, text := range []string{`id="allow"`, `id="deny"`, "ann&#34;&lt;b&gt;@example.com", "offline_access"} {
		if !strings.Contains(string(consent.body), text) {
			t.Errorf("no %s:\n%s", text, consent.body)
		}
	}
}

func TestACodeIsExchangedForTokensWithAnIDToken(t *testing.T) {
	for _, algorithm := range []string{"ES256", "RS256"} {
		t.Run(algorithm, func(t *testing.T) {
			s := newScene(t)
			s.control("POST", "/rotate-keys", map[string]string{"algorithm": algorithm}, &map[string]string{})
			back := s.decide(authorization(nil), "allow")
			if back.Get("state") != "a-long-enough-state" {
				t.Fatalf("sent back with %v", back)
			}
			got := s.exchangeCode(back.Get("code"), verifier).want(t, http.StatusOK, "")
			s.wantIDToken(t, got)
			next := s.refresh(got.member(t, "refresh_token")).want(t, http.StatusOK, "")
			s.wantIDToken(t, next)
			r, err := http.NewRequest("GET", s.public.URL+userInfoPath, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+next.member(t, "access_token"))
			if who := s.send(r, nil).want(t, http.StatusOK, ""); who.member(t, "email") != "ann@example.com" || who.member(t, "sub") != "ann" {
				t.Errorf("userinfo is %s", who.body)
			}
			r.Header.Set("Authorization", "Bearer wrong")
			s.send(r, nil).want(t, http.StatusUnauthorized, "invalid_token")
		})
	}
}

// wantIDToken verifies the ID token of an answer against the published key.
func (s *scene) wantIDToken(t *testing.T, got reply) {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(s.send(http.NewRequest("GET", s.public.URL+keySetPath, nil)).body, &set); err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseSigned(got.member(t, "id_token"))
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	var more struct {
		Nonce    string `json:"nonce"`
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	keys := set.Key(token.Headers[0].KeyID)
	if len(keys) != 1 || !keys[0].IsPublic() {
		t.Fatalf("%d keys have the token's key id, or one is private", len(keys))
	}
	if err := token.Claims(keys[0], &claims, &more); err != nil {
		t.Fatal(err)
	}
	if err := claims.Validate(jwt.Expected{Issuer: s.server.issuer, Subject: "ann", Audience: jwt.Audience{confidentialClient}, Time: time.Now()}); err != nil {
		t.Error(err)
	}
	if more.Nonce != "a-long-enough-nonce" || more.Email != "ann@example.com" || !more.Verified {
		t.Errorf("the claims are %+v", more)
	}
}

func TestANewKeyPutsTheOldOneOutOfUse(t *testing.T) {
	s := newScene(t)
	before := s.server.keys.current().KeyID
	s.control("POST", "/rotate-keys", nothing{}, &map[string]string{})
	body := s.send(http.NewRequest("GET", s.public.URL+keySetPath, nil)).body
	if strings.Contains(string(body), before) {
		t.Error("the old key is still published")
	}
	s.control("POST", "/rotate-keys", map[string]string{"algorithm": "none"}, nil).want(t, http.StatusBadRequest, "")
}

func TestADenialIsSentBackAsAnError(t *testing.T) {
	s := newScene(t)
	if back := s.decide(authorization(nil), "deny"); back.Get("error") != "access_denied" || back.Get("state") != "a-long-enough-state" || back.Get("code") != "" {
		t.Errorf("sent back with %v", back)
	}
}

func TestPKCEIsEnforced(t *testing.T) {
	s := newScene(t)
	for name, changes := range map[string]map[string]string{
		"ErrNoChallenge":    {"code_challenge": "", "code_challenge_method": ""},
		"ErrPlain":          {"code_challenge": verifier, "code_challenge_method": "plain"},
		"ErrNoMethod":       {"code_challenge_method": ""},
		"ErrNoChallengeYet": {"code_challenge": ""},
	} {
		t.Run(name, func(t *testing.T) {
			if back := s.decide(authorization(changes), "allow"); back.Get("error") != "invalid_request" || back.Get("code") != "" {
				t.Errorf("sent back with %v", back)
			}
		})
	}
	t.Run("ErrPlainBeforeAnybodyLogsIn", func(t *testing.T) {
		query := authorization(map[string]string{"code_challenge_method": "plain"})
		s.send(http.NewRequest("GET", s.public.URL+authorizePath+"?"+query.Encode(), nil)).want(t, http.StatusSeeOther, "")
	})
	t.Run("ErrNoVerifierAfterAWrongOne", func(t *testing.T) {
		code := s.decide(authorization(nil), "allow").Get("code")
		s.exchangeCode(code, verifier+"x").want(t, http.StatusBadRequest, "invalid_grant")
		if got := s.exchangeCode(code, ""); got.status == http.StatusOK {
			t.Error("the second attempt was granted")
		}
	})
	for name, verifier := range map[string]string{"ErrNoVerifier": "", "ErrWrongVerifier": verifier + "x"} {
		t.Run(name, func(t *testing.T) {
			back := s.decide(authorization(nil), "allow")
			s.exchangeCode(back.Get("code"), verifier).want(t, http.StatusBadRequest, "invalid_grant")
		})
	}
}

func TestACodeThatIsUsedAgainEndsTheGrant(t *testing.T) {
	s := newScene(t)
	back := s.decide(authorization(nil), "allow")
	got := s.exchangeCode(back.Get("code"), verifier).want(t, http.StatusOK, "")
	s.exchangeCode(back.Get("code"), verifier).want(t, http.StatusBadRequest, "invalid_grant")
	id, active := s.check(got.member(t, "access_token"))
	if shown := s.shown(id); active || !shown.KilledByReuse {
		t.Errorf("active %t; the grant is %+v", active, shown)
	}
	s.refresh(got.member(t, "refresh_token")).want(t, http.StatusBadRequest, "invalid_grant")
}

func TestAnAuthorizationRequestThatCannotBeTrustedIsNotRedirected(t *testing.T) {
	s := newScene(t)
	for name, changes := range map[string]map[string]string{
		"ErrUnknownClient":      {"client_id": "nobody"},
		"ErrUnknownRedirectURI": {"redirect_uri": "http://127.0.0.1:1/elsewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.form(authorizePath+"?"+authorization(changes).Encode(), url.Values{"username": {"ann"}, "decision": {"allow"}})
			if got := s.send(r, nil); got.status < 400 || got.header.Get("Location") != "" {
				t.Errorf("answered %d", got.status)
			}
		})
	}
	if back := s.decide(authorization(map[string]string{"scope": forbiddenScope}), "allow"); back.Get("error") != "invalid_scope" {
		t.Errorf("sent back with %v", back)
	}
}

func TestDiscoveryNamesTheEndpoints(t *testing.T) {
	s := newScene(t)
	for _, path := range []string{openIDConfigurationPath, oauthMetadataPath} {
		got := s.send(http.NewRequest("GET", s.public.URL+path, nil)).want(t, http.StatusOK, "")
		if got.member(t, "issuer") != s.public.URL || got.member(t, "token_endpoint") != s.public.URL+tokenPath || got.member(t, "jwks_uri") != s.public.URL+keySetPath {
			t.Errorf("%s says %s", path, got.body)
		}
	}
}
