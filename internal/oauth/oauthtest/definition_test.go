package oauthtest_test

import (
	"os"
	"path/filepath"
	"testing"

	"strongroom/internal/catalog"
	"strongroom/internal/oauth/oauthtest"
)

func TestTheCatalogTakesTheDefinition(t *testing.T) {
	s := oauthtest.Start(t)
	for name, c := range map[string]struct {
		options oauthtest.DefinitionOptions
		want    catalog.OAuth
	}{
		"with every default": {oauthtest.DefinitionOptions{}, catalog.OAuth{
			Discovery: s.URL, ClientAuthentication: catalog.AuthenticatePost, Refresh: catalog.RefreshRules{Rotates: true},
		}},
		"with its endpoints and a refresh token that stays": {
			oauthtest.DefinitionOptions{Authentication: "basic", WithoutDiscovery: true, KeepsRefreshTokens: true},
			catalog.OAuth{TokenEndpoint: s.URL + oauthtest.TokenPath, Issuer: s.URL, ClientAuthentication: catalog.AuthenticateBasic},
		},
		"of a public client, with a line more": {
			oauthtest.DefinitionOptions{Authentication: "none", Lines: []string{"  request_format: json"}},
			catalog.OAuth{
				Discovery: s.URL, ClientAuthentication: catalog.AuthenticateNone, JSONRequest: true, Refresh: catalog.RefreshRules{Rotates: true},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := loaded(t, s.Definition("acme", c.options))
			if got.Discovery != c.want.Discovery || got.TokenEndpoint != c.want.TokenEndpoint || got.Issuer != c.want.Issuer ||
				got.ClientAuthentication != c.want.ClientAuthentication || got.JSONRequest != c.want.JSONRequest || got.Refresh != c.want.Refresh {
				t.Errorf("the catalog has %+v, want %+v", got, c.want)
			}
		})
	}
}

// loaded returns what the catalog makes of a definition of the provider acme, with
// which somebody can connect, and a client ask for itself unless it is public.
func loaded(t *testing.T, definition string) *catalog.OAuth {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "acme.yaml"), []byte(definition), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := c.Provider("acme")
	if !ok || p.OAuth == nil {
		t.Fatal("the catalog does not have it")
	}
	if len(p.Connectable(catalog.GrantAuthorizationCode)) != 1 {
		t.Error("nobody can connect")
	}
	public := p.OAuth.ClientAuthentication == catalog.AuthenticateNone
	if got := len(p.Connectable(catalog.GrantClientCredentials)) == 1; got == public {
		t.Errorf("a client can ask for itself: %t, want %t", got, !public)
	}
	return p.OAuth
}
