package entra_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/probe/entra"
	"strongroom/internal/probe/failure"
	"strongroom/secret"
)

const tenant = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"

// line notes the addresses that are asked, and answers with a token.
type line struct{ asked []string }

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	// This is how a request names it on the wire.
	l.asked = append(l.asked, r.URL.Scheme+"://"+r.URL.Host+r.URL.RequestURI())
	return &http.Response{
		StatusCode: http.StatusOK, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"token_type":"Bearer","access_token":"canary-token"}`)),
	}, nil
}

// token asks for one, and returns the address that was asked; "" where none was.
func token(t *testing.T, authority, tenant string) (string, error) {
	t.Helper()
	l := &line{}
	who := entra.Application{TenantID: tenant, ClientID: "x", ClientSecret: secret.New([]byte("canary-secret"))}
	got, err := entra.Token(context.Background(), &http.Client{Transport: l}, authority, who, "https://graph.microsoft.com/.default")
	if err == nil && (string(got.Reveal()) != "canary-token" || len(l.asked) != 1) {
		t.Fatalf("asked %q, and the token is not the one of the answer", l.asked)
	}
	return strings.Join(l.asked, " "), err
}

func TestTheTokenIsAskedForAtTheTenantsAddress(t *testing.T) {
	for authority, want := range map[string]string{
		"https://login.microsoftonline.com":  "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token",
		"https://login.microsoftonline.com/": "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token",
		"https://login.example.com/in":       "https://login.example.com/in/" + tenant + "/oauth2/v2.0/token",
		"http://127.0.0.1:8080":              "http://127.0.0.1:8080/" + tenant + "/oauth2/v2.0/token",
		"http://localhost:8080":              "http://localhost:8080/" + tenant + "/oauth2/v2.0/token",
	} {
		if asked, err := token(t, authority, tenant); err != nil || asked != want {
			t.Errorf("asked %q, %v; want %q", asked, err, want)
		}
	}
}

func TestASecretIsNotSentWhereItMustNotGo(t *testing.T) {
	for name, c := range map[string]struct {
		authority, tenant string
		code              strongroom.CheckCode
		says              string
	}{
		"plain HTTP":                      {"http://login.example.com", tenant, strongroom.CheckTLS, "begins with http://"},
		"plain HTTP to a name like ours":  {"http://localhost.example.com", tenant, strongroom.CheckTLS, "begins with http://"},
		"no scheme":                       {"login.microsoftonline.com", tenant, strongroom.CheckProtocol, "correct it"},
		"another scheme":                  {"ftp://login.example.com", tenant, strongroom.CheckProtocol, "correct it"},
		"no host":                         {"https://", tenant, strongroom.CheckProtocol, "correct it"},
		"an address with a user":          {"https://canary@login.example.com", tenant, strongroom.CheckProtocol, "correct it"},
		"an address that cannot be read":  {"https://%zz", tenant, strongroom.CheckProtocol, "correct it"},
		"no tenant":                       {"https://login.example.com", "", strongroom.CheckAuth, "tenant_id must be"},
		"a tenant that leads up":          {"https://login.example.com", "..", strongroom.CheckAuth, "tenant_id must be"},
		"a tenant with a path":            {"https://login.example.com", "a/../canary", strongroom.CheckAuth, "tenant_id must be"},
		"a tenant with a query":           {"https://login.example.com", "a?canary", strongroom.CheckAuth, "tenant_id must be"},
		"a tenant with an escaped slash":  {"https://login.example.com", "a%2fb", strongroom.CheckAuth, "tenant_id must be"},
		"a tenant that ends with a break": {"https://login.example.com", tenant + "\n", strongroom.CheckAuth, "tenant_id must be"},
	} {
		t.Run(name, func(t *testing.T) {
			asked, err := token(t, c.authority, c.tenant)
			var f *failure.Error
			if !errors.As(err, &f) || f.Code != c.code || !strings.Contains(f.Message, c.says) || strings.Contains(f.Message, "canary") {
				t.Errorf("%v, want %s: %q", err, c.code, c.says)
			}
			if asked != "" {
				t.Errorf("asked %q", asked)
			}
		})
	}
}

// FuzzTenant: no tenant leaves its place in the address.
func FuzzTenant(f *testing.F) {
	for _, s := range []string{tenant, "contoso.onmicrosoft.com", "", ".", "..", "a/../b", "a?b", "a#b", "a%2fb", "a:b@c", "a\nb", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, tenant string) {
		asked, err := token(t, "https://login.example.com", tenant)
		if err != nil {
			if asked != "" {
				t.Errorf("%q is asked for, and refused", asked)
			}
			return
		}
		if asked != "https://login.example.com/"+tenant+"/oauth2/v2.0/token" || strings.ContainsAny(tenant, "/?#%:@\\") || strings.Trim(tenant, ".") == "" {
			t.Errorf("the tenant %q leads to %q", tenant, asked)
		}
	})
}
