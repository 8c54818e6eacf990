package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"strongroom"
	"strongroom/api"
	"strongroom/secret"
)

var (
	listLimit         = limitParameter(1000)
	providerParameter = parameter{name: "provider", kind: "string", description: "Only this provider's, in any case"}
	revokeParameter   = parameter{name: "revoke", kind: "string", enum: []string{"true", "false"}, description: "Whether to revoke an OAuth grant at the provider"}
	scopeParameter    = parameter{name: "scope", kind: "string", enum: []string{"own", "organization"}, description: "organization: every user's (an org_admin's right)"}
)

func (s *server) credentialOperations() []operation {
	const tag, base, one = "Credentials", "/integrations/credentials", "/integrations/credentials/{credential_id}"
	metadata, list := reflect.TypeFor[api.Credential](), reflect.TypeFor[[]api.Credential]()
	return []operation{
		{method: http.MethodGet, path: base, id: "list-credentials", tag: tag, summary: "List credentials",
			description: "A user's own, or with scope=organization everybody's; for a service account the organization's. Metadata only, newest first.",
			query:       []parameter{listLimit, offsetParameter, providerParameter, scopeParameter}, status: http.StatusOK, answer: list,
			errors: []strongroom.Code{strongroom.CodeInvalidProvider, strongroom.CodeForbidden}, handle: s.listCredentials},
		{method: http.MethodPost, path: base, id: "create-credential", tag: tag, summary: "Store a credential",
			description: "By users only. What is stored can never be read back by a person.",
			body:        reflect.TypeFor[api.CreateCredential](), status: http.StatusCreated, answer: metadata,
			errors: []strongroom.Code{strongroom.CodeInvalidProvider, strongroom.CodeCredentialLimit, strongroom.CodeUserAccountRequired, strongroom.CodeKeyUnavailable, strongroom.CodeAuditUnavailable},
			handle: s.createCredential},
		{method: http.MethodGet, path: base + "/provider/{provider}",
			pattern: base + "/{list}/{provider}", fixed: map[string]string{"list": "provider"}, id: "list-credentials-of-provider", tag: tag, summary: "List a provider's credentials",
			description: "As the list, for one provider; its name in any case.",
			query:       []parameter{listLimit, offsetParameter, scopeParameter}, status: http.StatusOK, answer: list,
			errors: []strongroom.Code{strongroom.CodeInvalidProvider, strongroom.CodeForbidden}, handle: s.listProviderCredentials},
		{method: http.MethodGet, path: one, id: "get-credential", tag: tag, summary: "Look at a credential",
			description: "Metadata only, for any principal of the organization.", status: http.StatusOK, answer: metadata,
			errors: []strongroom.Code{strongroom.CodeInvalidCredentialID, strongroom.CodeForbidden, strongroom.CodeNotFound}, handle: s.getCredential},
		{method: http.MethodPatch, path: one, id: "update-credential", tag: tag, summary: "Replace a credential's data",
			description: "Under the same id, so that workflows go on. By the owner, an org_admin, or a service account with a grant to write. The old data is overwritten.",
			body:        reflect.TypeFor[api.UpdateCredential](), status: http.StatusOK, answer: metadata,
			errors: []strongroom.Code{strongroom.CodeInvalidCredentialID, strongroom.CodeForbidden, strongroom.CodeNotFound, strongroom.CodeConflict, strongroom.CodeKeyUnavailable, strongroom.CodeAuditUnavailable},
			handle: s.updateCredential},
		{method: http.MethodDelete, path: one, id: "delete-credential", tag: tag, summary: "Delete a credential",
			description: "By the owner or an org_admin. Only the operator's command line restores it. With revoke=true its OAuth grant is revoked at the provider as well; X-Revocation says how that went (revoked, unsupported, failed), and the deletion holds in any case.",
			query:       []parameter{revokeParameter}, status: http.StatusNoContent,
			errors: []strongroom.Code{strongroom.CodeInvalidCredentialID, strongroom.CodeForbidden, strongroom.CodeUserAccountRequired, strongroom.CodeNotFound, strongroom.CodeAuditUnavailable},
			handle: s.deleteCredential},
		{method: http.MethodPost, path: one + "/refresh", id: "refresh-credential", tag: tag, summary: "Renew an OAuth token now",
			description: "By the owner, an org_admin, or a service account with a grant to write. Whoever asks while a renewal is under way gets its outcome.", status: http.StatusOK, answer: metadata,
			errors: []strongroom.Code{strongroom.CodeInvalidCredentialID, strongroom.CodeForbidden, strongroom.CodeNotFound, strongroom.CodeReauthorization, strongroom.CodeRefreshFailed, strongroom.CodeAuditUnavailable},
			handle: s.refreshCredential},
		s.openOperation(one + "/credentials"),
	}
}

func (s *server) listCredentials(ctx context.Context, c *call) (any, error) {
	return s.list(ctx, c, c.query["provider"])
}

func (s *server) listProviderCredentials(ctx context.Context, c *call) (any, error) {
	return s.list(ctx, c, c.request.PathValue("provider"))
}

func (s *server) list(ctx context.Context, c *call, provider string) (any, error) {
	list, err := s.Credentials.List(ctx, c.Caller, strongroom.CredentialQuery{
		Page: c.page(listLimit), Provider: provider, WholeOrganization: c.query["scope"] == "organization",
	})
	return convertAll(list, wireCredential), err
}

func (s *server) createCredential(ctx context.Context, c *call) (any, error) {
	body, err := bodyOf[api.CreateCredential](c)
	if err != nil {
		return nil, err
	}
	created, err := s.Credentials.Create(ctx, c.Caller, strongroom.NewCredential{
		Name: body.Name, Provider: body.Provider, Type: strongroom.CredentialType(body.CredentialType), Data: secret.New(body.Credentials),
	})
	return wireCredential(created), err
}

func (s *server) getCredential(ctx context.Context, c *call) (any, error) {
	id, err := c.credentialID()
	if err != nil {
		return nil, err
	}
	got, err := s.Credentials.Get(ctx, c.Caller, id)
	return wireCredential(got), err
}

func (s *server) updateCredential(ctx context.Context, c *call) (any, error) {
	id, err := c.credentialID()
	if err != nil {
		return nil, err
	}
	body, err := bodyOf[api.UpdateCredential](c)
	if err != nil {
		return nil, err
	}
	updated, err := s.Credentials.Update(ctx, c.Caller, id, strongroom.CredentialUpdate{
		Name: body.Name, Type: strongroom.CredentialType(body.CredentialType), Data: secret.New(body.Credentials),
	})
	return wireCredential(updated), err
}

func (s *server) deleteCredential(ctx context.Context, c *call) (any, error) {
	id, err := c.credentialID()
	if err != nil {
		return nil, err
	}
	revoked, err := s.Credentials.Delete(ctx, c.Caller, id, c.query["revoke"] == "true")
	if err == nil && revoked != strongroom.RevocationNone {
		c.response.Header().Set("X-Revocation", string(revoked))
	}
	return nil, err
}

func (s *server) refreshCredential(ctx context.Context, c *call) (any, error) {
	id, err := c.credentialID()
	if err != nil {
		return nil, err
	}
	refreshed, err := s.Credentials.Refresh(ctx, c.Caller, id)
	return wireCredential(refreshed), err
}
