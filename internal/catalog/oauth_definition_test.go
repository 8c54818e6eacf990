package catalog_test

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
)

// documented returns the definition that doc.go shows for the section oauth.
func documented(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		tb.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "// # OAuth\n")
	if !found {
		tb.Fatal("doc.go has no section about OAuth")
	}
	var yaml strings.Builder
	for line := range strings.Lines(rest) {
		if code, ok := strings.CutPrefix(line, "//\t"); ok {
			yaml.WriteString(code)
		} else if yaml.Len() > 0 {
			break
		}
	}
	return yaml.String()
}

// operators returns the one provider that a definition adds.
func operators(tb testing.TB, definition, name string) (*catalog.Catalog, catalog.Provider) {
	tb.Helper()
	c, err := catalog.Load(directory(tb, map[string]string{"x.yaml": definition}))
	if err != nil {
		tb.Fatal(err)
	}
	p, ok := c.Provider(name)
	if !ok {
		tb.Fatalf("the definition adds no provider %s", name)
	}
	return c, p
}

func TestTheDocumentedDefinitionIsReadWhole(t *testing.T) {
	_, p := operators(t, documented(t), "acme_oauth")
	want := &catalog.OAuth{
		Documentation:              "https://acme.example/docs/oauth",
		Discovery:                  "https://{subdomain}.acme.example",
		AuthorizationEndpoint:      "https://{subdomain}.acme.example/oauth/authorize",
		TokenEndpoint:              "https://{subdomain}.acme.example/oauth/token",
		RevocationEndpoint:         "https://{subdomain}.acme.example/oauth/revoke",
		UserinfoEndpoint:           "https://{subdomain}.acme.example/me",
		JWKSURI:                    "https://{subdomain}.acme.example/keys",
		Issuer:                     "https://{subdomain}.acme.example",
		ClientAuthentication:       catalog.AuthenticateBasic,
		Scopes:                     []string{"invoices", "offline_access"},
		ScopeSeparator:             " ",
		AuthorizationParameters:    map[string]string{"access_type": "offline"},
		TokenParameters:            map[string]string{"audience": "invoices"},
		Headers:                    map[string]string{"X-Acme-Version": "2"},
		ClientCredentialsGrantType: "acme_credentials",
		Lifetime:                   catalog.Lifetime{Member: "expires_in", Default: time.Hour},
		Refresh:                    catalog.RefreshRules{Rotates: true, Idle: 90 * 24 * time.Hour, LifetimeMember: "refresh_expires_in"},
		Errors:                     catalog.ErrorRules{Member: "error.code", Dead: []string{"grant_gone"}, Transient: []string{"busy"}, Misconfigured: []string{"unknown_app"}},
		Limits:                     catalog.RequestLimits{PerSecond: 5, Concurrent: 2},
		Variables: []catalog.Variable{{
			Name: "subdomain", Title: "Subdomain", Description: "What stands before .acme.example.",
			Pattern: "^(?:[a-z0-9]([a-z0-9-]*[a-z0-9])?)$", Example: "contoso", Default: "www",
		}},
		EmailMember: "contact.email",
	}
	if !reflect.DeepEqual(p.OAuth, want) {
		t.Errorf("got  %+v\nwant %+v", p.OAuth, want)
	}
	if got := p.ScopesOf("oauth2"); !slices.Equal(got, []string{"invoices"}) {
		t.Errorf("the scopes of oauth2 are %q", got)
	}
	if got := p.ScopesOf("client_credentials"); !slices.Equal(got, []string{"invoices", "offline_access"}) {
		t.Errorf("the scopes of client_credentials are %q", got)
	}
	for grant, want := range map[catalog.Grant]string{catalog.GrantAuthorizationCode: "oauth2", catalog.GrantClientCredentials: "client_credentials"} {
		if got := p.Connectable(grant); len(got) != 1 || string(got[0]) != want {
			t.Errorf("by %s one gets %q", grant, got)
		}
	}
}

func TestEveryKeyOfTheSectionIsDocumented(t *testing.T) {
	_, p := operators(t, documented(t), "acme_oauth")
	v := reflect.ValueOf(*p.OAuth)
	for i := range v.NumField() {
		// The example has JSON's default, which is false.
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "JSONRequest" {
			t.Errorf("doc.go does not show what sets %s", name)
		}
	}
}

