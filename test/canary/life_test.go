package canary_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"strongroom/internal/app/apptest"
)

// connections connects accounts as people do, and returns the id of one that stays.
func (c *client) connections(t *testing.T) (kept string) {
	kept = c.connect(t, acme, nil)
	c.connect(t, plain, nil)
	t.Run("connected again", func(t *testing.T) {
		if id := c.connect(t, acme, url.Values{"credential_id": {kept}}); id != kept {
			t.Errorf("the credential is %s, want %s", id, kept)
		}
	})
	t.Run("denied", func(t *testing.T) {
		of := c.begin(t, acme, nil)
		c.fails(t, of, c.tap.server.Deny(of.url, "someone"), "access_denied")
	})
	t.Run("a scope that is not given", func(t *testing.T) {
		of := c.begin(t, acme, url.Values{"scopes": {"forbidden"}})
		c.fails(t, of, c.allow(of), "invalid_scope")
	})
	t.Run("a callback that comes twice", func(t *testing.T) {
		of := c.begin(t, acme, nil)
		to := c.allow(of)
		first, second := c.back(t, of, to), c.back(t, of, to)
		if first.Get("credential_id") == "" || first.Encode() != second.Encode() {
			t.Errorf("told %v, then %v", first, second)
		}
	})
	return kept
}

// clients has the organization, and data, bring OAuth clients of their own.
func (c *client) clients(t *testing.T) {
	const path = "/api/integrations/oauth-clients/" + plain
	put := func(body any) apptest.Request {
		return apptest.Request{Method: http.MethodPut, Path: path, Token: c.admin, Body: body}
	}
	for range 2 {
		secret := c.secret("+/% :=organization")
		c.ask(t, put(map[string]string{"client_id": "confidential-basic", "client_secret": secret}), http.StatusOK)
		c.ask(t, c.renew(c.connect(t, plain, nil)), http.StatusOK)
	}
	x := c.secret("x")
	for name, body := range map[string]any{
		"an object in place of the secret": map[string]any{"client_id": "i", "client_secret": map[string]string{"value": x}},
		"a line break in the secret":       map[string]string{"client_id": "i", "client_secret": x + "\n"},
		"a secret that is too long":        map[string]string{"client_id": "i", "client_secret": strings.Repeat(x, 500)},
		"a secret beside the members":      map[string]string{"client_id": "i", "client_secret": x, c.marker: x},
		"an id with a line break":          map[string]string{"client_id": x + "\n", "client_secret": x},
	} {
		t.Run("a client: "+name, func(t *testing.T) { c.ask(t, put(body), http.StatusUnprocessableEntity) })
	}
	c.ask(t, apptest.Request{Method: http.MethodDelete, Path: path, Token: c.admin}, http.StatusNoContent)

	own := c.store(t, "client credentials", stored{acme, "client_credentials", map[string]any{"client_id": "confidential", "client_secret": c.secret("in data")}})
	c.open(t, own)
	c.ask(t, c.renew(own), http.StatusOK)
	g := c.grant()
	id := c.store(t, "tokens of another client", stored{acme, "oauth2", map[string]any{"access_token": g.AccessToken, "refresh_token": g.RefreshToken,
		"expires_at": "2020-01-01T00:00:00Z", "client_id": "confidential", "client_secret": c.secret("beside tokens")}})
	c.open(t, id)
}

