package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/client"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

const (
	credentialsPath = "/api/integrations/credentials"
	canary          = "canary5ecret-"
	someID          = "01a20282-bea0-77ed-8713-43b4283b3e65"
)

// scene is a running service with a user who stores credentials, and a program.
type scene struct {
	*apptest.Service
	organization uuid.UUID
	user, key    string
	client       *client.Client
}

func begin(t *testing.T) *scene {
	t.Helper()
	t.Parallel()
	s := &scene{organization: uuid.New()}
	s.Service = apptest.Start(t, func(c *app.Config) { c.AllowAddresses = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	s.user = s.UserToken(s.organization, uuid.New(), strongroom.RoleAppUser)
	s.key = s.APIKey(s.organization, "worker")
	s.client = open(t, s.URL, s.key)
	return s
}

// open makes a client.
func open(t *testing.T, url, key string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: url, Key: key})
	must(t, err)
	return c
}

// store stores a credential as the user.
func (s *scene) store(t *testing.T, provider, kind string, data map[string]any) string {
	t.Helper()
	var made api.Credential
	s.Do(apptest.Request{Method: http.MethodPost, Path: credentialsPath, Token: s.user, Body: map[string]any{
		"name": "stored", "provider": provider, "credential_type": kind, "credentials": data,
	}}).Want(t, http.StatusCreated).Into(t, &made)
	return made.ID
}

func (s *scene) storeKey(t *testing.T) string {
	t.Helper()
	return s.store(t, "api_credential", "api_key", map[string]any{"api_key": canary + "1"})
}

// answering is a client of a server that answers so.
func answering(t *testing.T, f http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return open(t, server.URL, canary+"key")
}

// refused returns the *client.Error that err is.
func refused(t *testing.T, err error) *client.Error {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %v, want a *client.Error", err)
	}
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
