package catalog_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"strongroom/internal/catalog"
)

// shipped returns the embedded providers whose OAuth is known.
func shipped(tb testing.TB) []catalog.Provider {
	tb.Helper()
	var found []catalog.Provider
	for _, e := range mustLoad(tb).Entries() {
		if p, _ := mustLoad(tb).Provider(e.Provider); p.OAuth != nil {
			found = append(found, p)
		}
	}
	return found
}

func TestManyProvidersShipWithOAuth(t *testing.T) {
	if n := len(shipped(t)); n < 35 {
		t.Errorf("%d providers ship with OAuth", n)
	}
}

func TestOnlyAPIsOfNobodyKnowsWhomHaveOAuthDataWithoutSection(t *testing.T) {
	for _, e := range mustLoad(t).Entries() {
		p, _ := mustLoad(t).Provider(e.Provider)
		for _, c := range e.CredentialProviders {
			if c.IsOAuth && p.OAuth == nil && e.Provider != "api_credential" {
				t.Errorf("%s takes OAuth data in %s, but nothing says how to keep it fresh", e.Provider, c.Name)
			}
		}
	}
}

// addresses returns all addresses of the section by their keys.
func addresses(o *catalog.OAuth) map[string]string {
	return map[string]string{
		"documentation": o.Documentation, "discovery": o.Discovery, "authorization_endpoint": o.AuthorizationEndpoint,
		"token_endpoint": o.TokenEndpoint, "revocation_endpoint": o.RevocationEndpoint, "userinfo_endpoint": o.UserinfoEndpoint,
		"jwks_uri": o.JWKSURI, "issuer": o.Issuer,
	}
}

func TestShippedAddressesAreHTTPSWhateverTheVariables(t *testing.T) {
	for _, p := range shipped(t) {
		for name, address := range addresses(p.OAuth) {
			for _, v := range p.OAuth.Variables {
				value := v.Default
				if value == "" {
					value = v.Example
				}
				if !regexp.MustCompile(v.Pattern).MatchString(value) || v.Title == "" {
					t.Errorf("%s: the variable %s has no value to show", p.Provider, v.Name)
				}
				address = strings.ReplaceAll(address, "{"+v.Name+"}", value)
			}
			address = strings.ReplaceAll(address, "{tenantid}", uuidText)
			if u, err := url.Parse(address); address != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(address, "{}")) {
				t.Errorf("%s: %s is no https address: %s", p.Provider, name, address)
			}
		}
	}
}

func TestShippedSectionsAgreeWithThemselves(t *testing.T) {
	ours := []string{"client_id", "client_secret", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "login_hint"}
	for _, p := range shipped(t) {
		t.Run(p.Provider, func(t *testing.T) {
			o := p.OAuth
			if o.Documentation == "" || o.TokenEndpoint == "" || o.ClientAuthentication == "" || o.Limits.PerSecond <= 0 || o.Limits.Concurrent <= 0 {
				t.Errorf("the section is not whole: %+v", o)
			}
			code, client := p.Connectable(catalog.GrantAuthorizationCode), p.Connectable(catalog.GrantClientCredentials)
			if len(code)+len(client) == 0 || len(code) > 0 && o.AuthorizationEndpoint == "" {
				t.Errorf("nobody can connect: %q by a person, %q by a client", code, client)
			}
			u, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(o.AuthorizationEndpoint))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range ours {
				_, also := o.AuthorizationParameters[name]
				if also || u.Query().Has(name) {
					t.Errorf("it sets %s, which the service sets itself", name)
				}
			}
			for _, typ := range slices.Concat(code, client) {
				// An ID token that cannot be verified must not be asked for.
				if slices.Contains(p.ScopesOf(typ), "openid") && (o.Issuer == "" || o.JWKSURI == "") {
					t.Errorf("%s asks for an ID token, and nothing says how to verify one", typ)
				}
			}
			for _, typ := range client {
				if scopes := p.ScopesOf(typ); slices.Contains(scopes, "openid") || slices.Contains(scopes, "offline_access") {
					t.Errorf("%s asks for a person's scopes: %q", typ, scopes)
				}
			}
			if (o.Lifetime.Default > 0) == o.Lifetime.Never {
				t.Errorf("the lifetime is %+v", o.Lifetime)
			}
		})
	}
}

func TestQuirksOfShippedProviders(t *testing.T) {
	section := func(name string) catalog.OAuth {
		p, ok := mustLoad(t).Provider(name)
		if !ok || p.OAuth == nil {
			t.Fatalf("%s has no OAuth", name)
		}
		return *p.OAuth
	}
	google := section("google")
	if google.AuthorizationParameters["access_type"] != "offline" || google.AuthorizationParameters["prompt"] != "consent" {
		t.Error("Google is not asked for a refresh token each time")
	}
	for _, name := range []string{"microsoft", "sharepoint"} {
		m := section(name)
		if m.Refresh.Rotates || m.Issuer != "https://login.microsoftonline.com/{tenantid}/v2.0" || m.Variables[0].Default != "common" || !slices.Contains(m.Scopes, "offline_access") {
			t.Errorf("%s is not as documented: %+v", name, m)
		}
	}
	for _, name := range []string{"github", "slack", "slack_user", "zendesk", "miro", "notion", "intercom", "mailchimp"} {
		if !section(name).Lifetime.Never {
			t.Errorf("%s has tokens that end without saying so", name)
		}
	}
	for _, name := range []string{"atlassian", "airtable", "box", "calendly", "gitlab", "linear", "quickbooks", "slack", "xero", "zoom", "zendesk"} {
		if !section(name).Refresh.Rotates {
			t.Errorf("%s replaces refresh tokens", name)
		}
	}
	for _, name := range []string{"notion", "atlassian", "zendesk"} {
		if !section(name).JSONRequest {
			t.Errorf("%s wants JSON", name)
		}
	}
	if section("reddit").Headers["User-Agent"] == "" || section("github").Headers["Accept"] != "application/json" {
		t.Error("a header is missing that the provider insists on")
	}
	if section("zoom_server_to_server").ClientCredentialsGrantType != "account_credentials" {
		t.Error("Zoom has a grant type of its own")
	}
}
