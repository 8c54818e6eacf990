package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
)

const accountsTag = "Service accounts"

func (s *server) accountOperations() []operation {
	const base, one = "/service-accounts", "/service-accounts/{id}"
	account := reflect.TypeFor[api.ServiceAccount]()
	manage := []strongroom.Code{strongroom.CodeForbidden, strongroom.CodeUserAccountRequired, strongroom.CodeNotFound, strongroom.CodeAuditUnavailable}
	return []operation{
		{method: http.MethodPost, path: base, id: "create-service-account", tag: accountsTag, summary: "Create a service account",
			description: "By org_admins. The name is unique in the organization.",
			body:        reflect.TypeFor[api.CreateServiceAccount](), status: http.StatusCreated, answer: account,
			errors: []strongroom.Code{strongroom.CodeForbidden, strongroom.CodeUserAccountRequired, strongroom.CodeConflict, strongroom.CodeAuditUnavailable}, handle: s.createAccount},
		{method: http.MethodGet, path: base, id: "list-service-accounts", tag: accountsTag, summary: "List service accounts",
			description: "The organization's and the system accounts, oldest first.",
			query:       []parameter{listLimit, offsetParameter}, status: http.StatusOK, answer: reflect.TypeFor[[]api.ServiceAccount](),
			errors: []strongroom.Code{strongroom.CodeUserAccountRequired}, handle: s.listAccounts},
		{method: http.MethodGet, path: one, id: "get-service-account", tag: accountsTag, summary: "Look at a service account",
			status: http.StatusOK, answer: account, errors: []strongroom.Code{strongroom.CodeUserAccountRequired, strongroom.CodeNotFound}, handle: s.getAccount},
		{method: http.MethodPatch, path: one, id: "update-service-account", tag: accountsTag, summary: "Rename or describe a service account",
			body: reflect.TypeFor[api.UpdateServiceAccount](), status: http.StatusOK, answer: account,
			errors: append(manage, strongroom.CodeConflict), handle: s.updateAccount},
		{method: http.MethodDelete, path: one, id: "delete-service-account", tag: accountsTag, summary: "Delete a service account",
			description: "For good; its keys are dead at once.", status: http.StatusNoContent, errors: manage, handle: s.deleteAccount},
		{method: http.MethodPost, path: one + "/activate", id: "activate-service-account", tag: accountsTag, summary: "Activate a service account",
			status: http.StatusOK, answer: account, errors: manage, handle: s.setStatus(strongroom.ServiceAccountActive)},
		{method: http.MethodPost, path: one + "/deactivate", id: "deactivate-service-account", tag: accountsTag, summary: "Deactivate a service account",
			description: "Its keys are answered 401 until it is activated again.",
			status:      http.StatusOK, answer: account, errors: manage, handle: s.setStatus(strongroom.ServiceAccountInactive)},
		{method: http.MethodPut, path: one + "/grants", id: "set-service-account-grants", tag: accountsTag, summary: "Replace a service account's grants",
			description: "All at once. An empty list lifts every restriction: the account may then read every credential of the organization, and write none.",
			body:        reflect.TypeFor[api.SetGrants](), status: http.StatusOK, answer: account, errors: manage, handle: s.setGrants},
	}
}

func accountID(c *call) (uuid.UUID, error) { return c.pathID("id", strongroom.CodeBadRequest) }

func (s *server) createAccount(ctx context.Context, c *call) (any, error) {
	body, err := bodyOf[api.CreateServiceAccount](c)
	if err != nil {
		return nil, err
	}
	grants, err := domainGrants(body.Grants)
	if err != nil {
		return nil, err
	}
	a, err := s.Accounts.Create(ctx, c.Caller, strongroom.NewServiceAccount{Name: body.Name, Description: body.Description, Grants: grants})
	return wireAccount(a), err
}

func (s *server) listAccounts(ctx context.Context, c *call) (any, error) {
	list, err := s.Accounts.List(ctx, c.Caller, c.page(listLimit))
	return convertAll(list, wireAccount), err
}

func (s *server) getAccount(ctx context.Context, c *call) (any, error) {
	id, err := accountID(c)
	if err != nil {
		return nil, err
	}
	a, err := s.Accounts.Get(ctx, c.Caller, id)
	return wireAccount(a), err
}

func (s *server) updateAccount(ctx context.Context, c *call) (any, error) {
	id, err := accountID(c)
	if err != nil {
		return nil, err
	}
	body, err := bodyOf[api.UpdateServiceAccount](c)
	if err != nil {
		return nil, err
	}
	a, err := s.Accounts.Update(ctx, c.Caller, id, strongroom.ServiceAccountUpdate{Name: body.Name, Description: body.Description})
	return wireAccount(a), err
}

func (s *server) deleteAccount(ctx context.Context, c *call) (any, error) {
	id, err := accountID(c)
	if err != nil {
		return nil, err
	}
	return nil, s.Accounts.Delete(ctx, c.Caller, id)
}

func (s *server) setStatus(status strongroom.ServiceAccountStatus) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		id, err := accountID(c)
		if err != nil {
			return nil, err
		}
		a, err := s.Accounts.SetStatus(ctx, c.Caller, id, status)
		return wireAccount(a), err
	}
}

func (s *server) setGrants(ctx context.Context, c *call) (any, error) {
	id, err := accountID(c)
	if err != nil {
		return nil, err
	}
	body, err := bodyOf[api.SetGrants](c)
	if err != nil {
		return nil, err
	}
	grants, err := domainGrants(body.Grants)
	if err != nil {
		return nil, err
	}
	a, err := s.Accounts.SetGrants(ctx, c.Caller, id, grants)
	return wireAccount(a), err
}
