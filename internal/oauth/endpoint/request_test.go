package endpoint_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/endpoint"
	"strongroom/secret"
)

// call makes the request that a case is about.
type call func(context.Context, *endpoint.Caller, catalog.OAuth, oauth.Client) oauth.Answer

func refresh(ctx context.Context, c *endpoint.Caller, def catalog.OAuth, client oauth.Client) oauth.Answer {
	return c.Refresh(ctx, def, client, value("r+/="))
}

func exchange(ctx context.Context, c *endpoint.Caller, def catalog.OAuth, client oauth.Client) oauth.Answer {
	return c.Exchange(ctx, def, client, value("code"), value("verifier"), "https://here.example/callback?x=1")
}

func credentials(scopes ...string) call {
	return func(ctx context.Context, c *endpoint.Caller, def catalog.OAuth, client oauth.Client) oauth.Answer {
		return c.ClientCredentials(ctx, def, client, scopes)
	}
}

var (
	ours   = oauth.Client{ID: "our client:1", Secret: value("s&c=r:t/é")}
	public = oauth.Client{ID: "our client:1"}
)

var tokenRequests = []struct {
	name       string
	edit       func(*catalog.OAuth)
	client     oauth.Client
	call       call
	form       url.Values
	user, pass string
	json       string
}{
	{
		name: "a refresh with basic authentication, whose parts are encoded first", client: ours, call: refresh,
		form: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"r+/="}}, user: "our+client%3A1", pass: "s%26c%3Dr%3At%2F%C3%A9",
	},
	{
		name: "a refresh with the client in the body", client: ours, call: refresh,
		edit: func(d *catalog.OAuth) { d.ClientAuthentication = catalog.AuthenticatePost },
		form: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"r+/="}, "client_id": {"our client:1"}, "client_secret": {"s&c=r:t/é"}},
	},
	{
		name: "a refresh where the provider knows public clients alone", client: ours, call: refresh,
		edit: func(d *catalog.OAuth) { d.ClientAuthentication = catalog.AuthenticateNone },
		form: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"r+/="}, "client_id": {"our client:1"}},
	},
	{
		name: "a refresh of a client without a secret", client: public, call: refresh,
		form: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"r+/="}, "client_id": {"our client:1"}},
	},
	{
		name: "a refresh of a client without a secret in the body", client: public, call: refresh,
		edit: func(d *catalog.OAuth) { d.ClientAuthentication = catalog.AuthenticatePost },
		form: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"r+/="}, "client_id": {"our client:1"}},
	},
	{
		name: "an exchange of a code", client: ours, call: exchange,
		form: url.Values{"grant_type": {"authorization_code"}, "code": {"code"}, "code_verifier": {"verifier"}, "redirect_uri": {"https://here.example/callback?x=1"}},
		user: "our+client%3A1", pass: "s%26c%3Dr%3At%2F%C3%A9",
	},
	{
		name: "parameters of the definition's, but for those of the request", client: public, call: refresh,
		edit: func(d *catalog.OAuth) {
			d.TokenParameters = map[string]string{"audience": "api", "grant_type": "theirs"}
		},
		form: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"r+/="}, "client_id": {"our client:1"}, "audience": {"api"}},
	},
	{
		name: "client credentials with scopes", client: public, call: credentials("a", "b"),
		edit: func(d *catalog.OAuth) { d.ScopeSeparator = "," },
		form: url.Values{"grant_type": {"client_credentials"}, "scope": {"a,b"}, "client_id": {"our client:1"}},
	},
	{
		name: "client credentials of a grant type of the provider's own", client: public, call: credentials(),
		edit: func(d *catalog.OAuth) { d.ClientCredentialsGrantType = "account_credentials" },
		form: url.Values{"grant_type": {"account_credentials"}, "client_id": {"our client:1"}},
	},
	{
		name: "JSON", client: ours, call: refresh, edit: func(d *catalog.OAuth) { d.JSONRequest = true },
		json: `{"grant_type":"refresh_token","refresh_token":"r+/="}`, user: "our+client%3A1", pass: "s%26c%3Dr%3At%2F%C3%A9",
	},
}

