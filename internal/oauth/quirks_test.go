package oauth_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
)

// told is a good answer of a provider's token endpoint, and what has to come of it.
type told struct {
	// body is JSON, or a form where it does not begin as JSON does.
	body string
	// lives is the lifetime that is taken from the answer; 0: none is.
	lives time.Duration
	// ends is when a token ends whose answer has no lifetime; 0: never.
	ends         time.Duration
	refreshLives time.Duration
	// scopes are those granted, with spaces between them; "": the answer does not say.
	scopes string
	// refreshes says that there is a refresh token in the answer.
	refreshes bool
	// extra are members of the provider's own, with spaces between them. They are kept.
	extra string
}

// refused is an answer without a token.
type refused struct {
	what   string
	status int
	body   string
	want   oauth.Outcome
}

// saying are the answers of one provider's token endpoint. Everything that is not the
// provider's own is generated for all of them.
type saying struct {
	// exchange answers a code, or a client's credentials where nobody signs in.
	exchange told
	// refresh is empty where there are no refresh tokens.
	refresh told
	// refusals are those of the provider's own form.
	refusals []refused
}

// documented has a row for every provider that ships with OAuth.
var documented = func() map[string]saying {
	all := map[string]saying{}
	for _, rows := range []map[string]saying{officeAnswers, messagingAnswers, businessAnswers, developerAnswers, mediaAnswers} {
		maps.Copy(all, rows)
	}
	return all
}()

// providers are all that ship with OAuth, by name.
var providers = sync.OnceValues(func() (map[string]catalog.Provider, error) {
	c, err := catalog.Load("")
	if err != nil {
		return nil, err
	}
	found := map[string]catalog.Provider{}
	for _, e := range c.Entries() {
		if p, ok := c.Provider(e.Provider); ok && p.OAuth != nil {
			found[e.Provider] = p
		}
	}
	return found, nil
})

// eachProvider runs the test once for every provider that ships with OAuth.
func eachProvider(t *testing.T, test func(t *testing.T, p catalog.Provider)) {
	t.Helper()
	all, err := providers()
	if err != nil || len(all) < 35 {
		t.Fatalf("%d providers ship with OAuth: %v", len(all), err)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) { test(t, all[name]) })
	}
}

func TestEveryProviderThatShipsHasItsAnswersHere(t *testing.T) {
	eachProvider(t, func(t *testing.T, p catalog.Provider) {
		s, ok := documented[p.Provider]
		if !ok {
			t.Fatalf("%s ships with OAuth, and nothing here says what its token endpoint answers; add a row of its documented answers, good and bad", p.Provider)
		}
		if s.exchange.body == "" {
			t.Errorf("%s has no good answer; add the one that its documentation shows", p.Provider)
		}
		people := len(p.Connectable(catalog.GrantAuthorizationCode)) > 0
		if people && s.refresh.body == "" && (p.OAuth.Refresh.Rotates || !p.OAuth.Lifetime.Never) {
			t.Errorf("%s has tokens that end, and no answer of a refresh; add the one that its documentation shows", p.Provider)
		}
		if len(s.refusals) == 0 {
			t.Errorf("%s has no bad answer; add what it says of a grant that has ended, or of a client that it does not know", p.Provider)
		}
		if s.refresh.body != "" && !slices.ContainsFunc(s.refusals, func(r refused) bool { return r.want == oauth.Dead }) {
			t.Errorf("%s has refresh tokens, and no answer that ends a grant; add one, or nobody is ever asked to connect anew", p.Provider)
		}
	})
	all, _ := providers()
	for name := range documented {
		if _, ok := all[name]; !ok {
			t.Errorf("%s has answers here and does not ship with OAuth; remove them", name)
		}
	}
}

func TestTheGoodAnswersOfEveryProvider(t *testing.T) {
	eachProvider(t, func(t *testing.T, p catalog.Provider) {
		for name, good := range map[string]told{"the first token": documented[p.Provider].exchange, "a refresh": documented[p.Provider].refresh} {
			if good.body != "" {
				t.Run(name, func(t *testing.T) { checkTold(t, *p.OAuth, good) })
			}
		}
	})
}

