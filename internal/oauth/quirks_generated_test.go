package oauth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
)

// nested is the value at a dotted path, as an object. Numbers in the path stand in lists.
func nested(path, value string) string {
	parts := strings.Split(path, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i] == "0" {
			value = "[" + value + "]"
		} else {
			value = "{" + strconv.Quote(parts[i]) + ":" + value + "}"
		}
	}
	return value
}

// with is the object with further members before its own.
func with(members, object string) string {
	return "{" + members + "," + strings.TrimPrefix(object, "{")
}

const canaryToken = `"access_token":"canary-access-token"`

// tenMegabytes is a token response that would be good if it were smaller.
var tenMegabytes = `{` + canaryToken + `,"padding":"` + strings.Repeat("x", 10<<20) + `"}`

func TestAnswersThatBringNoTokenToAnyProvider(t *testing.T) {
	for name, r := range map[string]oauth.Response{
		"an empty body":                         body(200, ``),
		"no content":                            body(204, ``),
		"a list":                                body(200, `[{`+canaryToken+`}]`),
		"null":                                  body(200, `null`),
		"a string":                              body(200, `"canary-access-token"`),
		"two objects":                           body(200, `{`+canaryToken+`}{}`),
		"an object that ends early":             cut(body(200, `{`+canaryToken+`,"refresh_tok`)),
		"a form that ends early":                cut(typed(body(200, `access_token=canary-access-token&refresh`), formType)),
		"a token that stands there twice":       body(200, `{`+canaryToken+`,"access_token":"canary-second-token"}`),
		"a member that stands there twice":      body(200, `{`+canaryToken+`,"scope":"a","scope":"b"}`),
		"bytes of gzip":                         body(200, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xaa\x56\x4a"),
		"a token that is a number":              body(200, `{"access_token":12345678901234567890}`),
		"a token that is an object":             body(200, `{"access_token":{"token":"canary-access-token"}}`),
		"a token that is a list":                body(200, `{"access_token":["canary-access-token"]}`),
		"a token that is true":                  body(200, `{"access_token":true}`),
		"a token that is null":                  body(200, `{"access_token":null,"token_type":"bearer"}`),
		"a token that is empty":                 body(200, `{"access_token":"","token_type":"bearer"}`),
		"a token with a line break":             body(200, `{"access_token":"canary\r\nX-Injected: 1"}`),
		"a token with a zero byte":              body(200, `{"access_token":"canary\u0000token"}`),
		"a token with an escape":                body(200, `{"access_token":"canary\u001b[2Jtoken"}`),
		"a token beyond ASCII":                  body(200, `{"access_token":"canary-töken"}`),
		"a token of seventeen thousand letters": body(200, `{"access_token":"`+strings.Repeat("a", 17000)+`"}`),
		"a token in another member":             body(200, `{"accessToken":"canary-access-token"}`),
		"a token further in":                    body(200, `{"data":{`+canaryToken+`}}`),
		"ten megabytes":                         body(200, tenMegabytes),
		"a token in plain text":                 typed(body(200, `access_token=canary-access-token`), "text/plain"),
	} {
		t.Run(name, func(t *testing.T) {
			eachProvider(t, func(t *testing.T, p catalog.Provider) {
				// Who replaces refresh tokens may have done so.
				want, reason := oauth.Transient, strongroom.ReasonMalformedAnswer
				if p.OAuth.Refresh.Rotates {
					want, reason = oauth.Uncertain, strongroom.ReasonAnswerLost
				}
				a := oauth.Classify(*p.OAuth, r, now)
				wantAnswer(t, a, want, reason)
				checkSilence(t, a)
			})
		})
	}
}

func TestRefusalsOfAnyProvider(t *testing.T) {
	slow := body(429, `canary-access-token`)
	slow.RetryAfter = "17"
	for name, tc := range map[string]struct {
		response oauth.Response
		want     oauth.Outcome
		reason   strongroom.StatusReason
		wait     time.Duration
	}{
		"a grant that has ended":              {body(400, `{"error":"invalid_grant","error_description":"canary-access-token"}`), oauth.Dead, strongroom.ReasonInvalidGrant, 0},
		"a grant that has ended, with 200":    {body(200, `{"error":"invalid_grant",`+canaryToken+`}`), oauth.Dead, strongroom.ReasonInvalidGrant, 0},
		"a grant that has ended, as a form":   {typed(body(400, `error=invalid_grant`), formType), oauth.Dead, strongroom.ReasonInvalidGrant, 0},
		"a client that is not known":          {body(401, `{"error":"invalid_client"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
		"a code that nobody knows":            {body(400, `{"error":"canary-access-token"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
		"a code that nobody knows, with 200":  {body(200, `{"error":"canary-access-token",`+canaryToken+`}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
		"a code in other letters":             {body(400, `{"error":"INVALID_GRANT"}`), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
		"a page that forbids":                 {typed(body(403, `<html>canary-access-token`), "text/html"), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
		"a path that is not there":            {typed(body(404, `<html>`), "text/html"), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
		"a way elsewhere":                     {body(302, ``), oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
		"a refusal that ends early":           {cut(body(400, `{"error":"invalid_gra`)), oauth.Transient, strongroom.ReasonMalformedAnswer, 0},
		"a page with 200":                     {typed(body(200, "<!doctype html><title>canary-access-token</title>"), "text/html; charset=utf-8"), oauth.Transient, strongroom.ReasonMalformedAnswer, 0},
		"a page with 200 that is called JSON": {body(200, "\n <html>"), oauth.Transient, strongroom.ReasonMalformedAnswer, 0},
		"a page with 500":                     {typed(body(500, `<html>canary-access-token`), "text/html"), oauth.Transient, strongroom.ReasonProviderError, 0},
		"503 with the code of a dead grant":   {body(503, `{"error":"invalid_grant"}`), oauth.Transient, strongroom.ReasonProviderError, 0},
		"a service that is busy":              {body(400, `{"error":"temporarily_unavailable"}`), oauth.Transient, strongroom.ReasonProviderError, 0},
		"too many requests":                   {slow, oauth.Transient, strongroom.ReasonRateLimited, 17 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			eachProvider(t, func(t *testing.T, p catalog.Provider) {
				a := oauth.Classify(*p.OAuth, tc.response, now)
				wantAnswer(t, a, tc.want, tc.reason)
				if a.RetryAfter != tc.wait {
					t.Errorf("retry after %s, want %s", a.RetryAfter, tc.wait)
				}
				checkSilence(t, a)
			})
		})
	}
}

// checkSilence checks that nothing of the answer is in what is logged of it.
func checkSilence(t *testing.T, a oauth.Answer) {
	t.Helper()
	if a.Cause != nil && strings.Contains(a.Cause.Error(), "canary") {
		t.Errorf("the cause quotes the answer: %v", a.Cause)
	}
}

func TestEveryCodeOfADefinitionIsFoundWhereItSays(t *testing.T) {
	eachProvider(t, func(t *testing.T, p catalog.Provider) {
		rules := p.OAuth.Errors
		for want, codes := range map[oauth.Outcome][]string{oauth.Dead: rules.Dead, oauth.Transient: rules.Transient, oauth.Misconfigured: rules.Misconfigured} {
			for _, code := range codes {
				forms := map[string]string{"text": mustJSON(t, code)}
				if _, err := strconv.Atoi(code); err == nil {
					forms["number"] = code
				}
				for form, value := range forms {
					stated := nested(rules.Member, value)
					for name, r := range map[string]oauth.Response{
						"with 400":                             body(400, stated),
						"with 200":                             body(200, stated),
						"with 200 and a token":                 body(200, with(canaryToken, stated)),
						"with 403, beside the standard's code": body(403, beside(rules.Member, stated)),
					} {
						t.Run(fmt.Sprintf("%s as %s %s", code, form, name), func(t *testing.T) {
							if a := oauth.Classify(*p.OAuth, r, now); a.Outcome != want {
								t.Errorf("it is %s, want %s: %v", a.Outcome, want, a.Cause)
							}
						})
					}
				}
			}
		}
	})
}

// beside adds a code of the standard's that says otherwise, where it has a place.
func beside(member, stated string) string {
	if member == "error" {
		return stated
	}
	return with(`"error":"invalid_scope"`, stated)
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestLifetimesOfEveryProvider(t *testing.T) {
	for _, tc := range []struct {
		name, written string
		lives         time.Duration
	}{
		{"a number", `1234`, 1234 * time.Second},
		{"a number in text", `"1234"`, 1234 * time.Second},
		{"a fraction", `1234.5`, 1234500 * time.Millisecond},
		{"a number with an exponent", `12e2`, 20 * time.Minute},
		{"none", ``, 0},
		{"null", `null`, 0},
		{"zero", `0`, 0},
		{"zero in text", `"0"`, 0},
		{"less than nothing", `-3600`, 0},
		{"a hundred years", `3153600000`, 0},
		{"a point in time", `1925132645`, 0},
		{"more than a number holds", `1e999`, 0},
		{"a word", `"soon"`, 0},
		{"not a number", `"NaN"`, 0},
		{"empty text", `""`, 0},
		{"true", `true`, 0},
		{"a list", `[3600]`, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachProvider(t, func(t *testing.T, p catalog.Provider) {
				def := *p.OAuth
				text := `{` + canaryToken + `}`
				if tc.written != "" {
					text = with(canaryToken, nested(def.Lifetime.Member, tc.written))
				}
				token := mustRenew(t, def, body(200, text))
				want := tc.lives
				if want == 0 && !def.Lifetime.Never {
					want = def.Lifetime.Default
				}
				end := oauth.ExpiresAt(def, token, now)
				if token.ExpiresIn != tc.lives || (end == nil) != (want == 0) || end != nil && !end.Equal(now.Add(want)) {
					t.Errorf("it lives %s and ends at %v, want %s and %s from %s (0: never)", token.ExpiresIn, end, tc.lives, want, now)
				}
				if _, there := mergedWith(t, def, token)["expires_at"]; there != (want > 0) {
					t.Errorf("expires_at is there: %t", there)
				}
			})
		})
	}
}

func TestLifetimesOfRefreshTokens(t *testing.T) {
	for written, want := range map[string]time.Duration{`5184000`: 60 * day, `"5184000"`: 60 * day, `0`: 0, `-1`: 0, `null`: 0, `"never"`: 0, `1e12`: 0} {
		t.Run(written, func(t *testing.T) {
			eachProvider(t, func(t *testing.T, p catalog.Provider) {
				if member := p.OAuth.Refresh.LifetimeMember; member != "" {
					if got := mustRenew(t, *p.OAuth, body(200, with(canaryToken, nested(member, written)))).RefreshExpiresIn; got != want {
						t.Errorf("%s, want %s", got, want)
					}
				}
			})
		})
	}
}

// extras are members that some provider has, and any might have.
const extras = `"instance_url":"https://acme.my.salesforce.com","api_domain":"https://www.zohoapis.eu","team":{"id":"T9","name":"Acme"},"bot_id":"b3414d65",` +
	`"workspace_id":"j565","owner":{"type":"user","user":{"person":{"email":"a@example.com"}}},"x_refresh_token_expires_in":8726400,"id_token":"eyJ0.a.b","issued_at":"1558553873237",` +
	`"scopes":["a","b"],"restricted_to":[],"athlete":{"id":12345678901234567890,"weight":70.50},"error":null,"ok":true,"signature":"a+b/c=","token_type":"bearer"`

func TestMembersOfAProvidersOwnAreKept(t *testing.T) {
	eachProvider(t, func(t *testing.T, p catalog.Provider) {
		token := mustRenew(t, *p.OAuth, body(200, `{`+canaryToken+`,`+extras+`}`))
		merged := mergedWith(t, *p.OAuth, token)
		for name, want := range membersOf(t, `{`+extras+`}`) {
			if got := mustJSON(t, merged[name]); got != mustJSON(t, want) {
				t.Errorf("%s is %s, want %s", name, got, mustJSON(t, want))
			}
		}
		if string(token.IDToken.Reveal()) != "eyJ0.a.b" {
			t.Errorf("the ID token is %q", token.IDToken.Reveal())
		}
	})
}

func TestAnAnswerWithoutRefreshTokenLeavesTheOldOne(t *testing.T) {
	for name, text := range map[string]string{"none": `"a":1`, "null": `"refresh_token":null`, "empty": `"refresh_token":""`, "a number": `"refresh_token":7`} {
		t.Run(name, func(t *testing.T) {
			eachProvider(t, func(t *testing.T, p catalog.Provider) {
				token := mustRenew(t, *p.OAuth, body(200, `{`+canaryToken+`,`+text+`}`))
				if got := mergedWith(t, *p.OAuth, token)["refresh_token"]; token.HasRefreshToken || got != "old-refresh" {
					t.Errorf("the refresh token is %v (in the answer: %t)", got, token.HasRefreshToken)
				}
			})
		})
	}
}

func TestNoAnswerMovesACredentialElsewhere(t *testing.T) {
	eachProvider(t, func(t *testing.T, p catalog.Provider) {
		text := `{` + canaryToken + `,"client_id":"theirs","client_secret":"theirs"`
		for _, v := range p.OAuth.Variables {
			text += `,` + mustJSON(t, v.Name) + `:"theirs"`
		}
		merged := mergedWith(t, *p.OAuth, mustRenew(t, *p.OAuth, body(200, text+`}`)))
		if merged["client_id"] != "ours" || merged["client_secret"] != nil {
			t.Errorf("the client is %v with %v", merged["client_id"], merged["client_secret"])
		}
		for _, v := range p.OAuth.Variables {
			if merged[v.Name] != "old-"+v.Name {
				t.Errorf("%s is %v", v.Name, merged[v.Name])
			}
		}
	})
}

func TestTypesAndScopesOfEveryProvider(t *testing.T) {
	for _, tc := range []struct{ name, members, typ, spaces, commas string }{
		{"no type, and no scope", `"a":1`, "Bearer", "", ""},
		{"a type in lower case", `"token_type":"bearer","scope":""`, "bearer", "", ""},
		{"a type that is null", `"token_type":null,"scope":null`, "Bearer", "", ""},
		{"a type of another sort", `"token_type":"bot","scope":7`, "bot", "", ""},
		{"scopes with spaces", `"scope":"one two  one"`, "Bearer", "one two", "one two"},
		{"scopes with commas", `"scope":"one,two"`, "Bearer", "one,two", "one two"},
		{"scopes with commas and spaces", `"scope":"one, two"`, "Bearer", "one, two", "one two"},
		{"scopes in a list", `"scope":["one","two"]`, "Bearer", "one two", "one two"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachProvider(t, func(t *testing.T, p catalog.Provider) {
				token := mustRenew(t, *p.OAuth, body(200, `{`+canaryToken+`,`+tc.members+`}`))
				want := tc.spaces
				if p.OAuth.ScopeSeparator == "," {
					want = tc.commas
				}
				if got := strings.Join(token.Scopes, " "); got != want {
					t.Errorf("the scopes are %q, want %q", got, want)
				}
				if got := mergedWith(t, *p.OAuth, token)["token_type"]; got != tc.typ {
					t.Errorf("the type is %v, want %s", got, tc.typ)
				}
			})
		})
	}
}

func TestTokensOfEveryProviderInEveryGuise(t *testing.T) {
	for name, r := range map[string]oauth.Response{
		"a mark before it":                   body(200, "\xef\xbb\xbf{"+canaryToken+"}"),
		"space around it":                    body(201, "\r\n\t{ "+canaryToken+" }\n"),
		"JSON that is called a page":         typed(body(200, `{`+canaryToken+`}`), "text/html"),
		"JSON that is called text":           typed(body(200, `{`+canaryToken+`}`), "text/plain; charset=utf-8"),
		"JSON without a type":                typed(body(200, `{`+canaryToken+`}`), ""),
		"JSON of a type that is no type":     typed(body(200, `{`+canaryToken+`}`), ";;"),
		"a form":                             typed(body(200, `access_token=canary-access-token&token_type=bearer`), formType),
		"whole, though the connection broke": cut(body(200, `{`+canaryToken+`}`)),
	} {
		t.Run(name, func(t *testing.T) {
			eachProvider(t, func(t *testing.T, p catalog.Provider) {
				token := mustRenew(t, *p.OAuth, r)
				if access := token.AccessToken(); !bytes.Equal(access.Reveal(), []byte("canary-access-token")) {
					t.Errorf("the token is %q", access.Reveal())
				}
			})
		})
	}
}
