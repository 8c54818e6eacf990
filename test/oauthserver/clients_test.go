package main

import (
	"net/http"
	"net/url"
	"testing"
)

func TestClientAuthentication(t *testing.T) {
	s := newScene(t)
	const none, basic, post = "none", "basic", "post"
	for name, c := range map[string]struct {
		// owner is the client that the refresh token was issued to.
		owner, client, method, secret string
		status                        int
	}{
		"confidential by basic":           {confidentialClient, confidentialClient, basic, clientSecret, http.StatusOK},
		"confidential in the body":        {confidentialClient, confidentialClient, post, clientSecret, http.StatusOK},
		"ErrConfidentialWithoutSecret":    {confidentialClient, confidentialClient, none, "", http.StatusUnauthorized},
		"ErrConfidentialWithAWrongSecret": {confidentialClient, confidentialClient, basic, "wrong", http.StatusUnauthorized},
		"basic by basic":                  {basicClient, basicClient, basic, clientSecret, http.StatusOK},
		"ErrBasicInTheBody":               {basicClient, basicClient, post, clientSecret, http.StatusUnauthorized},
		"post in the body":                {postClient, postClient, post, clientSecret, http.StatusOK},
		"ErrPostByBasic":                  {postClient, postClient, basic, clientSecret, http.StatusUnauthorized},
		"public without":                  {publicClient, publicClient, none, "", http.StatusOK},
		"ErrPublicWithASecret":            {publicClient, publicClient, post, clientSecret, http.StatusUnauthorized},
		"ErrUnknownClient":                {confidentialClient, "nobody", post, clientSecret, http.StatusUnauthorized},
		"ErrAnotherClientsToken":          {publicClient, confidentialClient, basic, clientSecret, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			g := s.grant(map[string]any{"client_id": c.owner})
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.RefreshToken}}
			if c.method != basic {
				form.Set("client_id", c.client)
			}
			if c.method == post {
				form.Set("client_secret", c.secret)
			}
			r := s.form(tokenPath, form)
			if c.method == basic {
				r.SetBasicAuth(c.client, url.QueryEscape(c.secret))
			}
			s.send(r, nil).want(t, c.status, "")
			if !s.shown(g.GrantID).Alive {
				t.Error("a refused client ended the grant")
			}
		})
	}
}

func TestASecretThatIsNotEncodedIsRefused(t *testing.T) {
	s := newScene(t)
	r := s.form(tokenPath, url.Values{"grant_type": {"client_credentials"}})
	r.SetBasicAuth(confidentialClient, clientSecret)
	if got := s.send(r, nil); got.status == http.StatusOK {
		t.Error("RFC 6749, section 2.3.1 is not enforced")
	}
}

func TestClientCredentials(t *testing.T) {
	s := newScene(t)
	got := s.send(s.tokenRequest(url.Values{"grant_type": {"client_credentials"}, "scope": {"files.read"}}), nil).want(t, http.StatusOK, "")
	if !s.active(got.member(t, "access_token")) || got.member(t, "refresh_token") != "" || got.member(t, "scope") != "files.read" {
		t.Errorf("answered %s", got.body)
	}
	s.send(s.tokenRequest(url.Values{"grant_type": {"client_credentials"}, "scope": {forbiddenScope}}), nil).want(t, http.StatusBadRequest, "invalid_scope")
	r := s.form(tokenPath, url.Values{"grant_type": {"client_credentials"}, "client_id": {publicClient}})
	if got := s.send(r, nil); got.status == http.StatusOK {
		t.Error("a public client was given a token of its own")
	}
}

func TestOnlyLoopbackRedirectURIsAreAllowed(t *testing.T) {
	s := newScene(t)
	for _, uri := range []string{"https://example.com/callback", "http://127.0.0.1.example.com/", "http://127.0.0.1/#fragment", "javascript:alert(1)", ":"} {
		s.control("POST", "/redirect-uris", map[string][]string{"add": {uri}}, nil).want(t, http.StatusBadRequest, "")
	}
	s.control("POST", "/redirect-uris", map[string][]string{"add": {"http://localhost:8080/here"}}, &nothing{})
	if allowed := s.server.clients.allowed(); len(allowed) != 2 {
		t.Errorf("allowed are %v", allowed)
	}
}