func TestTheBadAnswersOfEveryProvider(t *testing.T) {
	eachProvider(t, func(t *testing.T, p catalog.Provider) {
		for _, bad := range documented[p.Provider].refusals {
			t.Run(bad.what, func(t *testing.T) {
				reason := map[oauth.Outcome]strongroom.StatusReason{
					oauth.Dead: strongroom.ReasonInvalidGrant, oauth.Misconfigured: strongroom.ReasonClientRejected, oauth.Transient: strongroom.ReasonProviderError,
				}[bad.want]
				if bad.status == 429 {
					reason = strongroom.ReasonRateLimited
				}
				wantAnswer(t, oauth.Classify(*p.OAuth, answerOf(bad.status, bad.body), now), bad.want, reason)
			})
		}
	})
}

// answerOf is a response of the type that the body looks like.
func answerOf(status int, text string) oauth.Response {
	switch {
	case strings.HasPrefix(text, "<"):
		return typed(body(status, text), "text/html; charset=utf-8")
	case text != "" && !strings.HasPrefix(text, "{"):
		return typed(body(status, text), formType)
	}
	return body(status, text)
}

// checkTold checks everything that comes of a good answer.
func checkTold(t *testing.T, def catalog.OAuth, good told) {
	t.Helper()
	token := mustRenew(t, def, answerOf(200, good.body))
	if token.ExpiresIn != good.lives || token.RefreshExpiresIn != good.refreshLives || token.HasRefreshToken != good.refreshes {
		t.Errorf("the token lives %s and its refresh token %s (there: %t); want %s, %s, %t",
			token.ExpiresIn, token.RefreshExpiresIn, token.HasRefreshToken, good.lives, good.refreshLives, good.refreshes)
	}
	if got := strings.Join(token.Scopes, " "); got != good.scopes {
		t.Errorf("the scopes are %q, want %q", got, good.scopes)
	}
	ends := good.lives
	if ends == 0 {
		ends = good.ends
	}
	expiresAt := oauth.ExpiresAt(def, token, now)
	if (expiresAt == nil) != (ends == 0) || expiresAt != nil && !expiresAt.Equal(now.Add(ends)) {
		t.Errorf("the token ends at %v, want %s from %s (0: never)", expiresAt, ends, now)
	}
	checkKept(t, def, good, mergedWith(t, def, token))
}

// checkKept checks what is handed out after the answer.
func checkKept(t *testing.T, def catalog.OAuth, good told, merged map[string]any) {
	t.Helper()
	answer := membersOf(t, good.body)
	want := map[string]any{"access_token": answer["access_token"], "refresh_token": "old-refresh", "client_id": "ours"}
	if good.refreshes {
		want["refresh_token"] = answer["refresh_token"]
	}
	if good.scopes == "" {
		want["scope"] = "old scope"
	}
	for _, name := range strings.Fields(good.extra) {
		if answer[name] == nil {
			t.Errorf("the answer has no %s", name)
		}
		want[name] = answer[name]
	}
	for _, v := range def.Variables {
		want[v.Name] = "old-" + v.Name
	}
	for name, value := range want {
		if !reflect.DeepEqual(merged[name], value) {
			t.Errorf("%s is %v, want %v", name, merged[name], value)
		}
	}
	if _, relative := merged["expires_in"]; relative || merged["token_type"] == "" || merged["token_type"] == nil {
		t.Errorf("what is handed out is %v", merged)
	}
	if end, _ := merged["expires_at"].(string); (end == "") != (good.lives+good.ends == 0) {
		t.Errorf("expires_at is %q", end)
	}
}

// mergedWith is the token merged with a credential's old data, as an object.
func mergedWith(t *testing.T, def catalog.OAuth, token oauth.Token) map[string]any {
	t.Helper()
	old := map[string]string{"access_token": "old-access", "refresh_token": "old-refresh", "scope": "old scope", "expires_at": "2030-01-01T00:00:00Z", "client_id": "ours"}
	for _, v := range def.Variables {
		old[v.Name] = "old-" + v.Name
	}
	data, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	merged, err := oauth.Merge(value(string(data)), token, now, oauth.ExpiresAt(def, token, now))
	if err != nil {
		t.Fatal(err)
	}
	return membersOf(t, string(merged.Reveal()))
}

// membersOf reads an object or a form, numbers as they are written.
func membersOf(t *testing.T, text string) map[string]any {
	t.Helper()
	o := map[string]any{}
	if !strings.HasPrefix(text, "{") {
		form, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		for name := range form {
			o[name] = form.Get(name)
		}
		return o
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}
