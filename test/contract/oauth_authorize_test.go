package contract_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/app"
	"strongroom/internal/oauth/oauthtest"
)

// forms are the ways to begin: each makes a request of a provider's name and of what the
// body of the two POST forms says.
var forms = map[string]func(provider string, body object) (method, path string, sent any){
	"the GET form": func(provider string, body object) (string, string, any) {
		q := url.Values{}
		for name, value := range body {
			if name == "integration_name" {
				name = "name"
			}
			q.Set(name, value.(string))
		}
		return "GET", "/api/integrations/" + provider + "/authorize?" + q.Encode(), nil
	},
	"the form of an integration's plugin": func(provider string, body object) (string, string, any) {
		return "POST", "/api/integrations/plugins/" + provider + "/oauth/authorize", body
	},
	"the form of a plugin": func(provider string, body object) (string, string, any) {
		return "POST", "/api/plugins/" + provider + "/oauth/authorize", body
	},
}

func TestAConnectionThatCannotBeginSetsNoCookieAndLeavesNothing(t *testing.T) {
	s := startOAuth(t, nil)
	good := object{"redirect_to": landing, "integration_name": "Mail"}
	mine, others := s.connect(s.here.owner, ""), s.connect(s.here.other, "")
	elsewhere, password := s.connect(s.there.owner, ""), s.store(s.here.owner, sftp("x", "pw"))
	for name, form := range forms {
		for _, c := range []struct {
			name, provider string
			body           object
			who            who
			status         int
			code           string
		}{
			{"at an unknown provider", "gopher", good, s.here.owner, 400, "invalid_provider"},
			{"at a provider without OAuth", "sftp", good, s.here.owner, 400, "bad_request"},
			{"at a provider for which no OAuth client is configured", "github", good, s.here.owner, 400, "bad_request"},
			{"without saying where to go in the end", "acme", object{"integration_name": "Mail"}, s.here.owner, 422, "validation_error"},
			{"with a page that is not on the list", "acme", object{"redirect_to": "https://elsewhere.example/connected"}, s.here.owner, 400, "bad_request"},
			{"of a type that the provider does not have", "acme", merge(good, object{"credential_type": "user_password"}), s.here.owner, 400, "bad_request"},
			{"of a type that nobody signs in for", "acme", merge(good, object{"credential_type": "client_credentials"}), s.here.owner, 400, "bad_request"},
			{"for a credential whose id is none", "acme", merge(good, object{"credential_id": "x"}), s.here.owner, 422, "validation_error"},
			{"for a credential that is not there", "acme", merge(good, object{"credential_id": uuid.NewString()}), s.here.owner, 404, "not_found"},
			{"for another organization's credential", "acme", merge(good, object{"credential_id": elsewhere}), s.here.admin, 404, "not_found"},
			{"for another user's credential", "acme", merge(good, object{"credential_id": others}), s.here.owner, 403, "forbidden"},
			{"for a credential of another provider", "beta", merge(good, object{"credential_id": mine}), s.here.owner, 400, "bad_request"},
			{"for a credential without OAuth", "acme", merge(good, object{"credential_id": password}), s.here.owner, 400, "bad_request"},
			{"by a service account", "acme", good, s.program, 403, "user_account_required"},
			{"by nobody", "acme", good, anonymous, 401, "unauthorized"},
		} {
			t.Run(name+", "+c.name, func(t *testing.T) {
				s := s.on(t)
				method, path, body := form(c.provider, c.body)
				a := s.call(c.who, method, path, body).WantError(t, c.status, c.code)
				if len(a.Header.Values("Set-Cookie")) > 0 {
					t.Error("a cookie is set")
				}
				if c.code == "validation_error" {
					if fields := s.detail(a); len(fields) != 1 {
						t.Errorf("detail is %v", fields)
					}
				}
			})
		}
	}
	t.Run("and what is refused is on record", func(t *testing.T) {
		s := s.on(t)
		events := s.events(s.here.admin, "?action=oauth.authorize&outcome=denied&credential_id="+others)
		if len(events) == 0 {
			t.Fatal("there is no event")
		}
		if e := events[0]; e["reason"] != "forbidden" || e["principal_id"] != s.here.owner.id.String() {
			t.Errorf("the event is %s", encode(t, e))
		}
	})
}

