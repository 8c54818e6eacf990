package connect_test

import (
	"net/url"
	"strings"
	"testing"

	"strongroom/internal/connect"
)

func redirects(t testing.TB, list ...string) connect.Redirects {
	t.Helper()
	r, err := connect.ParseRedirects(list)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAListWithAURLThatBrowsersCouldReadInTwoWaysIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "app.example.com", "http://app.example.com/", "ftp://app.example.com", "https://", "https:///connected", "https://user@app.example.com",
		"https://app.example.com/#top", "https://app.example.com/a/../b", "https://app.example.com//b", `https://app.example.com\b`,
		"javascript:alert(1)", "https://app.example.com/a b", "https://app.example.com/%2e%2e/b", "https://app.example.com/?a=%zz",
	} {
		if _, err := connect.ParseRedirects([]string{"https://fine.example.com", text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestABrowserGoesToAURLOfTheListAndBelowItAlone(t *testing.T) {
	r := redirects(t, "https://app.example.com/connected", "https://other.example.com:8443", "http://127.0.0.1:3000/here/")
	for text, want := range map[string]bool{
		"https://app.example.com/connectedness":           false,
		"https://app.example.com/":                        false,
		"https://app.example.com:444/connected":           false,
		"https://app.example.com.evil.example/connected":  false,
		"https://evil.example/https://app.example.com/":   false,
		"http://app.example.com/connected":                false,
		"https://other.example.com/":                      false,
		"http://127.0.0.1:3001/here":                      false,
		"https://app.example.com/connected":               true,
		"https://APP.example.com/connected/":              true,
		"https://app.example.com/connected/a?b=c&d=e%20f": true,
		"https://other.example.com:8443":                  true,
		"https://other.example.com:8443/any/where":        true,
		"http://127.0.0.1:3000/here":                      true,
	} {
		if _, got := r.Allowed(text); got != want {
			t.Errorf("%s is allowed: %t", text, got)
		}
	}
}

func TestNothingIsAllowedByAnEmptyList(t *testing.T) {
	if _, ok := redirects(t).Allowed("https://app.example.com/"); ok {
		t.Error("it is")
	}
}

// FuzzAllowed: whatever is allowed leads to the host that is on the list, as the strictest
// reader and as the laxest of browsers would read it.
func FuzzAllowed(f *testing.F) {
	for _, seed := range []string{
		"https://app.example.com/connected", "https://app.example.com/connected/../../x", "https://app.example.com\\@evil.example/connected",
		"https://app.example.com@evil.example/connected", "//evil.example/connected", "https://app.example.com/connected\r\nX: y", "https:app.example.com/connected",
	} {
		f.Add(seed)
	}
	allowed := redirects(f, "https://app.example.com/connected")
	f.Fuzz(func(t *testing.T, text string) {
		u, ok := allowed.Allowed(text)
		if !ok {
			return
		}
		again, err := url.Parse(u.String())
		if err != nil || !strings.EqualFold(again.Host, "app.example.com") || again.Scheme != "https" || again.User != nil {
			t.Errorf("%q leads to %q", text, u)
		}
		if p := again.Path; p != "/connected" && !strings.HasPrefix(p, "/connected/") || strings.Contains(p, "..") && strings.Contains(p, "/../") {
			t.Errorf("%q leads to %q", text, u)
		}
		if strings.ContainsAny(u.String(), "\\\r\n\t \x00") {
			t.Errorf("%q leads to %q", text, u)
		}
	})
}
