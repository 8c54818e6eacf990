package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
)

func (s *server) keyOperations() []operation {
	const base, one = "/service-accounts/{id}/api-keys", "/service-accounts/{id}/api-keys/{key_id}"
	manage := []strongroom.Code{strongroom.CodeForbidden, strongroom.CodeUserAccountRequired, strongroom.CodeNotFound, strongroom.CodeAuditUnavailable}
	return []operation{
		{method: http.MethodGet, path: base, id: "list-api-keys", tag: accountsTag, summary: "List an account's API keys",
			query: []parameter{listLimit, offsetParameter}, status: http.StatusOK, answer: reflect.TypeFor[[]api.APIKey](),
			errors: []strongroom.Code{strongroom.CodeForbidden, strongroom.CodeUserAccountRequired, strongroom.CodeNotFound}, handle: s.listKeys},
		{method: http.MethodPost, path: base, id: "create-api-key", tag: accountsTag, summary: "Create an API key",
			description: "By org_admins. The token is in this answer and nowhere else.",
			body:        reflect.TypeFor[api.CreateAPIKey](), status: http.StatusCreated, answer: reflect.TypeFor[api.IssuedAPIKey](), errors: manage, handle: s.createKey},
		{method: http.MethodPatch, path: one, id: "update-api-key", tag: accountsTag, summary: "Rename or describe an API key",
			body: reflect.TypeFor[api.UpdateAPIKey](), status: http.StatusOK, answer: reflect.TypeFor[api.APIKey](), errors: manage, handle: s.updateKey},
		{method: http.MethodDelete, path: one, id: "delete-api-key", tag: accountsTag, summary: "Delete an API key",
			description: "It is answered 401 from the next request on.", status: http.StatusNoContent, errors: manage, handle: s.deleteKey},
	}
}

func keyIDs(c *call) (account, key uuid.UUID, err error) {
	if account, err = accountID(c); err != nil {
		return account, key, err
	}
	key, err = c.pathID("key_id", strongroom.CodeBadRequest)
	return account, key, err
}

func (s *server) listKeys(ctx context.Context, c *call) (any, error) {
	account, err := accountID(c)
	if err != nil {
		return nil, err
	}
	list, err := s.Accounts.ListKeys(ctx, c.Caller, account, c.page(listLimit))
	return convertAll(list, wireKey), err
}

func (s *server) createKey(ctx context.Context, c *call) (any, error) {
	account, err := accountID(c)
	if err != nil {
		return nil, err
	}
	body, err := bodyOf[api.CreateAPIKey](c)
	if err != nil {
		return nil, err
	}
	issued, err := s.Accounts.CreateKey(ctx, c.Caller, account, strongroom.NewAPIKey{Name: body.Name, Description: body.Description, ExpiresAt: body.ExpiresAt})
	if err != nil {
		return nil, err
	}
	defer issued.Token.Destroy()
	return api.IssuedAPIKey{APIKey: wireKey(issued.APIKey), Token: api.SecretString(issued.Token.Reveal())}, nil
}

func (s *server) updateKey(ctx context.Context, c *call) (any, error) {
	account, key, err := keyIDs(c)
	if err != nil {
		return nil, err
	}
	body, err := bodyOf[api.UpdateAPIKey](c)
	if err != nil {
		return nil, err
	}
	k, err := s.Accounts.UpdateKey(ctx, c.Caller, account, key, strongroom.APIKeyUpdate{Name: body.Name, Description: body.Description})
	return wireKey(k), err
}

func (s *server) deleteKey(ctx context.Context, c *call) (any, error) {
	account, key, err := keyIDs(c)
	if err != nil {
		return nil, err
	}
	return nil, s.Accounts.DeleteKey(ctx, c.Caller, account, key)
}
