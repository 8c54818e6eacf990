package oauth_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/secret"
)

func value(text string) secret.Value { return secret.New([]byte(text)) }

func TestDataThatDoesNotMerge(t *testing.T) {
	token := oauth.Token{Members: value(`{"access_token":"canary-token"}`)}
	for name, c := range map[string]struct {
		old   string
		token oauth.Token
	}{
		"data that is a list":         {`["canary-token"]`, token},
		"data that is null":           {`null`, token},
		"data that is cut off":        {`{"refresh_token":"canary-token`, token},
		"data with a member twice":    {`{"canary-token":1,"canary-token":2}`, token},
		"data that is too large":      {`{"x":"` + strings.Repeat("canary-token", 1<<17) + `"}`, token},
		"an answer that is no object": {`{}`, oauth.Token{Members: value(`"canary-token"`)}},
		"no answer":                   {`{}`, oauth.Token{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := oauth.Merge(value(c.old), c.token, now, nil)
			if err == nil || !got.Empty() {
				t.Fatalf("merged into %s", got.Reveal())
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes the data: %v", err)
			}
		})
	}
}

func TestAnAnswerOverOldData(t *testing.T) {
	end := time.Date(2031, 1, 2, 16, 4, 5, 120000000, time.FixedZone("", 3600))
	const old = `{"access_token":"old","refresh_token":"keep","scope":"a b","expires_at":"2030-01-01T00:00:00Z","expires_in":1,"folder":{"id":12345678901234567890.10},"client_id":"ours","token_type":"mac"}`
	for _, tc := range []struct {
		name, old, answer string
		end               *time.Time
		want              string
	}{
		{
			"into nothing", ``, `{"access_token":"new"}`, &end,
			`{"access_token":"new","expires_at":"2031-01-02T15:04:05.12Z","token_type":"Bearer"}`,
		},
		{
			"everything new", old, `{"access_token":"new","refresh_token":"next","scope":["c"],"expires_in":3600,"token_type":"bearer","n":1.0e2}`, &end,
			`{"access_token":"new","client_id":"ours","expires_at":"2031-01-02T15:04:05.12Z","folder":{"id":12345678901234567890.10},"n":1.0e2,"refresh_token":"next","scope":["c"],"token_type":"bearer"}`,
		},
		{
			"a token alone keeps refresh token, scope and type", old, `{"access_token":"new"}`, &end,
			`{"access_token":"new","client_id":"ours","expires_at":"2031-01-02T15:04:05.12Z","folder":{"id":12345678901234567890.10},"refresh_token":"keep","scope":"a b","token_type":"mac"}`,
		},
		{
			"a token that does not end", old, `{"access_token":"new"}`, nil,
			`{"access_token":"new","client_id":"ours","folder":{"id":12345678901234567890.10},"refresh_token":"keep","scope":"a b","token_type":"mac"}`,
		},
		{
			"null keeps refresh token and scope", `{"refresh_token":"keep","scope":"a"}`, `{"access_token":"new","refresh_token":null,"scope":null,"token_type":null}`, nil,
			`{"access_token":"new","refresh_token":"keep","scope":"a","token_type":"Bearer"}`,
		},
		{
			"empty ones keep refresh token and scope", `{"refresh_token":"keep","scope":"a"}`, `{"access_token":"new","refresh_token":"","scope":" ","token_type":""}`, nil,
			`{"access_token":"new","refresh_token":"keep","scope":"a","token_type":"Bearer"}`,
		},
		{
			"an empty list and a refresh token that is none", `{"refresh_token":"keep","scope":"a"}`, `{"access_token":"new","refresh_token":false,"scope":[]}`, nil,
			`{"access_token":"new","refresh_token":"keep","scope":"a","token_type":"Bearer"}`,
		},
		{
			"null of neither", `{}`, `{"access_token":"new","refresh_token":null,"scope":null}`, nil,
			`{"access_token":"new","token_type":"Bearer"}`,
		},
		{
			"characters as they were", `{"x":"<&>\u2028é"}`, `{"access_token":"a<b"}`, nil,
			`{"access_token":"a<b","token_type":"Bearer","x":"<&>\u2028é"}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := oauth.Merge(value(tc.old), oauth.Token{Members: value(tc.answer)}, now, tc.end)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Reveal()) != tc.want {
				t.Errorf("got\n%s, want\n%s", got.Reveal(), tc.want)
			}
		})
	}
}

func TestARotationKeepsOnlyTheNewRefreshToken(t *testing.T) {
	token := mustRenew(t, catalog.OAuth{}, body(200, `{"access_token":"a2","refresh_token":"r2"}`))
	got, err := oauth.Merge(value(`{"access_token":"a1","refresh_token":"r1"}`), token, now, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(got.Reveal()); strings.Contains(text, "r1") || strings.Contains(text, "a1") || !strings.Contains(text, `"r2"`) {
		t.Errorf("got %s", text)
	}
}

func TestTheEndOfTheRefreshTokenIsKeptWhereItIsKnown(t *testing.T) {
	def := catalog.OAuth{Refresh: catalog.RefreshRules{LifetimeMember: "refresh_in"}}
	const old = `{"access_token":"a1","refresh_token":"r1","refresh_token_expires_at":"2020-01-01T00:00:00Z"}`
	end := now.Add(14 * 24 * time.Hour).UTC().Format(time.RFC3339)
	for _, tc := range []struct{ name, answer, want string }{
		{"a lifetime", `{"access_token":"a2","refresh_token":"r2","refresh_in":1209600}`, end},
		{"a lifetime of the token that stays", `{"access_token":"a2","refresh_in":1209600}`, end},
		{"a new token without one", `{"access_token":"a2","refresh_token":"r2"}`, ""},
		{"the token that stays, and no word of it", `{"access_token":"a2"}`, "2020-01-01T00:00:00Z"},
	} {
		got, err := oauth.Merge(value(old), mustRenew(t, def, body(200, tc.answer)), now, nil)
		if err != nil {
			t.Fatal(err)
		}
		var data struct {
			End string `json:"refresh_token_expires_at"`
		}
		if err := json.Unmarshal(got.Reveal(), &data); err != nil || data.End != tc.want {
			t.Errorf("%s: the refresh token ends at %q, want %q", tc.name, data.End, tc.want)
		}
	}
}

func TestMembersByPath(t *testing.T) {
	const document = `{"email":"a@example.com","user":{"mail":"b@example.com","n":1},"user.mail":"c@example.com"}`
	for path, want := range map[string]string{
		"email": "a@example.com", "user.mail": "c@example.com", "user.n": "", "user": "", "user.none": "", "none.mail": "", "": "", "email.x": "",
	} {
		if got := oauth.Member([]byte(document), path); got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
	}
	if got := oauth.Member([]byte(`{"email":"a","email":"b"}`), "email"); got != "" {
		t.Errorf("of two members one was chosen: %q", got)
	}
}