// misbegun are connections that cannot begin, with secrets where none belong.
func (c *client) misbegun(t *testing.T) {
	x, quoted := c.secret("x"), string(mustJSON(c.secret("x")))
	get := func(name, value string, status int) abuse {
		return abuse{name, apptest.Request{Method: http.MethodGet, Path: authorize(acme, url.Values{name: {value}}), Token: c.admin}, status}
	}
	post := func(name, body string, status int) abuse {
		return abuse{name, apptest.Request{Method: http.MethodPost, Path: "/api/integrations/plugins/" + acme + "/oauth/authorize", Token: c.admin, Body: body}, status}
	}
	for _, a := range []abuse{
		get("redirect_to", "https://evil.example/?"+x, 400), get("credential_id", x, 422), get("credential_type", x, 400), get("variables", x+"="+x, 422),
		get("variables", "tenant="+x, 422), get("login_hint", strings.Repeat(x, 20), 422), get("scopes", x+"\n", 422),
		post("a field whose name is the secret", `{"redirect_to":"`+apptest.AllowedRedirect+`",`+string(mustJSON(c.marker))+`:1}`, 422),
		post("an object in place of redirect_to", `{"redirect_to":{"token":`+quoted+`}}`, 422),
		post("redirect_to", `{"redirect_to":`+quoted+`}`, 400),
		{"nobody", apptest.Request{Method: http.MethodGet, Path: authorize(acme, url.Values{"name": {x}})}, 401},
		{"a program", apptest.Request{Method: http.MethodGet, Path: authorize(acme, url.Values{"name": {x}}), Key: c.key}, 403},
		{"a provider", apptest.Request{Method: http.MethodGet, Path: authorize(url.PathEscape(x), nil), Token: c.admin}, 400},
	} {
		t.Run("misbegun: "+a.name, func(t *testing.T) { c.ask(t, a.request, a.status) })
	}
}

// callbacks brings browsers back with what no provider sends.
func (c *client) callbacks(t *testing.T) {
	g := c.grant()
	tokens := g.AccessToken + " " + g.RefreshToken
	for name, change := range map[string]struct {
		query  url.Values
		reason string
	}{
		"tokens as the error":               {url.Values{"error": {g.AccessToken}, "error_description": {tokens}}, "provider_error"},
		"tokens as the error's description": {url.Values{"error": {"server_error"}, "error_description": {tokens}, "error_uri": {tokens}}, "server_error"},
		"tokens as the issuer":              {url.Values{"iss": {tokens}}, "provider_error"},
		"a token as the code":               {url.Values{"code": {g.RefreshToken}}, "provider_error"},
		"no code":                           {url.Values{"code": {""}, "access_token": {g.AccessToken}, "id_token": {tokens}}, "provider_error"},
	} {
		t.Run("a callback with "+name, func(t *testing.T) {
			of := c.begin(t, acme, nil)
			to := c.allow(of)
			query := to.Query()
			for name, values := range change.query {
				query[name] = values
			}
			to.RawQuery = query.Encode()
			c.fails(t, of, to, change.reason)
		})
	}
	c.strangeCallbacks(t)
}

// strangeCallbacks are callbacks that belong to no connection, or come in another browser.
func (c *client) strangeCallbacks(t *testing.T) {
	t.Run("a callback in another browser", func(t *testing.T) {
		of, other := c.begin(t, acme, nil), c.begin(t, acme, nil)
		to := c.allow(of)
		of.cookie = other.cookie
		c.fails(t, of, to, "invalid_state")
		c.fails(t, of, to, "invalid_state")
		if told := c.back(t, other, c.allow(other)); told.Get("credential_id") == "" {
			t.Errorf("the other browser's own connection is told %v", told)
		}
	})
	t.Run("another code with a state that was used", func(t *testing.T) {
		of := c.begin(t, acme, nil)
		to, next := c.allow(of), c.allow(of)
		c.back(t, of, to)
		c.fails(t, of, next, "invalid_state")
	})
	of := c.begin(t, acme, nil)
	to := c.allow(of)
	for name, abused := range map[string]struct {
		uri    string
		status int
	}{
		"a state that nobody knows": {to.Path + "?" + url.Values{"state": {c.secret("state")}, "code": to.Query()["code"]}.Encode(), 400},
		"no state":                  {to.Path + "?" + url.Values{"code": to.Query()["code"]}.Encode(), 422},
		"the state twice":           {to.RequestURI() + "&state=" + of.state, 422},
		"a code that is too long":   {to.Path + "?" + url.Values{"state": {of.state}, "code": {strings.Repeat(c.marker, 200)}}.Encode(), 422},
		"a query that is none":      {to.RequestURI() + "&%zz", 400},
		"a path that is not there":  {"/api/integrations/plugins/acme/oauth/callback/" + of.state + "?" + to.RawQuery, 404},
	} {
		t.Run("a callback with "+name, func(t *testing.T) {
			c.ask(t, apptest.Request{Method: http.MethodGet, Path: abused.uri, Header: http.Header{"Cookie": {of.cookie}}}, abused.status)
		})
	}
	t.Run("a callback that is posted", func(t *testing.T) {
		c.ask(t, apptest.Request{Method: http.MethodPost, Path: to.RequestURI(), Body: "{}"}, http.StatusMethodNotAllowed)
	})
	c.fails(t, of, &url.URL{Path: "/api/integrations/plugins/" + plain + "/oauth/callback", RawQuery: to.RawQuery}, "invalid_state")
}

