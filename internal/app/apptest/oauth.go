package apptest

import (
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/oauth/oauthtest"
)

// AllowedRedirect is where browsers may be sent by a service that OAuth has configured.
const AllowedRedirect = "http://127.0.0.1:9/connected"

// OAuth configures a service for an OAuth server as its operator would: by a definition in
// a directory of its own, by variables, and by letting loopback be called.
func OAuth(t testing.TB, c *app.Config, server *oauthtest.Server, provider string, o oauthtest.DefinitionOptions) {
	t.Helper()
	if c.Catalog == "" {
		c.Catalog = t.TempDir()
	}
	must(t, os.WriteFile(filepath.Join(c.Catalog, provider+".yaml"), []byte(server.Definition(provider, o)), 0o600))
	prefix := "STRONGROOM_OAUTH_" + strings.ToUpper(provider)
	if o.Authentication == "none" {
		c.Environment = append(c.Environment, prefix+"_CLIENT_ID="+oauthtest.Public)
	} else {
		c.Environment = append(c.Environment, prefix+"_CLIENT_ID="+oauthtest.Confidential, prefix+"_CLIENT_SECRET="+oauthtest.ClientSecret)
	}
	c.AllowAddresses = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c.AllowRedirects = []string{AllowedRedirect}
}

// Import stores a grant that was made elsewhere, as a user would, and returns its id. Its
// access token is said to end after so long; 0: nothing is said of it.
func (c *Client) Import(token, provider string, g oauthtest.Grant, ends time.Duration) uuid.UUID {
	c.T.Helper()
	data := map[string]any{"access_token": g.AccessToken, "refresh_token": g.RefreshToken}
	if ends != 0 {
		data["expires_at"] = time.Now().Add(ends).UTC().Format(time.RFC3339)
	}
	var made struct {
		ID uuid.UUID `json:"id"`
	}
	c.Do(Request{Method: http.MethodPost, Path: "/api/integrations/credentials", Token: token, Body: map[string]any{
		"name": "imported", "provider": provider, "credential_type": "oauth2", "credentials": data,
	}}).Want(c.T, http.StatusCreated).Into(c.T, &made)
	return made.ID
}

// Metadata looks at a credential.
func (c *Client) Metadata(token string, id uuid.UUID) (m struct {
	Status       strongroom.CredentialStatus `json:"status"`
	Reason       *strongroom.StatusReason    `json:"status_reason"`
	Since        *time.Time                  `json:"status_since"`
	NextRefresh  *time.Time                  `json:"next_refresh_at"`
	RefreshError *string                     `json:"refresh_error"`
	ExpiresAt    *time.Time                  `json:"expires_at"`
	Version      int64                       `json:"version"`
	Email        *string                     `json:"account_email"`
}) {
	c.T.Helper()
	c.Do(Request{Method: http.MethodGet, Path: "/api/integrations/credentials/" + id.String(), Token: token}).Want(c.T, http.StatusOK).Into(c.T, &m)
	return m
}