func TestWithoutAPublicURLNoAccountCanBeConnected(t *testing.T) {
	s := startOAuth(t, func(c *app.Config) { c.PublicURL = "" })
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			method, path, body := form("acme", object{"redirect_to": landing})
			s.call(s.here.owner, method, path, body).WantError(t, 400, "bad_request")
		})
	}
}

// An open redirector would hand credentials' ids, and people, to whoever asks.
func TestABrowserIsSentNowhereThatTheOperatorHasNotAllowed(t *testing.T) {
	s := startOAuth(t, func(c *app.Config) {
		c.AllowRedirects = []string{landing, "https://app.contract.test/connected", "https://root.contract.test"}
	})
	for _, to := range []string{
		"", "/connected", "app.contract.test/connected", "//app.contract.test/connected", "https:/app.contract.test/connected", "https:app.contract.test/connected",
		"https:///connected", "https://", "http://app.contract.test/connected", "HTTPS+x://app.contract.test/connected", "ftp://app.contract.test/connected",
		"javascript:alert(1)//https://app.contract.test/connected", "javascript://app.contract.test/connected%0aalert(1)", "data:text/html,https://app.contract.test/connected",
		"https://user@app.contract.test/connected", "https://app.contract.test@evil.test/connected", "https://app.contract.test:pw@evil.test/connected",
		"https://evil.test/https://app.contract.test/connected", "https://evil.test/connected", "https://evil.test#https://app.contract.test/connected",
		"https://app.contract.test.evil.test/connected", "https://evilapp.contract.test/connected", "https://sub.app.contract.test/connected", "https://app.contract.tes/connected",
		"https://app.contract.test./connected", "https://app.contract.test:444/connected", "https://app.contract.test:/connected", "https://app.contract.test%2eevil.test/connected",
		`https://app.contract.test\@evil.test/connected`, `https:\\app.contract.test\connected`, `https://evil.test\.app.contract.test/connected`, `https://app.contract.test/connected\..\x`,
		"https://app.contract.test", "https://app.contract.test/", "https://app.contract.test/connectedelsewhere", "https://app.contract.test/CONNECTED",
		"https://app.contract.test/connected/..", "https://app.contract.test/connected/../admin", "https://app.contract.test/connected/%2e%2e/admin", "https://app.contract.test/connected/./x",
		"https://app.contract.test/connected%2f..%2fadmin", "https://app.contract.test/x/../connected", "https://app.contract.test//connected", "https://app.contract.test/connected//evil.test",
		"https://app.contract.test/connected#", "https://app.contract.test/connected#fragment", "https://app.contract.test/connected?a=%zz", "https://app.contract.test/connected?a;b",
		" https://app.contract.test/connected", "https://app.contract.test/connected ", "https://app.contract.test/conn ected", "https://app.contract.test/con\u2215nected", "https://аpp.contract.test/connected",
		"https://root.contract.test.evil.test", "https://root.contract.test@evil.test", "http://root.contract.test", "http://127.0.0.1:10/connected", "http://localhost:9/connected", "https://127.0.0.1:9/connected",
		"https://app.contract.test/connected/" + strings.Repeat("x", 2048),
	} {
		for name, form := range forms {
			t.Run(name+", "+to, func(t *testing.T) {
				s := s.on(t)
				method, path, body := form("acme", object{"redirect_to": to})
				a := s.call(s.here.owner, method, path, body)
				if a.Status != 400 && a.Status != 422 {
					t.Errorf("it is answered %d", a.Status)
				}
				if len(a.Header.Values("Set-Cookie")) > 0 {
					t.Error("a cookie is set")
				}
			})
		}
	}
	for _, to := range []string{
		"https://app.contract.test/connected", "https://APP.contract.test/connected", "https://app.contract.test/connected/", "https://app.contract.test/connected/here",
		"https://app.contract.test/connected?a=1&b=%2F", "https://root.contract.test", "https://root.contract.test/", "https://root.contract.test/any/where", landing + "/x",
	} {
		t.Run("while it may be sent to "+to, func(t *testing.T) {
			s := s.on(t)
			s.connection(s.get(s.newUser(), authorizePath+"?redirect_to="+url.QueryEscape(to)))
		})
	}
}