// plain is the least that a provider with OAuth needs.
const plain = `provider: acme_oauth
display_name: Acme
description: Invoices and payments at Acme.
category: automation
documentation: https://acme.example/docs
oauth:
  documentation: https://acme.example/docs/oauth
  authorization_endpoint: https://acme.example/authorize
  token_endpoint: https://acme.example/token
  client_authentication: post
  lifetime: {default: 3600}
credential_types:
  oauth2: {oauth: true}
`

func TestWhatADefinitionLeavesOutHasDefaults(t *testing.T) {
	_, p := operators(t, plain, "acme_oauth")
	want := &catalog.OAuth{
		Documentation: "https://acme.example/docs/oauth", AuthorizationEndpoint: "https://acme.example/authorize",
		TokenEndpoint: "https://acme.example/token", ClientAuthentication: catalog.AuthenticatePost, ScopeSeparator: " ",
		Lifetime: catalog.Lifetime{Member: "expires_in", Default: time.Hour}, Errors: catalog.ErrorRules{Member: "error"},
		Limits: catalog.RequestLimits{PerSecond: 10, Concurrent: 8}, EmailMember: "email",
	}
	if !reflect.DeepEqual(p.OAuth, want) {
		t.Errorf("got  %+v\nwant %+v", p.OAuth, want)
	}
	if got, ok := p.GrantOf("oauth2"); !ok || got != catalog.GrantAuthorizationCode || p.ScopesOf("oauth2") != nil {
		t.Errorf("oauth2 has the grant %q and the scopes %q", got, p.ScopesOf("oauth2"))
	}
}

