package contract_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

func TestWhatTheProviderRefusesComesBackAsItsCodeAndASentenceOfOurs(t *testing.T) {
	s := startOAuth(t, nil)
	t.Run("a user who does not consent", func(t *testing.T) {
		s := s.on(t)
		user := s.newUser()
		c := s.begin(user, "")
		s.wantFailure(user, s.back(c, s.provider.Deny(c.url, "person")), "access_denied", 0)
	})
	t.Run("a scope that the provider does not give", func(t *testing.T) {
		s := s.on(t)
		user := s.newUser()
		c := s.begin(user, "&scopes="+oauthtest.ForbiddenScope)
		s.wantFailure(user, s.back(c, s.provider.Allow(c.url, "person")), "invalid_scope", 0)
	})
	user, cases := s.here.owner, map[string]string{"<script>": "provider_error", canary: "provider_error", "ACCESS_DENIED": "provider_error", "invalid_state": "provider_error",
		"a code of nobody's": "provider_error", strings.Repeat("x", 256): "provider_error"}
	for _, code := range []string{"access_denied", "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error", "temporarily_unavailable"} {
		cases[code] = code
	}
	for sent, told := range cases {
		t.Run(sent, func(t *testing.T) {
			s := s.on(t)
			c := s.begin(user, "")
			// A code that comes along is not looked at.
			address := &url.URL{Path: integrationCallback, RawQuery: url.Values{"state": {c.state}, "error": {sent}, "code": {"c"},
				"error_description": {canary + "description"}, "error_uri": {"https://evil.test"}}.Encode()}
			s.wantFailure(user, s.back(c, address), told, 0)
		})
	}
	want(t, "the requests to the token endpoint", s.tokenRequests(), 0)
}

func TestACallbackThatNobodyBeganHere(t *testing.T) {
	s := startOAuth(t, nil)
	long := strings.Repeat("x", 513)
	for _, path := range []string{integrationCallback, pluginCallback} {
		for _, c := range []struct {
			name, query string
			status      int
			code        string
		}{
			{"has an unknown state", "?state=" + uuid.NewString() + "&code=c", 400, "bad_request"},
			{"has an unknown state and an error", "?state=" + uuid.NewString() + "&error=access_denied", 400, "bad_request"},
			{"has an empty state", "?state=&code=c", 400, "bad_request"},
			{"has no state", "?code=c", 422, "validation_error"},
			{"has two states", "?state=a&state=b&code=c", 422, "validation_error"},
			{"has a state that is too long", "?state=" + long + "&code=c", 422, "validation_error"},
			{"has a code that is too long", "?state=a&code=" + strings.Repeat(long, 8), 422, "validation_error"},
			{"has a state of control characters", "?state=%00%0d%0a&code=c", 422, "validation_error"},
			{"has a query that is none", "?state=%zz", 400, "bad_request"},
		} {
			t.Run(c.name, func(t *testing.T) {
				a := s.on(t).get(anonymous, path+c.query).WantError(t, c.status, c.code)
				if a.Header.Get("Location") != "" {
					t.Error("the browser is sent on")
				}
			})
		}
	}
}