// statements are ID tokens that do not verify, keys that cannot be had, and accounts whose
// e-mail cannot be asked for.
func (c *client) statements(t *testing.T) {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, forge := range map[string]func(token string) string{
		"a signature of somebody else's": func(token string) string {
			return token[:strings.LastIndex(token, ".")+1] + part(c.secret("signature"))
		},
		"no signature": func(token string) string {
			return part(`{"alg":"none"}`) + "." + strings.Split(token, ".")[1] + "."
		},
		"claims that are not signed": func(token string) string {
			parts := strings.Split(token, ".")
			return parts[0] + "." + part(`{"sub":"`+c.marker+`","email":"`+c.marker+`@example.com"}`) + "." + parts[2]
		},
		"what is no JWT":               func(token string) string { return c.secret("no JWT") + token },
		"a token that is far too long": func(token string) string { return token + strings.Repeat(c.marker, 3000) },
	} {
		t.Run("an ID token with "+name, func(t *testing.T) {
			of := c.begin(t, acme, nil)
			to := c.allow(of)
			s := c.tap.spoil(to.Query().Get("code"), fault{answer: func(x *wire) { x.process().rewrite("id_token", forge).send(x.w) }})
			c.fails(t, of, to, "invalid_id_token")
			s.want(t)
		})
	}
	for _, f := range broken {
		t.Run("keys: "+f.name, func(t *testing.T) {
			of := c.begin(t, acme, nil)
			to := c.allow(of)
			c.tap.spoil(to.Query().Get("code"), fault{answer: func(x *wire) {
				x.process().rewrite("id_token", func(token string) string {
					return part(`{"alg":"ES256","kid":"`+c.marker+`"}`) + token[strings.Index(token, "."):]
				}).send(x.w)
			}})
			s := c.tap.spoil("/jwks", f)
			c.fails(t, of, to, "invalid_id_token")
			s.want(t)
		})
		t.Run("userinfo: "+f.name, func(t *testing.T) {
			s := c.tap.spoil("/userinfo", f)
			c.connect(t, acme, url.Values{"scopes": {"offline_access"}})
			s.want(t)
		})
	}
}

// renewals has tokens renewed, as they should be.
func (c *client) renewals(t *testing.T) {
	for _, provider := range []string{acme, plain} {
		t.Run("renewed: "+provider, func(t *testing.T) {
			id := c.imports(t, provider, c.grant(), -time.Minute)
			c.open(t, id)
			c.ask(t, c.renew(id), http.StatusOK)
			c.open(t, id)
			c.ask(t, c.metadata(id), http.StatusOK)
		})
	}
}

// failures has tokens renewed and codes exchanged, and the provider's answer spoilt.
func (c *client) failures(t *testing.T) {
	for _, f := range faults {
		status := f.status
		if status == 0 {
			status = http.StatusServiceUnavailable
		}
		for name, of := range map[string]struct {
			ends time.Duration
			ask  func(id string) apptest.Request
		}{"a read": {-time.Minute, c.read}, "a request": {time.Hour, c.renew}} {
			t.Run("renewed for "+name+": "+f.name, func(t *testing.T) {
				g := c.grant()
				s := c.tap.spoil(g.RefreshToken, f)
				id := c.imports(t, plain, g, of.ends)
				c.ask(t, of.ask(id), status)
				s.want(t)
				c.ask(t, c.metadata(id), http.StatusOK)
			})
		}
		t.Run("a code's exchange: "+f.name, func(t *testing.T) {
			of := c.begin(t, plain, nil)
			to := c.allow(of)
			s := c.tap.spoil(to.Query().Get("code"), f)
			c.fails(t, of, to, "provider_error")
			s.want(t)
		})
		// A provider that fails again and again is left alone; one that answers is not.
		c.open(t, c.imports(t, plain, c.grant(), -time.Minute))
	}
}

