package oauth_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/oauth/oauthtest"
)

// defined writes the provider's definition with another token endpoint.
func defined(t *testing.T, tokenEndpoint string) func(*app.Config, *oauthtest.Server) {
	return func(c *app.Config, server *oauthtest.Server) {
		definition := server.Definition(provider, oauthtest.DefinitionOptions{WithoutDiscovery: true})
		changed := strings.Replace(definition, "token_endpoint: "+server.URL+oauthtest.TokenPath, "token_endpoint: "+tokenEndpoint, 1)
		if changed == definition {
			t.Fatal("the definition has no token endpoint that could be changed")
		}
		must(t, os.WriteFile(filepath.Join(c.Catalog, provider+".yaml"), []byte(changed), 0o600))
	}
}

func unallowed(c *app.Config, _ *oauthtest.Server) { c.AllowAddresses = nil }

func TestNoTokenGoesToAnInternalAddress(t *testing.T) {
	for name, o := range map[string]options{
		"the definition's own, on this machine":       {definition: oauthtest.DefinitionOptions{WithoutDiscovery: true}, edit: unallowed},
		"of the private network":                      {edit: defined(t, "https://10.0.0.1/token")},
		"of the cloud's metadata":                     {edit: defined(t, "https://169.254.169.254/latest/meta-data/")},
		"of this machine in the longer way to say it": {edit: defined(t, "https://[::ffff:10.0.0.1]/token")},
		"discovered on this machine":                  {edit: unallowed},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, o)
			g, id := s.expired()
			s.refusedRead(id)
			s.wantState(id, strongroom.StatusRefreshFailing, strongroom.ReasonBlockedAddress)
			s.wantAttempts(g, 0)
			if m := s.Metadata(s.user, id); m.RefreshError == nil || !strings.Contains(*m.RefreshError, "may not be called") {
				t.Errorf("the credential says %v", m.RefreshError)
			}
		})
	}
}

func TestAnIssuersMetadataLeadToNoInternalAddress(t *testing.T) {
	s := begin(t, options{})
	s.provider.Behave(oauthtest.Behaviour{
		Mode: oauthtest.Rewrite, Endpoint: oauthtest.DiscoveryPath, Set: map[string]any{"token_endpoint": "https://10.0.0.1/token"},
	})
	g, id := s.expired()
	s.refusedRead(id)
	s.wantState(id, strongroom.StatusRefreshFailing, strongroom.ReasonBlockedAddress)
	s.wantAttempts(g, 0)
}

func TestARedirectOfATokenEndpointIsNotFollowed(t *testing.T) {
	s := begin(t, options{definition: oauthtest.DefinitionOptions{KeepsRefreshTokens: true}})
	s.provider.Behave(oauthtest.Behaviour{
		Mode: oauthtest.AnswerStatus, Status: http.StatusTemporaryRedirect, Headers: map[string]string{"Location": s.provider.URL + "/elsewhere"},
	})
	_, id := s.expired()
	s.refusedRead(id)
	if asked := s.provider.Stats().Requests["/elsewhere"]; asked != 0 {
		t.Errorf("the refresh token was sent %d times where a redirect led", asked)
	}
}

func TestAnAddressThatTheOperatorAllowsIsCalled(t *testing.T) {
	s := begin(t, options{definition: oauthtest.DefinitionOptions{WithoutDiscovery: true}})
	g, id := s.expired()
	s.wantWorking(g, id, 1)
}