func TestHowATokenRequestLooks(t *testing.T) {
	for _, tc := range tokenRequests {
		t.Run(tc.name, func(t *testing.T) {
			p := newProvider(t, map[string]http.HandlerFunc{"/token": json(goodToken)})
			def := p.definition()
			if tc.edit != nil {
				tc.edit(&def)
			}
			if a := tc.call(t.Context(), p.caller(), def, tc.client); a.Outcome != oauth.Renewed {
				t.Fatalf("got %s: %v", a.Outcome, a.Cause)
			}
			got := p.only(t)
			if got.method != http.MethodPost || got.user != tc.user || got.pass != tc.pass || (tc.user == "") != (got.header.Get("Authorization") == "") {
				t.Errorf("%s as %q with %q", got.method, got.user, got.pass)
			}
			wantType := "application/x-www-form-urlencoded"
			if tc.json != "" {
				wantType = "application/json"
				if got.body != tc.json {
					t.Errorf("the body is %s, want %s", got.body, tc.json)
				}
			} else if got.form.Encode() != tc.form.Encode() {
				t.Errorf("the form is %s, want %s", got.form.Encode(), tc.form.Encode())
			}
			if h := got.header; h.Get("Content-Type") != wantType || h.Get("Accept") != "application/json" || h.Get("User-Agent") != "strongroom" {
				t.Errorf("the header is %v", h)
			}
		})
	}
}

func TestADefinitionsHeadersAreSent(t *testing.T) {
	p := newProvider(t, map[string]http.HandlerFunc{"/token": json(goodToken)})
	def := p.definition()
	def.Headers = map[string]string{"User-Agent": "theirs/1.0", "Accept": "application/vnd.theirs+json", "X-Version": "2"}
	p.caller().Refresh(t.Context(), def, client(), value("r"))
	if h := p.only(t).header; h.Get("User-Agent") != "theirs/1.0" || h.Get("Accept") != "application/vnd.theirs+json" || h.Get("X-Version") != "2" {
		t.Errorf("the header is %v", h)
	}
}

func TestTheAnswerOfATokenRequest(t *testing.T) {
	p := newProvider(t, map[string]http.HandlerFunc{"/token": json(goodToken)})
	a := p.caller().Refresh(t.Context(), p.definition(), client(), value("r"))
	if a.Outcome != oauth.Renewed || a.Token.ExpiresIn != time.Minute || !a.Token.HasRefreshToken {
		t.Errorf("got %+v", a)
	}
	p.answer("/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", start.Add(time.Hour).Format(http.TimeFormat))
		w.WriteHeader(http.StatusTooManyRequests)
	})
	a = p.caller().Refresh(t.Context(), p.definition(), client(), value("r"))
	wantAnswer(t, a, oauth.Transient, strongroom.ReasonRateLimited)
	if a.RetryAfter != time.Hour {
		t.Errorf("retry after %s, want an hour by the given clock", a.RetryAfter)
	}
}

func TestRevocationsThatFail(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		reason strongroom.StatusReason
	}{
		{"the client is not known", says(401, "application/json", `{"error":"invalid_client"}`), strongroom.ReasonClientRejected},
		{"the type of token is not supported", says(400, "application/json", `{"error":"unsupported_token_type"}`), strongroom.ReasonClientRejected},
		{"refused with a status of success", json(`{"ok":false,"error":"` + canary + `"}`), strongroom.ReasonClientRejected},
		{"a failure", says(503, "text/plain", canary), strongroom.ReasonProviderError},
		{"too many", says(429, "text/plain", canary), strongroom.ReasonRateLimited},
		{"not there", says(404, "text/html", "<html>"+canary), strongroom.ReasonClientRejected},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusTemporaryRedirect) }, strongroom.ReasonClientRejected},
		{"no answer", hangUp(""), strongroom.ReasonUnreachable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProvider(t, map[string]http.HandlerFunc{"/revoke": tc.answer})
			def := rotating(p.definition())
			def.RevocationEndpoint = p.URL + "/revoke"
			err := p.caller().Revoke(t.Context(), def, client(), value("token-"+canary), "refresh_token")
			wantReason(t, err, tc.reason)
			quiet(t, err, p.log)
			p.only(t)
		})
	}
	if err := over(nil).Revoke(t.Context(), catalog.OAuth{}, client(), value("t"), "access_token"); !errors.Is(err, endpoint.ErrUnsupported) {
		t.Errorf("without an endpoint the error is %v", err)
	}
}

