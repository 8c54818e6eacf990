package oauth_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
)

// quotable is how long a part of an answer may be for anybody to take it for chance.
const quotable = 8

var bodies = []string{
	`{"access_token":"token-canary-1","refresh_token":"refresh-canary","expires_in":3600,"scope":"a b"}`,
	`{"access_token":"t","expires_in":"36e999","scope":["a"],"id_token":"x.y.z","x":{"a":[1,null,"\ud800"]}}`,
	`{"access_token":"t","refresh_token":null,"scope":""}`, `{"access_token":"a","access_token":"b"}`,
	`{"error":"invalid_grant","error_description":"AADSTS70008"}`, `{"ok":false,"error":"token_revoked"}`,
	`{"problem":{"code":"busy"}}`, `access_token=t%01&scope=a%2Cb`, `error=invalid_client`, `<html>`, ``, `null`, `[[[[`, "\xef\xbb\xbf{}", `{"":""}`,
}

func FuzzClassify(f *testing.F) {
	for i, text := range bodies {
		f.Add(200, jsonType, "7", []byte(text), i%2 == 0)
		f.Add(400, "application/x-www-form-urlencoded", "", []byte(text), false)
	}
	f.Add(429, "text/html; x", "Thu, 02 Jan 2031 15:05:05 GMT", []byte(`<`), true)
	f.Fuzz(func(t *testing.T, status int, contentType, retryAfter string, text []byte, truncated bool) {
		r := oauth.Response{Status: status, ContentType: contentType, RetryAfter: retryAfter, Body: text, Truncated: truncated}
		for _, def := range []catalog.OAuth{keeping, rotating, peculiar} {
			a := oauth.Classify(def, r, now)
			if a.RetryAfter < 0 || a.Token.ExpiresIn < 0 || a.Token.RefreshExpiresIn < 0 {
				t.Errorf("a time below nothing: %+v", a)
			}
			if a.Outcome == oauth.Renewed {
				if status < 200 || status > 299 || a.Reason != "" || a.Cause != nil {
					t.Errorf("renewed with status %d, reason %s, cause %v", status, a.Reason, a.Cause)
				}
				checkMerge(t, nil, a.Token)
				continue
			}
			if a.Cause == nil || a.Reason == "" || a.Outcome == oauth.Uncertain && !def.Refresh.Rotates {
				t.Errorf("%s has the reason %q and the cause %v", a.Outcome, a.Reason, a.Cause)
			}
			checkQuotes(t, a.Cause, text)
		}
	})
}

func FuzzMerge(f *testing.F) {
	for _, old := range []string{``, `{}`, `{"access_token":"old","refresh_token":"r","scope":"s","x":[1e5,{"y":null}]}`, `[]`, `{"a":1,"a":2}`} {
		for _, text := range bodies {
			f.Add([]byte(old), []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, old, text []byte) {
		a := oauth.Classify(keeping, oauth.Response{Status: 200, ContentType: jsonType, Body: text}, now)
		if a.Outcome == oauth.Renewed {
			checkMerge(t, nil, a.Token)
			checkMerge(t, old, a.Token)
		}
	})
}

// checkMerge merges the token over data; over none it must succeed.
func checkMerge(t *testing.T, old []byte, token oauth.Token) {
	t.Helper()
	end := oauth.ExpiresAt(keeping, token, now)
	got, err := oauth.Merge(value(string(old)), token, now, end)
	if err != nil {
		if old == nil {
			t.Errorf("a new token does not merge: %v", err)
		}
		checkQuotes(t, err, old)
		return
	}
	var answer, before, merged map[string]json.RawMessage
	if err := json.Unmarshal(token.Members.Reveal(), &answer); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got.Reveal(), &merged); err != nil {
		t.Fatal(err)
	}
	if len(old) > 0 {
		if err := json.Unmarshal(old, &before); err != nil {
			t.Fatalf("data that is no object has been merged: %v", err)
		}
	}
	if !bytes.Equal(merged["access_token"], answer["access_token"]) || len(merged["access_token"]) < len(`"t"`) {
		t.Error("the access token is not the answer's")
	}
	if !token.HasRefreshToken && compact(before["refresh_token"]) != compact(merged["refresh_token"]) {
		t.Error("the refresh token is neither the answer's nor the old one")
	}
	if merged["expires_in"] != nil || merged["expires_at"] == nil || merged["token_type"] == nil {
		t.Error("the merged data lack what every token has, or keep its relative lifetime")
	}
}

func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return ""
	}
	return b.String()
}

// plain are answers that have no words in common with any sentence of ours.
var plain = []string{
	``, `[]`, `<`, `{}`, `{"access_token":""}`, `{"access_token":"\u0001"}`, `{"a":1,"a":2}`, `{"error":"zzz"}`,
	`{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, `{"x":[1` + strings.Repeat(",1", 2000) + `]}`,
	`{"x":"` + strings.Repeat("z", oauth.MaxAnswer) + `"}`, `access_token=t&access_token=t`, `%zz`,
	`access_token=t&x=` + strings.Repeat("\x01", oauth.MaxAnswer/5), `a` + strings.Repeat("&a", 3000),
}

// sentences are the errors that such answers lead to, which therefore quote nothing.
var sentences = func() map[string]bool {
	found := map[string]bool{}
	for _, text := range plain {
		for _, status := range []int{100, 200, 302, 400, 408, 429} {
			for _, contentType := range []string{jsonType, "application/x-www-form-urlencoded"} {
				for _, truncated := range []bool{false, true} {
					r := oauth.Response{Status: status, ContentType: contentType, Body: []byte(text), Truncated: truncated}
					if a := oauth.Classify(keeping, r, now); a.Cause != nil {
						found[sentence(a.Cause)] = true
					}
				}
			}
		}
		if _, err := oauth.Merge(value("!"+text), oauth.Token{Members: value(`{}`)}, now, nil); err != nil {
			found[sentence(err)] = true
		}
	}
	return found
}()

var changing = regexp.MustCompile(`status -?[0-9]+|invalid_grant|invalid_request|invalid_client|unauthorized_client|unsupported_grant_type|invalid_scope|temporarily_unavailable|server_error|slow_down|token_revoked`)

// sentence returns an error without the status and without codes that the standard or a
// definition names.
func sentence(err error) string { return changing.ReplaceAllString(err.Error(), "\x00") }

// checkQuotes looks for parts of the text in an error.
func checkQuotes(t *testing.T, err error, text []byte) {
	t.Helper()
	message := sentence(err)
	for i := 0; i+quotable < len(message) && !sentences[message]; i++ {
		if part := message[i : i+quotable+1]; bytes.Contains(text, []byte(part)) {
			t.Errorf("the error quotes %q: %s", part, message)
		}
	}
}
