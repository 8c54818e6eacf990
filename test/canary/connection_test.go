package canary_test

import (
	"bytes"
	"net/http"
	"net/url"
	"testing"
	"time"

	"strongroom/api"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

// client is a spy that connects accounts and has their tokens renewed.
type client struct {
	*spy
	tap *tap
}

// connection is one that has begun.
type connection struct {
	url, state, cookie string
}

func authorize(provider string, more url.Values) string {
	query := url.Values{"redirect_to": {apptest.AllowedRedirect}, "scopes": {"openid offline_access"}}
	for name, values := range more {
		query[name] = values
	}
	return "/api/integrations/" + provider + "/authorize?" + query.Encode()
}

// begin begins to connect an account. The answer, and nothing else, shows the state and
// the browser's key, each in its place.
func (c *client) begin(t *testing.T, provider string, more url.Values) connection {
	t.Helper()
	a := c.Do(apptest.Request{Method: http.MethodGet, Path: authorize(provider, more), Token: c.admin}).Want(t, http.StatusOK)
	var begun api.Authorization
	a.Into(t, &begun)
	cookies := (&http.Response{Header: a.Header}).Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly {
		t.Fatal("the answer does not set one cookie that pages cannot read")
	}
	c.tap.saw("state", begun.State)
	c.tap.saw("browser key", cookies[0].Value)
	a.Header.Del("Set-Cookie")
	a.Body = bytes.ReplaceAll(a.Body, []byte(begun.State), nil)
	c.see(t, a)
	return connection{begun.AuthorizationURL, begun.State, cookies[0].Name + "=" + cookies[0].Value}
}

// allow has the user consent, and returns where the browser is sent back to.
func (c *client) allow(of connection) *url.URL { return c.tap.server.Allow(of.url, "someone") }

// back brings the browser back, and returns what the page learns that it is sent on to.
func (c *client) back(t *testing.T, of connection, to *url.URL) url.Values {
	t.Helper()
	a := c.ask(t, callback(of, to), http.StatusSeeOther)
	on, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return on.Query()
}

func callback(of connection, to *url.URL) apptest.Request {
	return apptest.Request{Method: http.MethodGet, Path: to.RequestURI(), Header: http.Header{"Cookie": {of.cookie}}}
}

// connect connects an account and returns the credential's id.
func (c *client) connect(t *testing.T, provider string, more url.Values) string {
	t.Helper()
	of := c.begin(t, provider, more)
	told := c.back(t, of, c.allow(of))
	id := told.Get("credential_id")
	if id == "" {
		t.Fatalf("the account was not connected: %v", told)
	}
	c.open(t, id)
	return id
}

// fails ends a connection that must not be made, for the reason.
func (c *client) fails(t *testing.T, of connection, to *url.URL, reason string) {
	t.Helper()
	if told := c.back(t, of, to); told.Get("error") != reason || told.Get("error_description") == "" || told.Has("credential_id") {
		t.Errorf("the page is told %v, want the error %s", told, reason)
	}
}

// grant makes a grant whose tokens are looked for.
func (c *client) grant() oauthtest.Grant {
	g := c.tap.server.MakeGrant(oauthtest.GrantRequest{Scopes: []string{"openid", "offline_access"}})
	c.tap.saw("access token", g.AccessToken)
	c.tap.saw("refresh token", g.RefreshToken)
	return g
}

// imports stores a grant's tokens, of which the access token ends after so long, and
// returns the credential's id.
func (c *client) imports(t *testing.T, provider string, g oauthtest.Grant, ends time.Duration) string {
	t.Helper()
	return c.store(t, "imported", stored{provider, "oauth2", map[string]any{
		"access_token": g.AccessToken, "refresh_token": g.RefreshToken, "expires_at": time.Now().Add(ends).UTC().Format(time.RFC3339),
	}})
}

func (c *client) read(id string) apptest.Request {
	return apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + "/credentials", Key: c.key}
}

func (c *client) renew(id string) apptest.Request {
	return apptest.Request{Method: http.MethodPost, Path: credentials + "/" + id + "/refresh", Token: c.admin}
}

func (c *client) metadata(id string) apptest.Request {
	return apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id, Token: c.admin}
}

// remove deletes a credential with its grant, and returns how the revocation went.
func (c *client) remove(t *testing.T, id string) string {
	t.Helper()
	a := c.ask(t, apptest.Request{Method: http.MethodDelete, Path: credentials + "/" + id + "?revoke=true", Token: c.admin}, http.StatusNoContent)
	return a.Header.Get("X-Revocation")
}