func TestAStateServesOneBrowserOnOnePathAndOnlyOnce(t *testing.T) {
	s := startOAuth(t, nil)
	for _, c := range []struct {
		name string
		// cookies are what the browser sends, address is where it goes.
		cookies func(own, others begun) []*http.Cookie
		address func(*url.URL) *url.URL
	}{
		{"a browser without cookies", func(begun, begun) []*http.Cookie { return nil }, nil},
		{"a browser that began another connection", func(_, others begun) []*http.Cookie { return []*http.Cookie{others.cookie} }, nil},
		{"a cookie that is empty", func(own, _ begun) []*http.Cookie { return []*http.Cookie{{Name: own.cookie.Name}} }, nil},
		{"a cookie that was changed", func(own, _ begun) []*http.Cookie {
			return []*http.Cookie{{Name: own.cookie.Name, Value: own.cookie.Value + "A"}}
		}, nil},
		{"the state for a cookie", func(own, _ begun) []*http.Cookie { return []*http.Cookie{{Name: own.cookie.Name, Value: own.state}} }, nil},
		{"another cookie of that value", func(own, _ begun) []*http.Cookie { return []*http.Cookie{{Name: "session", Value: own.cookie.Value}} }, nil},
		{"another connection's cookie under this one's name", func(own, others begun) []*http.Cookie {
			return []*http.Cookie{{Name: own.cookie.Name, Value: others.cookie.Value}}
		}, nil},
		{"the other form's path", func(own, _ begun) []*http.Cookie { return []*http.Cookie{own.cookie} }, func(u *url.URL) *url.URL {
			return &url.URL{Path: pluginCallback, RawQuery: u.RawQuery}
		}},
		{"another provider's path", func(own, _ begun) []*http.Cookie { return []*http.Cookie{own.cookie} }, func(u *url.URL) *url.URL {
			return &url.URL{Path: strings.Replace(integrationCallback, "acme", "beta", 1), RawQuery: u.RawQuery}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			user := s.newUser()
			own, others := s.begin(user, ""), s.begin(user, "")
			address, before := s.provider.Allow(own.url, "person"), s.tokenRequests()
			wrong := address
			if c.address != nil {
				wrong = c.address(address)
			}
			s.wantFailure(user, s.landed(s.send(returning(wrong, c.cookies(own, others)...))), "invalid_state", 0)
			// Whoever has stolen a state could try again: it is used up.
			q := s.back(own, address)
			if q.Get("credential_id") != "" || q.Get("error") != "invalid_state" {
				t.Errorf("the right browser then lands with %v", q)
			}
			s.wantCredentials(user, 0)
			want(t, "the requests to the token endpoint", s.tokenRequests(), before)
			s.credentialOf(s.back(others, s.provider.Allow(others.url, "person")))
		})
	}
	t.Run("a denial from another browser", func(t *testing.T) {
		s := s.on(t)
		user := s.newUser()
		own := s.begin(user, "")
		s.wantFailure(user, s.landed(s.send(returning(s.provider.Deny(own.url, "person")))), "invalid_state", 0)
	})
	t.Run("the right cookie among others", func(t *testing.T) {
		s := s.on(t)
		user := s.newUser()
		own, others := s.begin(user, ""), s.begin(user, "")
		address := s.provider.Allow(own.url, "person")
		s.credentialOf(s.landed(s.send(returning(address, others.cookie, &http.Cookie{Name: "a", Value: "b"}, own.cookie))))
	})
}

func TestAStateExpires(t *testing.T) {
	s := startOAuth(t, nil)
	user := s.newUser()
	c := s.begin(user, "")
	state := s.expired(c)
	address := s.provider.Allow(c.url, "person")
	s.wantFailure(user, s.back(c, set(address, "state", state)), "state_expired", 0)
	s.wantFailure(user, s.landed(s.send(returning(set(address, "state", state)))), "invalid_state", 0)
	want(t, "the requests to the token endpoint", s.tokenRequests(), 0)
	s.credentialOf(s.back(c, address))
}

func TestACallbackThatComesTwiceIsAnsweredTwiceTheSameAndMakesOneExchange(t *testing.T) {
	s := startOAuth(t, nil)
	t.Run("one after the other", func(t *testing.T) {
		s := s.on(t)
		user, before := s.newUser(), s.tokenRequests()
		c := s.begin(user, "")
		address := s.provider.Allow(c.url, "person")
		id := s.credentialOf(s.back(c, address))
		want(t, "the second answer", s.credentialOf(s.back(c, address)), id)
		want(t, "the third answer", s.credentialOf(s.back(c, address)), id)
		s.wantCredentials(user, 1)
		want(t, "the exchanges", s.tokenRequests()-before, 1)
		want(t, "whether the grant lives", s.grantOf(s.opened(s.program, id)).Alive, true)
	})
	t.Run("at once", func(t *testing.T) {
		s := s.on(t)
		user, before := s.newUser(), s.tokenRequests()
		c := s.begin(user, "")
		request := returning(s.provider.Allow(c.url, "person"), c.cookie)
		s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, Times: 1})
		answers := make([]apptest.Answer, 8)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() { answers[i], _ = s.Try(request) })
		}
		s.provider.WaitHeld(context.Background(), 1)
		s.provider.Release()
		group.Wait()
		id := s.credentialOf(s.landed(answers[0]))
		for _, a := range answers {
			want(t, "each answer", s.credentialOf(s.landed(a)), id)
		}
		s.wantCredentials(user, 1)
		want(t, "the exchanges", s.tokenRequests()-before, 1)
	})
	t.Run("after a failure", func(t *testing.T) {
		s := s.on(t)
		user := s.newUser()
		c := s.begin(user, "")
		address := s.provider.Deny(c.url, "person")
		s.wantFailure(user, s.back(c, address), "access_denied", 0)
		s.wantFailure(user, s.back(c, address), "access_denied", 0)
	})
	t.Run("but not with another code", func(t *testing.T) {
		s := s.on(t)
		user, before := s.newUser(), s.tokenRequests()
		c := s.begin(user, "")
		address := s.provider.Allow(c.url, "person")
		s.credentialOf(s.back(c, address))
		other := s.provider.Allow(c.url, "another")
		s.wantFailure(user, s.back(c, other), "invalid_state", 1)
		s.wantFailure(user, s.back(c, s.provider.Deny(c.url, "person")), "invalid_state", 1)
		want(t, "the exchanges", s.tokenRequests()-before, 1)
	})
	t.Run("nor from another browser", func(t *testing.T) {
		s := s.on(t)
		user := s.newUser()
		c := s.begin(user, "")
		address := s.provider.Allow(c.url, "person")
		s.credentialOf(s.back(c, address))
		s.wantFailure(user, s.landed(s.send(returning(address))), "invalid_state", 1)
	})
}

