package canary_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

// TestAConnectionAsksForTheDefinitionsScopes: without them there is no refresh token, and
// nothing to keep.
func TestAConnectionAsksForTheDefinitionsScopes(t *testing.T) {
	server := oauthtest.Start(t)
	s := apptest.Start(t, func(c *app.Config) {
		apptest.OAuth(t, c, server, acme, oauthtest.DefinitionOptions{})
		c.PublicURL = publicURL
	})
	user := s.UserToken(uuid.New(), uuid.New(), strongroom.RoleAppUser)
	var begun api.Authorization
	path := "/api/integrations/" + acme + "/authorize?" + url.Values{"redirect_to": {apptest.AllowedRedirect}}.Encode()
	s.Do(apptest.Request{Method: http.MethodGet, Path: path, Token: user}).Want(t, http.StatusOK).Into(t, &begun)
	at, err := url.Parse(begun.AuthorizationURL)
	if err != nil {
		t.Fatal(err)
	}
	if asked := strings.Fields(at.Query().Get("scope")); !slices.Equal(asked, []string{"openid", "offline_access"}) {
		t.Errorf("the scopes %q are asked for, want the definition's", asked)
	}
}
