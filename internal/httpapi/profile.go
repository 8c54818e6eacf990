package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/catalog"
)

// operations lists every call of the API.
func (s *server) operations() []operation {
	all := s.credentialOperations()
	all = append(all, s.accountOperations()...)
	all = append(all, s.oauthOperations()...)
	all = append(all, s.keyOperations()...)
	all = append(all, s.connectionOperations()...)
	all = append(all, s.rotationOperations()...)
	return append(all,
		operation{method: http.MethodGet, path: "/integrations/catalog", id: "catalog", tag: "Catalog", summary: "List the providers",
			description: "Every provider that credentials can be stored for, with the JSON Schema of each credential type.",
			status:      http.StatusOK, answer: reflect.TypeFor[[]api.CatalogEntry](), handle: s.catalog},
		operation{method: http.MethodGet, path: "/profile/me", id: "who-am-i", tag: "Profile", summary: "Who am I?",
			status: http.StatusOK, answer: reflect.TypeFor[api.Profile](), handle: s.profile},
		s.auditOperation(),
	)
}

func (s *server) profile(_ context.Context, c *call) (any, error) {
	return api.Profile{
		Kind: string(c.Kind), ID: c.ID.String(), OrganizationID: c.OrganizationID.String(),
		Role: text(string(c.Role)), Email: text(c.Email), APIKeyID: idText(c.KeyID), Grants: wireGrants(c.Grants),
	}, nil
}

func (s *server) catalog(context.Context, *call) (any, error) {
	return convertAll(s.Catalog.Entries(), wireEntry), nil
}

func wireEntry(e catalog.Entry) api.CatalogEntry {
	return api.CatalogEntry{
		ID: e.ID.String(), Category: e.Category, Provider: e.Provider, Name: e.Name, DisplayName: e.DisplayName,
		Description: e.Description, IsPlugin: e.IsPlugin,
		CredentialTypes: convertAll(e.CredentialTypes, func(t strongroom.CredentialType) string { return string(t) }),
		CredentialProviders: convertAll(e.CredentialProviders, func(p catalog.CredentialProvider) api.CredentialProvider {
			return api.CredentialProvider{IsOAuth: p.IsOAuth, Name: p.Name, CredentialSchema: p.Schema}
		}),
	}
}

// text returns nil for "", which the wire shows as null.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// idText returns nil for the nil UUID.
func idText(id uuid.UUID) *string {
	if id == uuid.Nil {
		return nil
	}
	s := id.String()
	return &s
}