func TestTwoTabsConnectTwoAccounts(t *testing.T) {
	s := startOAuth(t, nil)
	user := s.newUser()
	first, second := s.begin(user, "&name=first"), s.begin(user, "&name=second")
	both := []*http.Cookie{first.cookie, second.cookie}
	ids := map[string]string{}
	for name, c := range map[string]begun{"second": second, "first": first} {
		ids[name] = s.credentialOf(s.landed(s.send(returning(s.provider.Allow(c.url, name), both...))))
	}
	for name, id := range ids {
		metadata := s.object(s.get(user, credentialsPath+"/"+id), 200)
		want(t, "the name", metadata["name"], name)
		want(t, "the account", metadata["account_email"], name+"@example.com")
	}
}

func TestAConnectionOutlivesARestartOfTheService(t *testing.T) {
	s := startOAuth(t, nil)
	user := s.newUser()
	c, other := s.begin(user, ""), s.begin(user, "")
	otherAddress := s.provider.Allow(other.url, "person")
	id := s.credentialOf(s.back(other, otherAddress))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s.Open(oauthConfig(t, s.provider, nil))
	s.credentialOf(s.back(c, s.provider.Allow(c.url, "person")))
	want(t, "the answer to a callback from before", s.credentialOf(s.back(other, otherAddress)), id)
}

func TestTheLandingPageKeepsItsOwnQuery(t *testing.T) {
	s := startOAuth(t, nil)
	for name, c := range map[string]struct {
		query string
		right url.Values
	}{
		"as it was":                              {"?step=2&next=%2Fa%26b&step=3", url.Values{"step": {"2", "3"}, "next": {"/a&b"}}},
		"but for what only this service may say": {"?credential_id=x&error=x&error_description=x&a=1", url.Values{"a": {"1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			user := s.newUser()
			path := authorizePath + "?redirect_to=" + url.QueryEscape(landing+c.query)
			done := s.connection(s.get(user, path))
			q := s.back(done, s.provider.Allow(done.url, "person"))
			if uuid.Validate(q.Get("credential_id")) != nil || len(q["credential_id"]) != 1 {
				t.Errorf("the browser lands with %v", q)
			}
			q.Del("credential_id")
			want(t, "the rest of the query", q, c.right)
			denied := s.connection(s.get(user, path))
			q = s.back(denied, s.provider.Deny(denied.url, "person"))
			want(t, "error", q["error"], []string{"access_denied"})
			q.Del("error")
			q.Del("error_description")
			want(t, "the rest of the query", q, c.right)
		})
	}
}

func TestATokenEndpointThatFailsStoresNothing(t *testing.T) {
	s := startOAuth(t, nil)
	for name, b := range map[string]oauthtest.Behaviour{
		"answers 500":                  {Mode: oauthtest.AnswerStatus, Status: 500, Body: canary},
		"answers 503":                  {Mode: oauthtest.AnswerStatus},
		"answers invalid_grant":        {Mode: oauthtest.AnswerStatus, Status: 400, Body: `{"error":"invalid_grant","error_description":"` + canary + `"}`},
		"answers invalid_client":       {Mode: oauthtest.AnswerStatus, Status: 401, Body: `{"error":"invalid_client"}`},
		"answers an unknown error":     {Mode: oauthtest.AnswerStatus, Status: 400, Body: `{"error":"` + canary + `"}`},
		"redirects":                    {Mode: oauthtest.AnswerStatus, Status: 302, Headers: map[string]string{"Location": "https://evil.test"}},
		"answers a web page":           {Mode: oauthtest.AnswerHTML},
		"answers what is no JSON":      {Mode: oauthtest.AnswerGarbled},
		"answers without a token":      {Mode: oauthtest.Rewrite, Remove: []string{"access_token"}},
		"answers a token that is none": {Mode: oauthtest.Rewrite, Set: map[string]any{"access_token": "a\nb"}},
		"is cut off":                   {Mode: oauthtest.Cut},
		"hangs up":                     {Mode: oauthtest.DropAfter},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			user := s.newUser()
			c := s.begin(user, "")
			b.Times = 1
			s.provider.Behave(b)
			address, before := s.provider.Allow(c.url, "person"), s.tokenRequests()
			s.wantFailure(user, s.back(c, address), "provider_error", 0)
			s.wantFailure(user, s.back(c, address), "provider_error", 0)
			// A code is never sent twice (RFC 6749, section 4.1.2).
			want(t, "the requests to the token endpoint", s.tokenRequests()-before, 1)
		})
	}
	t.Run("and the next connection is made", func(t *testing.T) {
		s := s.on(t)
		s.connect(s.newUser(), "")
	})
}

