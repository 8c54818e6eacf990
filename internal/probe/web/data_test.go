package web

import (
	"context"
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/outbound"
	"strongroom/secret"
)

// FuzzData holds the readers to taking any JSON, and what is made of it to addresses and
// headers that stay what they are.
func FuzzData(f *testing.F) {
	for _, s := range []string{
		``, `null`, `[]`, `"x"`, `{}`, `{"access_token":"a","token_type":"Bearer","scope":"a b"}`, `{"scope":["a",null]}`, `{"access_token":{"a":[]}}`,
		`{"site_url":"https://contoso.sharepoint.com/sites/a%2fb/./c"}`, `{"site_id":"a,b,c/../d"}`, `{"tenant_id":"..","client_id":"x","client_secret":"y"}`,
		`{"api_key":"k","header":"X-Key","prefix":"Bearer","test_url":"https://h/?a=b","expected_status":2e2}`, `{"key":"k","query_parameter":"a b","test_url":"http://localhost/#f"}`,
		`{"username":"u:v","password":"p","test_url":"https://[::1]:8/"}`, `{"expected_status":1e400}`, `{"api_key":"k","header":"Host","test_url":"https://h"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var g graphData
		if read(secret.New(b), &g) == nil && g.check() == nil {
			g.scopes(catalog.OAuth{ScopeSeparator: ","})
			fuzzSite(t, g)
		}
		var d secretData
		if read(secret.New(b), &d) == nil {
			// The token is Microsoft Entra's.
			token := tokenData{AccessToken: text{secret.New([]byte("x"))}}
			fuzzSite(t, graphData{tokenData: token, SiteURL: d.SiteURL})
		}
		var a apiData
		if read(secret.New(b), &a) == nil {
			fuzzAPI(t, a)
		}
	})
}

// fuzzSite holds the path of a site to one that stays below /sites/.
func fuzzSite(t *testing.T, g graphData) {
	t.Helper()
	call, err := callSite(g.SiteURL, g.SiteID)
	if err != nil {
		return
	}
	request, err := newQuestion(context.Background(), defaultGraph+call.path, g.AccessToken.Value)
	if err != nil {
		return
	}
	path := request.URL.EscapedPath()
	if !strings.HasPrefix(path, "/v1.0/sites/") || request.URL.Host != "graph.microsoft.com" || request.URL.RawQuery != "$select=id,displayName,webUrl" {
		t.Errorf("%q and %q lead to %q", g.SiteURL, g.SiteID, request.URL)
	}
	if strings.Contains(path+"/", "/../") {
		t.Errorf("%q and %q lead up: %q", g.SiteURL, g.SiteID, path)
	}
}

// fuzzAPI holds every request to one that carries its secret over TLS, or to this machine.
func fuzzAPI(t *testing.T, a apiData) {
	t.Helper()
	for typ := range apis {
		request, err := newRequest(context.Background(), a.TestURL)
		if err != nil || a.sign(request, typ) != nil {
			continue
		}
		if u := request.URL; u.Scheme != "https" && (u.Scheme != "http" || !outbound.IsLoopbackHost(u.Hostname())) {
			t.Errorf("a secret goes to %q", u)
		}
		if typ == strongroom.CredentialType("api_key") && a.QueryParameter == "" && len(request.Header) < 1 {
			t.Error("the key is nowhere")
		}
		for name, values := range request.Header {
			if !canCarry(name) || strings.ContainsAny(strings.Join(values, ""), "\r\n\x00") {
				t.Errorf("the header %q cannot be sent", name)
			}
		}
	}
}