func TestEveryFormBeginsAConnection(t *testing.T) {
	s := startOAuth(t, nil)
	for _, c := range []struct {
		name, form, provider string
		body                 object
		callback             string
	}{
		{"the GET form", "the GET form", "acme", object{}, integrationCallback},
		{"the provider's name in any case", "the GET form", "AcMe", object{}, integrationCallback},
		{"the form of an integration's plugin", "the form of an integration's plugin", "acme", object{}, integrationCallback},
		{"the same in any case", "the form of an integration's plugin", "ACME", object{}, integrationCallback},
		{"the form of a plugin", "the form of a plugin", "acme", object{}, pluginCallback},
		{"with the provider's name", "the form of a plugin", "acme", object{"provider_name": "acme"}, pluginCallback},
		{"with both in any case", "the form of a plugin", "Acme", object{"provider_name": "ACME"}, pluginCallback},
		{"with a credential type for the provider's name", "the form of a plugin", "acme", object{"provider_name": "oauth2"}, "/api/plugins/acme/oauth2/oauth/callback"},
		{"of a client without a secret", "the GET form", "beta", object{}, "/api/integrations/plugins/beta/oauth/callback"},
		{"of a client without a secret, for a plugin", "the form of a plugin", "beta", object{}, "/api/plugins/beta/beta/oauth/callback"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			user := s.newUser()
			method, path, body := forms[c.form](c.provider, merge(object{"redirect_to": landing, "integration_name": "  My account "}, c.body))
			before := time.Now()
			a := s.call(user, method, path, body)
			var keys []string
			for name := range s.object(a, 200) {
				keys = append(keys, name)
			}
			want(t, "what is answered", setOf(keys), setOf([]string{"authorization_url", "state", "expires_at"}))
			got := s.connection(a)
			client := map[bool]string{true: oauthtest.Public, false: oauthtest.Confidential}[strings.EqualFold(c.provider, "beta")]
			for name, right := range map[string]string{"response_type": "code", "client_id": client, "redirect_uri": publicURL + c.callback,
				"state": got.state, "code_challenge_method": "S256", "scope": "openid offline_access"} {
				want(t, name, got.asked[name], []string{right})
			}
			for name, form := range map[string]string{"code_challenge": `^[A-Za-z0-9_-]{43}$`, "nonce": `^[A-Za-z0-9_-]{22,}$`, "state": `^[A-Za-z0-9_-]{22,}$`} {
				if !regexp.MustCompile(form).MatchString(got.asked.Get(name)) {
					t.Errorf("%s is %q", name, got.asked.Get(name))
				}
			}
			if !strings.HasPrefix(got.url, s.provider.URL+oauthtest.AuthorizePath+"?") {
				t.Errorf("the browser is sent to %s", got.url)
			}
			if left := got.expires.Sub(before); left <= 0 || left > 15*time.Minute {
				t.Errorf("it expires in %s", left)
			}
			s.wantCredentials(user, 0)
			id := s.credentialOf(s.back(got, s.provider.Allow(got.url, "person")))
			metadata := s.object(s.get(user, credentialsPath+"/"+id), 200)
			want(t, "the name", metadata["name"], "My account")
			want(t, "the provider", metadata["provider"], strings.ToLower(c.provider))
		})
	}
}