func TestAnAnswerThatNamesAnotherProviderGivesItNoCode(t *testing.T) {
	s := startOAuth(t, nil)
	for _, provider := range []string{"acme", "beta"} {
		t.Run(provider, func(t *testing.T) {
			s := s.on(t)
			user := s.newUser()
			c := s.connection(s.get(user, "/api/integrations/"+provider+"/authorize?redirect_to="+url.QueryEscape(landing)))
			address, before := s.provider.Allow(c.url, "person"), s.tokenRequests()
			s.wantFailure(user, s.back(c, set(address, "iss", "https://evil.test")), "provider_error", 0)
			want(t, "the requests to the token endpoint", s.tokenRequests(), before)
			again := s.connection(s.get(user, "/api/integrations/"+provider+"/authorize?redirect_to="+url.QueryEscape(landing)))
			s.credentialOf(s.back(again, set(s.provider.Allow(again.url, "person"), "iss", s.provider.URL)))
		})
	}
}

func TestALimitThatIsReachedIsToldAtTheLandingPage(t *testing.T) {
	for name, edit := range map[string]func(*app.Config){
		"a user's":     func(c *app.Config) { c.CredentialsPerUser = 1 },
		"a provider's": func(c *app.Config) { c.CredentialsPerProvider = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			s := startOAuth(t, edit)
			user := s.newUser()
			id := s.connect(user, "")
			c := s.begin(user, "")
			s.wantFailure(user, s.back(c, s.provider.Allow(c.url, "person")), "not_stored", 1)
			again := s.begin(user, "&credential_id="+id)
			want(t, "the credential that is connected again", s.credentialOf(s.back(again, s.provider.Allow(again.url, "person"))), id)
		})
	}
}

func TestEveryCallbackIsOnRecordAsTheUsersWhoBegan(t *testing.T) {
	s := startOAuth(t, nil)
	user := s.newUser()
	allowed, denied, stolen := s.begin(user, ""), s.begin(user, ""), s.begin(user, "")
	id := s.credentialOf(s.back(allowed, s.provider.Allow(allowed.url, "person")))
	s.back(denied, s.provider.Deny(denied.url, "person"))
	s.landed(s.send(returning(s.provider.Allow(stolen.url, "person"))))
	var seen []object
	for _, e := range s.events(s.here.admin, "?action=oauth.callback") {
		seen = append(seen, object{"outcome": e["outcome"], "note": e["note"], "credential_id": e["credential_id"], "principal_id": e["principal_id"], "provider": e["provider"], "kind": e["principal_kind"]})
	}
	event := object{"principal_id": user.id, "kind": strongroom.KindUser, "provider": "acme"}
	want(t, "the events", seen, []object{
		merge(event, object{"outcome": "denied", "note": "invalid_state", "credential_id": nil}),
		merge(event, object{"outcome": "denied", "note": "access_denied", "credential_id": nil}),
		merge(event, object{"outcome": "allowed", "note": nil, "credential_id": id}),
	})
	want(t, "the creation on record", values(s.events(s.here.admin, "?action=credential.create&credential_id="+id), "principal_id"), []any{user.id})
	want(t, "the beginnings on record", len(s.events(s.here.admin, "?action=oauth.authorize")), 3)
	want(t, "how many of them the other organization sees", len(s.events(s.there.admin, "?action=oauth.callback")), 0)
}
