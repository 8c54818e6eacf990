package apptest

import (
	"bytes"
	"net/http"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app"
	"strongroom/internal/identity"
	"strongroom/secret"
)

// UserToken mints a user's JWT.
func (c *Client) UserToken(organization, user uuid.UUID, role strongroom.Role) string {
	c.T.Helper()
	now := time.Now()
	token, err := identity.MintUserToken(secret.New(bytes.Clone(c.JWTSecret)), identity.TokenClaims{
		Issuer: app.DevIssuer, Audience: app.DevAudience, UserID: user, OrganizationID: organization,
		Role: role, Email: "someone@example.com", IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	})
	must(c.T, err)
	return string(token.Reveal())
}

// APIKey makes a service account with one key over the API, as an org_admin does.
func (c *Client) APIKey(organization uuid.UUID, name string) string {
	c.T.Helper()
	admin := c.UserToken(organization, uuid.New(), strongroom.RoleOrgAdmin)
	var account api.ServiceAccount
	c.Do(Request{Method: http.MethodPost, Path: "/api/service-accounts", Token: admin, Body: api.CreateServiceAccount{Name: name}}).
		Want(c.T, http.StatusCreated).Into(c.T, &account)
	var key api.IssuedAPIKey
	c.Do(Request{Method: http.MethodPost, Path: "/api/service-accounts/" + account.ID + "/api-keys", Token: admin, Body: api.CreateAPIKey{Name: "key"}}).
		Want(c.T, http.StatusCreated).Into(c.T, &key)
	return string(key.Token)
}