func TestATypeMayAskForNoScopes(t *testing.T) {
	definition := strings.Replace(plain, "  lifetime", "  scopes: [a]\n  lifetime", 1)
	_, p := operators(t, strings.Replace(definition, "{oauth: true}", "{oauth: true, scopes: []}", 1), "acme_oauth")
	if got := p.ScopesOf("oauth2"); got == nil || len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestTokensWithoutASectionAreKeptAsTheyAre(t *testing.T) {
	before, rest, _ := strings.Cut(plain, "oauth:\n")
	_, types, _ := strings.Cut(rest, "credential_types")
	c, p := operators(t, before+"credential_types"+types, "acme_oauth")
	if grant, ok := p.GrantOf("oauth2"); ok || grant != "" || p.OAuth != nil || p.ScopesOf("oauth2") != nil || p.Connectable(catalog.GrantAuthorizationCode) != nil {
		t.Errorf("oauth2 has the grant %q", grant)
	}
	checked := mustCheck(t, c, "acme_oauth", "oauth2", `{"access_token":"a","refresh_token":"r","scope":"a b"}`)
	if checked.OAuth || checked.Renewable || len(checked.Scopes) != 2 || !p.CredentialProviders[0].IsOAuth {
		t.Errorf("got %+v", checked)
	}
}

func TestOtherTypesHaveNoGrant(t *testing.T) {
	p, _ := mustLoad(t).Provider("api_credential")
	for _, typ := range []strongroom.CredentialType{"api_key", "oauth2", "sftp"} {
		if grant, ok := p.GrantOf(typ); ok {
			t.Errorf("%s has the grant %q", typ, grant)
		}
	}
}

func TestLoopbackAddressesMayBePlainHTTP(t *testing.T) {
	for _, host := range []string{"http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9"} {
		definition := strings.ReplaceAll(plain, "https://acme.example/authorize", host+"/authorize")
		operators(t, strings.ReplaceAll(definition, "https://acme.example/token", host+"/token"), "acme_oauth")
	}
}

// withVariable is a definition whose addresses have the variable {v}.
func withVariable(address, pattern string) string {
	definition := strings.Replace(plain, "https://acme.example/token", "'"+address+"'", 1)
	return strings.Replace(definition, "credential_types", "  variables:\n    v: {title: V, pattern: '"+pattern+"'}\ncredential_types", 1)
}

func TestVariablesMayStandWhereTheyCanDoNoHarm(t *testing.T) {
	for _, tc := range []struct{ address, pattern string }{
		{"https://{v}.acme.example/token", "[a-z0-9.-]+[a-z]"},
		{"https://{v}-auth.eu.acme.example/token", "[A-Za-z0-9_~]+"},
		{"https://acme.example/{v}/token", "[a-z]+"},
		{"https://acme.example/token?account={v}&x={v}", `\d{4,}`},
		{"https://acme.{v}/token", `example|eu|co\.uk`},
		{"https://accounts.{v}.com:8443/token", "acme|acme-test"},
		{"https://{v}/token", `one\.acme\.example|two\.acme\.example`},
	} {
		t.Run(tc.address+" "+tc.pattern, func(t *testing.T) {
			_, p := operators(t, withVariable(tc.address, tc.pattern), "acme_oauth")
			if p.OAuth.TokenEndpoint != tc.address {
				t.Errorf("got %q", p.OAuth.TokenEndpoint)
			}
		})
	}
}

func TestTheValueOfAVariableStaysInItsPlace(t *testing.T) {
	c, _ := operators(t, documented(t), "acme_oauth")
	for _, value := range []any{"acme", "a", "a-1", nil} {
		data := example{data: map[string]any{"access_token": "a", "subdomain": value}}.json(t)
		mustCheck(t, c, "acme_oauth", "oauth2", data)
	}
	for value, want := range map[any]string{
		"evil.example.com/x": "pattern", "a/b": "pattern", "a@b": "pattern", "a:1": "pattern", "a?b": "pattern", "a#b": "pattern", "..": "pattern",
		"": "pattern", "a\n": "pattern", "ä": "pattern", "A": "pattern", strings.Repeat("a", 254): "length", 7: "type", true: "type",
	} {
		data := example{data: map[string]any{"access_token": "a", "subdomain": value}}.json(t)
		_, err := c.Check("acme_oauth", "oauth2", []byte(data))
		if got := violations(t, err); !slices.Equal(got, []string{"body.credentials.subdomain: " + want}) {
			t.Errorf("%v: got %q", value, got)
		}
		if got := message(t, err, "body.credentials.subdomain"); got != "Must be a value such as contoso" {
			t.Errorf("%v: got %q", value, got)
		}
	}
}

func TestAVariableWithoutDefaultMustBeGiven(t *testing.T) {
	_, err := mustLoad(t).Check("zendesk", "oauth2", []byte(`{"access_token":"a"}`))
	if got := violations(t, err); !slices.Equal(got, []string{"body.credentials.subdomain: missing"}) {
		t.Errorf("got %q", got)
	}
	mustCheck(t, mustLoad(t), "salesforce", "oauth2", `{"access_token":"a"}`)
}

// properties returns the names of a published schema's properties, in order.
func properties(tb testing.TB, p catalog.Provider, typ string) []string {
	tb.Helper()
	for _, published := range p.CredentialProviders {
		if published.Name != typ {
			continue
		}
		var schema struct{ Properties json.RawMessage }
		if err := json.Unmarshal(published.Schema, &schema); err != nil {
			tb.Fatal(err)
		}
		d := json.NewDecoder(strings.NewReader(string(schema.Properties)))
		must(d.Token())
		var names []string
		for d.More() {
			names = append(names, must(d.Token()).(string))
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				tb.Fatal(err)
			}
		}
		return names
	}
	tb.Fatalf("%s does not take %s", p.Provider, typ)
	return nil
}

func TestAFormShowsVariablesFirstAndAdditionsLast(t *testing.T) {
	tokens := []string{"access_token", "refresh_token", "token_type", "expires_at", "expires_in", "scope", "id_token", "email", "client_id", "client_secret"}
	_, documented := operators(t, documented(t), "acme_oauth")
	if got, want := properties(t, documented, "oauth2"), slices.Concat([]string{"subdomain"}, tokens, []string{"ledger"}); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := properties(t, documented, "client_credentials"), []string{"subdomain", "client_id", "client_secret", "access_token", "token_type", "expires_at", "expires_in", "scope", "email"}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, tc := range []struct {
		provider, typ string
		want          []string
	}{
		{"google", "google_oauth", tokens},
		{"google", "oauth2", tokens},
		{"google", "google_drive_receive", append(tokens, "folder_id", "drive_id")},
		{"microsoft", "oauth2", append([]string{"tenant"}, tokens...)},
		{"sharepoint", "sharepoint_receive", append(append([]string{"tenant"}, tokens...), "site_url", "site_id", "drive_id", "folder_path")},
		{"api_credential", "oauth2", append(tokens, "base_url", "test_url", "expected_status")},
	} {
		p, _ := mustLoad(t).Provider(tc.provider)
		if got := properties(t, p, tc.typ); !slices.Equal(got, tc.want) {
			t.Errorf("%s %s: got  %q\nwant %q", tc.provider, tc.typ, got, tc.want)
		}
	}
}