// ahead has tokens renewed that nobody asks for.
func (c *client) ahead(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	good := fault{name: "nothing wrong", answer: func(x *wire) { x.process().send(x.w) }}
	// Fewer failures than after which the provider is left alone.
	waiting := map[string]*spoil{}
	for _, f := range []fault{faults[0], faults[2], faults[11], faults[13], good, good} {
		g := c.grant()
		s := c.tap.spoil(g.RefreshToken, f)
		waiting[c.imports(t, acme, g, -time.Minute)] = s
	}
	for id, s := range waiting {
		select {
		case <-s.done:
		case <-ctx.Done():
			t.Fatal("a token that has ended is not renewed")
		}
		c.ask(t, c.metadata(id), http.StatusOK)
	}
}

// revocations ends grants.
func (c *client) revocations(t *testing.T) {
	t.Run("revoked", func(t *testing.T) {
		if how := c.remove(t, c.imports(t, acme, c.grant(), time.Hour)); how != "revoked" {
			t.Errorf("the revocation is said to have %s", how)
		}
		c.remove(t, c.connect(t, plain, nil))
	})
	for _, f := range faults {
		t.Run("a revocation: "+f.name, func(t *testing.T) {
			g := c.grant()
			id := c.imports(t, acme, g, time.Hour)
			s := c.tap.spoil(g.RefreshToken, f)
			if how := c.remove(t, id); how == "" {
				t.Error("nothing is said of the revocation")
			}
			s.want(t)
		})
	}
}

// undiscovered asks for providers whose metadata cannot be had.
func (c *client) undiscovered(t *testing.T) {
	for i, f := range broken {
		t.Run("discovery: "+f.name, func(t *testing.T) {
			provider := fmt.Sprint(lost, i)
			s := c.tap.spoil("/"+provider+"/.well-known/openid-configuration", f)
			c.ask(t, apptest.Request{Method: http.MethodGet, Path: authorize(provider, nil), Token: c.admin}, http.StatusServiceUnavailable)
			s.want(t)
			id := c.imports(t, provider, c.grant(), -time.Minute)
			c.ask(t, c.read(id), http.StatusServiceUnavailable)
			c.ask(t, c.metadata(id), http.StatusOK)
			if how := c.remove(t, id); how != "failed" {
				t.Errorf("the revocation is said to have %s", how)
			}
		})
	}
}

// explosions has what speaks to providers panic with secrets in hand.
func (c *client) explosions(t *testing.T) {
	t.Run("a panic while a token is renewed", func(t *testing.T) {
		ended, valid := c.imports(t, explodeInRefresh, c.grant(), -time.Minute), c.imports(t, explodeInRefresh, c.grant(), time.Hour)
		c.ask(t, c.read(ended), http.StatusServiceUnavailable)
		c.ask(t, c.renew(valid), http.StatusServiceUnavailable)
		for _, id := range []string{ended, valid} {
			// The next process would wait for the leases to end.
			c.ask(t, apptest.Request{Method: http.MethodDelete, Path: credentials + "/" + id, Token: c.admin}, http.StatusNoContent)
		}
	})
	t.Run("a panic while a token is revoked", func(t *testing.T) {
		id := c.imports(t, explodeInRevoke, c.grant(), time.Hour)
		c.ask(t, apptest.Request{Method: http.MethodDelete, Path: credentials + "/" + id + "?revoke=true", Token: c.admin}, http.StatusInternalServerError)
	})
	for provider, scopes := range map[string]string{explodeInExchange: "openid", explodeInVerify: "openid", explodeInEmail: "offline_access"} {
		t.Run("a panic while an account is connected: "+provider, func(t *testing.T) {
			of := c.begin(t, provider, url.Values{"scopes": {scopes}})
			c.ask(t, callback(of, c.allow(of)), http.StatusInternalServerError)
		})
	}
}