func TestTheCookieBelongsToTheBrowserAndToOneConnection(t *testing.T) {
	s := startOAuth(t, nil)
	before := time.Now()
	first, second := s.begin(s.here.owner, ""), s.begin(s.here.owner, "")
	c := first.cookie
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/api" || c.Domain != "" || len(c.Value) < 22 {
		t.Errorf("the cookie is %s", c.Raw)
	}
	if c.Secure {
		t.Error("the cookie is for https, and browsers come by http")
	}
	if limit := int(first.expires.Sub(before)/time.Second) + 1; c.MaxAge < 1 || c.MaxAge > limit || c.MaxAge < limit-60 {
		t.Errorf("the cookie lasts %d seconds, the connection %d", c.MaxAge, limit)
	}
	if c.Name == second.cookie.Name || c.Value == second.cookie.Value {
		t.Error("a second connection takes the first one's cookie away")
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if first.asked.Get(name) == second.asked.Get(name) {
			t.Errorf("two connections have the same %s", name)
		}
	}
	if strings.Contains(first.url, c.Value) || strings.Contains(c.Name+c.Value, first.state) {
		t.Error("the cookie and the address tell of each other")
	}
	t.Run("and goes by https alone where browsers come by https", func(t *testing.T) {
		s := start(t, connectable)
		a := s.get(s.here.owner, "/api/integrations/google/authorize?redirect_to="+url.QueryEscape(allowedRedirect)).Want(t, 200)
		if cookie := a.Header.Get("Set-Cookie"); !strings.Contains(cookie, "; Secure") {
			t.Errorf("the cookie is %s", cookie)
		}
	})
}

func TestWhatIsAskedForIsWhatTheUserSays(t *testing.T) {
	s := startOAuth(t, nil)
	t.Run("in the query", func(t *testing.T) {
		s := s.on(t)
		c := s.begin(s.here.owner, "&scopes=offline_access+mail.read&login_hint=me%40example.com")
		want(t, "scope", c.asked["scope"], []string{"offline_access mail.read"})
		want(t, "login_hint", c.asked["login_hint"], []string{"me@example.com"})
		want(t, "the nonce of a request that asks for no ID token", c.asked["nonce"], nil)
	})
	t.Run("in the body", func(t *testing.T) {
		s := s.on(t)
		c := s.connection(s.call(s.here.owner, "POST", "/api/plugins/acme/oauth/authorize", object{
			"redirect_to": landing, "scopes": []string{"offline_access", "mail.read"}, "login_hint": "me@example.com"}))
		want(t, "scope", c.asked["scope"], []string{"offline_access mail.read"})
		want(t, "login_hint", c.asked["login_hint"], []string{"me@example.com"})
	})
}

func TestAUserHasOnlySoManyConnectionsUnderWay(t *testing.T) {
	s := startOAuth(t, nil)
	user := s.newUser()
	var last begun
	for range 20 {
		last = s.begin(user, "")
	}
	s.get(user, authorizePath+"?redirect_to="+url.QueryEscape(landing)).WantError(t, 429, "rate_limited")
	s.begin(s.newUser(), "")
	s.credentialOf(s.back(last, s.provider.Allow(last.url, "person")))
	s.begin(user, "")
}

func TestAProviderThatCannotBeAskedForItsAddressesIsAskedAgainLater(t *testing.T) {
	s := startOAuth(t, nil)
	for _, path := range []string{oauthtest.DiscoveryPath, oauthtest.MetadataPath} {
		s.provider.Behave(oauthtest.Behaviour{Endpoint: path, Mode: oauthtest.AnswerStatus, Times: 1})
	}
	s.get(s.here.owner, authorizePath+"?redirect_to="+url.QueryEscape(landing)).WantError(t, 503, "refresh_failed")
	for _, path := range []string{oauthtest.DiscoveryPath, oauthtest.MetadataPath} {
		s.provider.Behave(oauthtest.Behaviour{Endpoint: path, Mode: oauthtest.Normal})
	}
}