func TestRevocationsThatSucceed(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"with nothing":                       says(200, "", ""),
		"with 204":                           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"with a page":                        says(200, "text/html", "<html>"),
		"with an object":                     json(`{"revoked":true}`),
		"of a token that has ended":          says(400, "application/json", `{"error":"invalid_token"}`),
		"of a token of a grant that is dead": says(400, "application/json", `{"error":"invalid_grant"}`),
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, map[string]http.HandlerFunc{"/revoke": answer})
			def := rotating(p.definition())
			def.RevocationEndpoint = p.URL + "/revoke"
			if err := p.caller().Revoke(t.Context(), def, client(), value("r"), "refresh_token"); err != nil {
				t.Fatal(err)
			}
			got := p.only(t)
			want := url.Values{"token": {"r"}, "token_type_hint": {"refresh_token"}}
			if got.form.Encode() != want.Encode() || got.user != "client" || def.Errors.Dead != nil {
				t.Errorf("the request is %+v", got)
			}
		})
	}
}

func TestAccountsWhoseEmailCannotBeAskedFor(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		reason strongroom.StatusReason
	}{
		{"the token is refused", says(401, "application/json", `{"email":"a@example.com"}`), strongroom.ReasonClientRejected},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, strongroom.ReasonClientRejected},
		{"too many", says(429, "text/plain", canary), strongroom.ReasonRateLimited},
		{"a failure", says(500, "text/plain", canary), strongroom.ReasonProviderError},
		{"cut off", hangUp("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), strongroom.ReasonUnreachable},
		{"no answer", hangUp(""), strongroom.ReasonUnreachable},
		{"huge", json(`{"email":"` + strings.Repeat("a", 1<<20) + `"}`), strongroom.ReasonMalformedAnswer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProvider(t, map[string]http.HandlerFunc{"/me": tc.answer})
			def := catalog.OAuth{UserinfoEndpoint: p.URL + "/me?x=" + canary}
			email, err := p.caller().Email(t.Context(), def, value("token-"+canary))
			wantReason(t, err, tc.reason)
			quiet(t, err, p.log)
			if email != "" {
				t.Errorf("the e-mail is %q", email)
			}
		})
	}
	if _, err := over(nil).Email(t.Context(), catalog.OAuth{}, secret.Value{}); !errors.Is(err, endpoint.ErrUnsupported) {
		t.Errorf("without an endpoint the error is %v", err)
	}
}

func TestAccountsEmails(t *testing.T) {
	for _, tc := range []struct{ name, member, body, want string }{
		{"where it stands in most answers", "", `{"email":"a@example.com"}`, "a@example.com"},
		{"where the definition says", "user.mail", `{"user":{"mail":"b@example.com"},"email":"a@example.com"}`, "b@example.com"},
		{"that is not there", "", `{"name":"A"}`, ""},
		{"that is a number", "", `{"email":7}`, ""},
		{"that the provider has not verified", "", `{"email":"a@example.com","email_verified":false}`, ""},
		{"that the provider has not verified, as text", "", `{"email":"a@example.com","email_verified":"false"}`, ""},
		{"that the provider has verified", "", `{"email":"a@example.com","email_verified":true}`, "a@example.com"},
		{"that is a name", "", `{"email":"someone"}`, ""},
		{"with a line break", "", `{"email":"a@example.com\nb"}`, ""},
		{"with a character that turns text around", "", `{"email":"a\u202e@example.com"}`, ""},
		{"that is too long", "", `{"email":"` + strings.Repeat("a", 320) + `@example.com"}`, ""},
		{"of an answer that is no JSON", "", `email=a@example.com`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProvider(t, map[string]http.HandlerFunc{"/me": json(tc.body)})
			def := catalog.OAuth{UserinfoEndpoint: p.URL + "/me", EmailMember: tc.member, Headers: map[string]string{"X-Version": "2"}}
			email, err := p.caller().Email(t.Context(), def, value("token"))
			if err != nil || email != tc.want {
				t.Errorf("got %q, error %v, want %q", email, err, tc.want)
			}
			if got := p.only(t); got.method != http.MethodGet || got.header.Get("Authorization") != "Bearer token" || got.header.Get("X-Version") != "2" {
				t.Errorf("the request is %+v", got)
			}
		})
	}
}
