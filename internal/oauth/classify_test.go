package oauth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
)

const jsonType = "application/json"

var (
	keeping  = catalog.OAuth{Lifetime: catalog.Lifetime{Member: "expires_in", Default: time.Hour}, Errors: catalog.ErrorRules{Member: "error"}}
	rotating = func() catalog.OAuth { d := keeping; d.Refresh.Rotates = true; return d }()
	peculiar = catalog.OAuth{Errors: catalog.ErrorRules{
		Member: "problem.code", Dead: []string{"token_revoked", "server_error", "7"},
		Transient: []string{"busy", "invalid_grant"}, Misconfigured: []string{"bad_app"},
	}}
)

func body(status int, text string) oauth.Response {
	return oauth.Response{Status: status, ContentType: jsonType, Body: []byte(text)}
}

const formType = "application/x-www-form-urlencoded; charset=utf-8"

func cut(r oauth.Response) oauth.Response { r.Truncated = true; return r }

func typed(r oauth.Response, contentType string) oauth.Response {
	r.ContentType = contentType
	return r
}

var noTokens = []struct {
	name     string
	response oauth.Response
	want     oauth.Outcome
	reason   strongroom.StatusReason
	// rotates is the outcome where the provider replaces refresh tokens; 0: the same.
	rotates oauth.Outcome
}{
	{"400 invalid_grant", body(400, `{"error":"invalid_grant","error_description":"x"}`), oauth.Dead, strongroom.ReasonInvalidGrant, 0},
	{"401 invalid_grant", body(401, `{"error":"invalid_grant"}`), oauth.Dead, strongroom.ReasonInvalidGrant, 0},
	{"403 invalid_grant", body(403, `{"error":"invalid_grant"}`), oauth.Dead, strongroom.ReasonInvalidGrant, 0},
	{"200 with invalid_grant", body(200, `{"error":"invalid_grant"}`), oauth.Dead, strongroom.ReasonInvalidGrant, 0},
	{"200 with invalid_grant and a token", body(200, `{"error":"invalid_grant","access_token":"t"}`), oauth.Dead, strongroom.ReasonInvalidGrant, 0},
	{"a form with invalid_grant", typed(body(400, `error=invalid_grant&error_description=x`), formType), oauth.Dead, strongroom.ReasonInvalidGrant, 0},
	{"200 of a form with invalid_grant", typed(body(200, `error=invalid_grant`), formType), oauth.Dead, strongroom.ReasonInvalidGrant, 0},

	{"401 invalid_client", body(401, `{"error":"invalid_client"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"400 invalid_request", body(400, `{"error":"invalid_request"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"400 unauthorized_client", body(400, `{"error":"unauthorized_client"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"400 unsupported_grant_type", body(400, `{"error":"unsupported_grant_type"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"400 invalid_scope", body(400, `{"error":"invalid_scope"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"401 without a body", body(401, ``), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"401 with an error that is an object", body(401, `{"error":{"message":"x"}}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"400 with an unknown code", body(400, `{"error":"account_on_fire"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"400 with a code that is nearly invalid_grant", body(400, `{"error":"Invalid_Grant"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"400 with invalid_grant in words alone", body(400, `{"error_description":"invalid_grant"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"400 with invalid_grant twice", body(400, `{"error":"invalid_grant","error":"invalid_client"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"403 of a web page", typed(body(403, `<html>`), "text/html"), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"404", body(404, `not here`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"200 with ok false", body(200, `{"ok":false,"access_token":"t"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"200 with an unknown code", body(200, `{"ok":true,"error":"x","access_token":"t"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"200 with an error that is true", body(200, `{"error":true,"access_token":"t"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"302", body(302, ``), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
	{"307", body(307, `{"access_token":"t"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},

	{"400 temporarily_unavailable", body(400, `{"error":"temporarily_unavailable"}`), oauth.Transient, strongroom.ReasonProviderError, 0},
	{"400 server_error", body(400, `{"error":"server_error"}`), oauth.Transient, strongroom.ReasonProviderError, 0},
	{"400 slow_down", body(400, `{"error":"slow_down"}`), oauth.Transient, strongroom.ReasonProviderError, 0},
	{"408", body(408, ``), oauth.Transient, strongroom.ReasonProviderError, 0},
	{"500", body(500, ``), oauth.Transient, strongroom.ReasonProviderError, 0},
	{"500 with invalid_grant", body(500, `{"error":"invalid_grant"}`), oauth.Transient, strongroom.ReasonProviderError, 0},
	{"502 of a web page", typed(body(502, `<html>`), "text/html"), oauth.Transient, strongroom.ReasonProviderError, 0},
	{"503 with a token", body(503, `{"access_token":"t"}`), oauth.Transient, strongroom.ReasonProviderError, 0},
	{"429", body(429, ``), oauth.Transient, strongroom.ReasonRateLimited, 0},
	{"429 with invalid_grant", body(429, `{"error":"invalid_grant"}`), oauth.Transient, strongroom.ReasonRateLimited, 0},
	{"no status", body(0, `{"access_token":"t"}`), oauth.Transient, strongroom.ReasonMalformedAnswer, 0},
	{"a refusal that is cut off", cut(body(400, `{"error":"invalid_gra`)), oauth.Transient, strongroom.ReasonMalformedAnswer, 0},
	{"a form's refusal that is cut off", cut(typed(body(400, `error=invalid_grant`), formType)), oauth.Transient, strongroom.ReasonMalformedAnswer, 0},
	{"200 of a web page", typed(body(200, `sorry`), "text/html; charset=utf-8"), oauth.Transient, strongroom.ReasonMalformedAnswer, 0},
	{"200 of a web page called JSON", body(200, "\r\n <!doctype html>"), oauth.Transient, strongroom.ReasonMalformedAnswer, 0},
	{"200 of a web page that is cut off", cut(body(200, `<ht`)), oauth.Transient, strongroom.ReasonMalformedAnswer, 0},

	{"200 without a body", body(200, ``), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"204", body(204, ``), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"200 that is cut off", cut(body(200, `{"access_token":"t","refresh_tok`)), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"200 of a form that is cut off", cut(typed(body(200, `access_token=t`), formType)), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"200 of a list", body(200, `[{"access_token":"t"}]`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"200 of null", body(200, `null`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"200 of two objects", body(200, `{"access_token":"t"}{}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"200 of plain text", typed(body(200, `access_token=t`), "text/plain"), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"200 that is not UTF-8", body(200, "{\"access_token\":\"t\",\"a\":\"\xff\"}"), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"200 without a token", body(200, `{"token_type":"Bearer"}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"an empty token", body(200, `{"access_token":""}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"a token that is null", body(200, `{"access_token":null}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"a token that is a number", body(200, `{"access_token":1}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"a token that is a sentence", body(200, `{"access_token":"please log in"}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"a token with a line break", body(200, `{"access_token":"a\r\nb"}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"a token beyond ASCII", body(200, `{"access_token":"ä"}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"a token that is too long", body(200, `{"access_token":"`+strings.Repeat("a", 16385)+`"}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"two tokens", body(200, `{"access_token":"a","access_token":"b"}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"two tokens in different spellings", body(200, `{"access_token":"a","access\u005ftoken":"b"}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"two members of the same name further in", body(200, `{"access_token":"a","x":[{"y":1,"y":2}]}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"two tokens in a form", typed(body(200, `access_token=a&access_token=b`), formType), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"an answer that is too large", body(200, `{"access_token":"t","x":"`+strings.Repeat("a", oauth.MaxAnswer)+`"}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"a form that is too large once decoded", typed(body(200, `access_token=t&x=`+strings.Repeat("\x01", oauth.MaxAnswer/5)), formType), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"an answer that is too deep", body(200, `{"access_token":"t","x":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+`}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
	{"an answer of too many values", body(200, `{"access_token":"t","x":[1`+strings.Repeat(",1", 2000)+`]}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
}

func TestAnswersThatAreNoToken(t *testing.T) {
	for _, tc := range noTokens {
		t.Run(tc.name, func(t *testing.T) {
			wantAnswer(t, oauth.Classify(keeping, tc.response, now), tc.want, tc.reason)
			if tc.rotates != 0 {
				wantAnswer(t, oauth.Classify(rotating, tc.response, now), tc.rotates, strongroom.ReasonAnswerLost)
			} else {
				wantAnswer(t, oauth.Classify(rotating, tc.response, now), tc.want, tc.reason)
			}
			wantOutcome := oauth.Classify(catalog.OAuth{}, tc.response, now).Outcome
			if wantOutcome != tc.want {
				t.Errorf("of a definition without rules it is %s, want %s", wantOutcome, tc.want)
			}
		})
	}
}

func TestAProvidersOwnCodesComeFirst(t *testing.T) {
	for _, tc := range []struct {
		name   string
		body   string
		want   oauth.Outcome
		reason strongroom.StatusReason
	}{
		{"dead in its own member", `{"problem":{"code":"token_revoked"}}`, oauth.Dead, strongroom.ReasonInvalidGrant},
		{"dead by a number", `{"problem":{"code":7}}`, oauth.Dead, strongroom.ReasonInvalidGrant},
		{"dead in the standard's member", `{"error":"token_revoked"}`, oauth.Dead, strongroom.ReasonInvalidGrant},
		{"dead by a code that is otherwise transient", `{"error":"server_error"}`, oauth.Dead, strongroom.ReasonInvalidGrant},
		{"transient", `{"problem":{"code":"busy"}}`, oauth.Transient, strongroom.ReasonProviderError},
		{"transient by a code that is otherwise dead", `{"error":"invalid_grant"}`, oauth.Transient, strongroom.ReasonProviderError},
		{"misconfigured", `{"problem":{"code":"bad_app"}}`, oauth.Misconfigured, strongroom.ReasonClientRejected},
		{"the standard's code beside an unknown one", `{"problem":{"code":"x"},"error":"slow_down"}`, oauth.Transient, strongroom.ReasonProviderError},
		{"a member with a dot in its name", `{"problem.code":"token_revoked"}`, oauth.Dead, strongroom.ReasonInvalidGrant},
		{"a path that leads nowhere", `{"problem":"token_revoked"}`, oauth.Misconfigured, strongroom.ReasonClientRejected},
		{"no error but the status", `{"problem":{"code":0}}`, oauth.Misconfigured, strongroom.ReasonClientRejected},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantAnswer(t, oauth.Classify(peculiar, body(400, tc.body), now), tc.want, tc.reason)
		})
	}
}

func TestWhatIsSaidToBeNoErrorIsNone(t *testing.T) {
	for _, text := range []string{`"error":null`, `"error":""`, `"error":false`, `"error":0`, `"ok":true`, `"ok":"false"`, `"":"x"`} {
		wantAnswer(t, oauth.Classify(catalog.OAuth{}, body(200, `{"access_token":"t",`+text+`}`), now), oauth.Renewed, "")
	}
}

func TestRetryAfter(t *testing.T) {
	for _, tc := range []struct {
		name, header string
		status       int
		want         time.Duration
	}{
		{"seconds with 429", "120", 429, 2 * time.Minute},
		{"seconds with 503", " 7 ", 503, 7 * time.Second},
		{"seconds with 403", "30", 403, 30 * time.Second},
		{"a date", "Thu, 02 Jan 2031 15:05:05 GMT", 429, time.Minute},
		{"a date in RFC 850's form", "Thursday, 02-Jan-31 15:05:05 GMT", 429, time.Minute},
		{"a date in asctime's form", "Thu Jan  2 15:05:05 2031", 429, time.Minute},
		{"a date in the past", "Thu, 02 Jan 2031 15:03:05 GMT", 429, 0},
		{"none", "", 429, 0},
		{"a word", "later", 429, 0},
		{"less than nothing", "-5", 429, 0},
		{"a fraction", "1.5", 429, 0},
		{"a week", "604800", 429, 24 * time.Hour},
		{"more seconds than a duration holds", "18446744073709551615", 429, 24 * time.Hour},
		{"a date in a thousand years", "Thu, 02 Jan 3031 15:05:05 GMT", 429, 24 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := oauth.Classify(keeping, oauth.Response{Status: tc.status, RetryAfter: tc.header}, now)
			if a.RetryAfter != tc.want {
				t.Errorf("retry after %s, want %s", a.RetryAfter, tc.want)
			}
		})
	}
}

func TestNoAnswerAtAll(t *testing.T) {
	cause := errors.New("the connection was closed")
	for _, tc := range []struct {
		name   string
		def    catalog.OAuth
		sent   bool
		want   oauth.Outcome
		reason strongroom.StatusReason
	}{
		{"nothing was sent", rotating, false, oauth.Transient, strongroom.ReasonUnreachable},
		{"sent to a provider that keeps refresh tokens", keeping, true, oauth.Transient, strongroom.ReasonUnreachable},
		{"sent to a provider that replaces them", rotating, true, oauth.Uncertain, strongroom.ReasonAnswerLost},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := oauth.ClassifyFailure(tc.def, tc.sent, cause, strongroom.ReasonUnreachable)
			wantAnswer(t, a, tc.want, tc.reason)
			if !errors.Is(a.Cause, cause) {
				t.Errorf("the cause is %v", a.Cause)
			}
		})
	}
}

func TestTheZeroOutcomeIsNone(t *testing.T) {
	var a oauth.Answer
	if a.Outcome == oauth.Renewed || a.Outcome.String() != "none" || oauth.Outcome(99).String() != "none" {
		t.Errorf("the zero outcome is %s", a.Outcome)
	}
}

func wantAnswer(t *testing.T, got oauth.Answer, outcome oauth.Outcome, reason strongroom.StatusReason) {
	t.Helper()
	if got.Outcome != outcome || got.Reason != reason {
		t.Errorf("got %s (%s), want %s (%s); cause: %v", got.Outcome, got.Reason, outcome, reason, got.Cause)
	}
	if (got.Cause == nil) != (outcome == oauth.Renewed) {
		t.Errorf("%s has the cause %v", got.Outcome, got.Cause)
	}
	if outcome != oauth.Renewed && (!got.Token.Members.Empty() || !got.Token.IDToken.Empty()) {
		t.Errorf("%s brings a token", got.Outcome)
	}
}

func mustRenew(t *testing.T, def catalog.OAuth, r oauth.Response) oauth.Token {
	t.Helper()
	a := oauth.Classify(def, r, now)
	if a.Outcome != oauth.Renewed || a.Cause != nil || a.Reason != "" {
		t.Fatalf("got %s (%s): %v", a.Outcome, a.Reason, a.Cause)
	}
	return a.Token
}

func TestTokensInEveryGuise(t *testing.T) {
	for name, r := range map[string]oauth.Response{
		"JSON":                                 body(200, `{"access_token":"t"}`),
		"201":                                  body(201, `{"access_token":"t"}`),
		"JSON with space and a mark before it": body(200, "\xef\xbb\xbf\n {\"access_token\" : \"t\"}\n"),
		"JSON without a type":                  {Status: 200, Body: []byte(`{"access_token":"t"}`)},
		"JSON called a web page":               {Status: 200, ContentType: "text/html", Body: []byte(`{"access_token":"t"}`)},
		"JSON called a form":                   {Status: 200, ContentType: "application/x-www-form-urlencoded", Body: []byte(`{"access_token":"t"}`)},
		"JSON that is whole though the connection broke": {Status: 200, Truncated: true, Body: []byte(`{"access_token":"t"}`)},
		"a form":                       {Status: 200, ContentType: "application/x-www-form-urlencoded", Body: []byte(`access_token=t&scope=`)},
		"a form with a bad parameter":  {Status: 200, ContentType: "APPLICATION/x-www-form-urlencoded; charset", Body: []byte(`access_token=t`)},
		"a token of the longest sort":  body(200, `{"access_token":"`+strings.Repeat("t", 16384)+`"}`),
		"every character a token has":  body(200, `{"access_token":"!#$%&'()*+,-./09:;=?@AZ[]^_az{|}~\u003c"}`),
		"an answer as deep as it goes": body(200, `{"access_token":"t","x":`+strings.Repeat("[", 31)+strings.Repeat("]", 31)+`}`),
	} {
		t.Run(name, func(t *testing.T) { mustRenew(t, rotating, r) })
	}
}

func TestLifetimes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`3600`: time.Hour, `"3600"`: time.Hour, `" 60 "`: time.Minute, `1.5`: 1500 * time.Millisecond, `"0.5"`: 500 * time.Millisecond,
		`36e2`: time.Hour, `315360000`: 315360000 * time.Second,
		`0`: 0, `-1`: 0, `"-1"`: 0, `null`: 0, `""`: 0, `"soon"`: 0, `true`: 0, `[3600]`: 0, `{"x":1}`: 0, `"NaN"`: 0, `"Inf"`: 0, `1e999999999`: 0,
		`315360001`: 0, `1893456000000`: 0, `1e-30`: 0,
	} {
		t.Run(text, func(t *testing.T) {
			def := catalog.OAuth{Lifetime: catalog.Lifetime{Member: "life"}, Refresh: catalog.RefreshRules{LifetimeMember: "refresh.life"}}
			for name, got := range map[string]time.Duration{
				"the standard's member":  mustRenew(t, catalog.OAuth{}, body(200, `{"access_token":"t","expires_in":`+text+`}`)).ExpiresIn,
				"the definition's":       mustRenew(t, def, body(200, `{"access_token":"t","expires_in":1,"life":`+text+`}`)).ExpiresIn,
				"the refresh token's":    mustRenew(t, def, body(200, `{"access_token":"t","refresh":{"life":`+text+`}}`)).RefreshExpiresIn,
				"none of the definition": want + mustRenew(t, catalog.OAuth{}, body(200, `{"access_token":"t","expires_in":`+text+`}`)).RefreshExpiresIn,
			} {
				if got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
		})
	}
}

func TestWhenATokenEnds(t *testing.T) {
	for _, tc := range []struct {
		name string
		def  catalog.Lifetime
		said time.Duration
		want *time.Time
	}{
		{"as the answer says", catalog.Lifetime{Default: time.Hour}, time.Minute, at(time.Minute)},
		{"as the answer says, of tokens that otherwise do not end", catalog.Lifetime{Never: true}, time.Minute, at(time.Minute)},
		{"after the default where the answer does not say", catalog.Lifetime{Default: 2 * time.Hour}, 0, at(2 * time.Hour)},
		{"never where the definition says so", catalog.Lifetime{Never: true}, 0, nil},
		{"after an hour where nobody says", catalog.Lifetime{}, 0, at(time.Hour)},
		{"to the microsecond", catalog.Lifetime{Default: time.Hour}, 1999 * time.Nanosecond, at(time.Microsecond)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := oauth.ExpiresAt(catalog.OAuth{Lifetime: tc.def}, oauth.Token{ExpiresIn: tc.said}, now)
			if fmt.Sprint(got) != fmt.Sprint(tc.want) && (got == nil || tc.want == nil || !got.Equal(*tc.want)) {
				t.Errorf("ends at %v, want %v", got, tc.want)
			}
		})
	}
}

func TestScopes(t *testing.T) {
	many := strings.TrimSpace(strings.Repeat("s ", 201))
	for _, tc := range []struct{ name, member, separator, want string }{
		{"with spaces", `"scope":"a b  a c"`, " ", `["a" "b" "c"]`},
		{"with the provider's separator", `"scope":"a,b, c"`, ",", `["a" "b" "c"]`},
		{"with a comma of a scope's own", `"scope":"a,b c"`, " ", `["a,b" "c"]`},
		{"in a list", `"scope":["a","b"]`, " ", `["a" "b"]`},
		{"absent", `"x":1`, " ", `[]`},
		{"null", `"scope":null`, " ", `[]`},
		{"empty", `"scope":" "`, " ", `[]`},
		{"a list with a space in it", `"scope":["a b"]`, " ", `[]`},
		{"a number", `"scope":1`, " ", `[]`},
		{"too many", `"scope":"` + many + `"`, " ", `[]`},
		{"too long", `"scope":"` + strings.Repeat("s", 513) + `"`, " ", `[]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token := mustRenew(t, catalog.OAuth{ScopeSeparator: tc.separator}, body(200, `{"access_token":"t",`+tc.member+`}`))
			if got := fmt.Sprintf("%q", token.Scopes); got != tc.want || (token.Scopes == nil) != (tc.want == `[]`) {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestWhatIsTakenOutOfAToken(t *testing.T) {
	def := catalog.OAuth{Variables: []catalog.Variable{{Name: "tenant"}}}
	token := mustRenew(t, def, body(200, `{"access_token":"t","refresh_token":"r","id_token":"i","tenant":"x","client_id":"x","client_secret":"x","bot":{"id": 1.50}}`))
	if got, want := string(token.Members.Reveal()), `{"access_token":"t","bot":{"id":1.50},"id_token":"i","refresh_token":"r"}`; got != want {
		t.Errorf("the members are %s, want %s", got, want)
	}
	if !token.HasRefreshToken || string(token.IDToken.Reveal()) != "i" {
		t.Errorf("refresh token %t, ID token %q", token.HasRefreshToken, token.IDToken.Reveal())
	}
	for _, text := range []string{`null`, `""`, `7`} {
		token := mustRenew(t, def, body(200, `{"access_token":"t","refresh_token":`+text+`,"id_token":`+text+`}`))
		if token.HasRefreshToken || !token.IDToken.Empty() {
			t.Errorf("%s is taken for a token", text)
		}
	}
	token.Destroy()
	if got := token.AccessToken(); !got.Empty() || strings.ContainsAny(string(token.IDToken.Reveal()), "i") {
		t.Errorf("destroyed, the token is %q", got.Reveal())
	}
}

func TestTheAccessTokenOfAnAnswer(t *testing.T) {
	token := mustRenew(t, catalog.OAuth{}, body(200, `{"access_token":"\u0074oken"}`))
	access := token.AccessToken()
	if string(access.Reveal()) != "token" {
		t.Errorf("got %q", access.Reveal())
	}
	access.Destroy()
	if got := token.AccessToken(); string(got.Reveal()) != "token" {
		t.Errorf("destroying the copy left %q", got.Reveal())
	}
	if none := (oauth.Token{}).AccessToken(); !none.Empty() {
		t.Errorf("no token has %q", none.Reveal())
	}
}
