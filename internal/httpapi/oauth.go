package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/secret"
)

const oauthTag = "OAuth"

// Query parameters of a connection.
var (
	redirectParameter = parameter{name: "redirect_to", kind: "string", required: true, length: 2048, description: "Where the browser goes in the end; on the operator's list"}
	authorizeQuery    = []parameter{
		redirectParameter,
		{name: "name", kind: "string", length: 255, description: "Name of the new credential; default: the provider's"},
		{name: "credential_type", kind: "string", description: "Default: the provider's first that is connected by signing in"},
		{name: "credential_id", kind: "uuid", description: "A credential to connect again, under the same id"},
		{name: "scopes", kind: "string", length: 8192, description: "What to ask for, with spaces in between; default: the definition's"},
		{name: "variables", kind: "string", length: 2048, description: "Parts of the provider's addresses, as name=value with commas in between"},
		{name: "login_hint", kind: "string", length: 320, description: "The account to propose"},
	}
	callbackQuery = []parameter{
		{name: "state", kind: "string", required: true, length: 512, description: "As it was given"},
		{name: "code", kind: "string", length: 4096, description: "The authorization code"},
		{name: "error", kind: "string", length: 256, description: "Why there is no code"},
		{name: "iss", kind: "string", length: 1024, description: "The provider's identifier (RFC 9207)"},
	}
)

func (s *server) oauthOperations() []operation {
	begin := []strongroom.Code{strongroom.CodeInvalidProvider, strongroom.CodeForbidden, strongroom.CodeUserAccountRequired, strongroom.CodeNotFound,
		strongroom.CodeKeyUnavailable, strongroom.CodeAuditUnavailable, strongroom.CodeRefreshFailed}
	const about = "Users only. Sets a cookie: the browser that asks is the only one that can end the connection, so it has to be asked by the browser itself, or the cookie passed on to it."
	authorization, form := reflect.TypeFor[api.Authorization](), reflect.TypeFor[api.AuthorizePlugin]()
	clientErrors := []strongroom.Code{strongroom.CodeForbidden, strongroom.CodeUserAccountRequired, strongroom.CodeInvalidProvider, strongroom.CodeAuditUnavailable}
	return append([]operation{
		{method: http.MethodGet, path: "/integrations/{provider}/authorize", pattern: "/integrations/{provider}/{action}", fixed: map[string]string{"action": "authorize"},
			id: "authorize", tag: oauthTag, summary: "Begin to connect an account", description: about, query: authorizeQuery,
			status: http.StatusOK, answer: authorization, errors: begin, handle: s.authorize},
		{method: http.MethodPost, path: "/integrations/plugins/{plugin_name}/oauth/authorize", id: "authorize-integration-plugin", tag: oauthTag,
			summary: "Begin to connect an account (plugin of an integration)", description: about, body: form, status: http.StatusOK, answer: authorization, errors: begin, handle: s.authorizeIntegrationPlugin},
		{method: http.MethodPost, path: "/plugins/{plugin_name}/oauth/authorize", id: "authorize-plugin", tag: oauthTag,
			summary: "Begin to connect an account (plugin)", description: about, body: form, status: http.StatusOK, answer: authorization, errors: begin, handle: s.authorizePlugin},
		s.callbackOperation("/integrations/plugins/{plugin_name}/oauth/callback", "callback-integration-plugin"),
		s.callbackOperation("/plugins/{plugin_name}/{provider_name}/oauth/callback", "callback-plugin"),
		{method: http.MethodGet, path: "/integrations/oauth-clients", id: "list-oauth-clients", tag: oauthTag, summary: "List the organization's own OAuth clients",
			description: "By org_admins. Their secrets cannot be read.", status: http.StatusOK, answer: reflect.TypeFor[[]api.OAuthClient](), errors: clientErrors, handle: s.listOAuthClients},
	}, s.oauthClientOperations("/integrations/oauth-clients/{provider}", clientErrors)...)
}

func (s *server) oauthClientOperations(path string, errors []strongroom.Code) []operation {
	return []operation{
		{method: http.MethodPut, path: path, id: "set-oauth-client", tag: oauthTag, summary: "Store an OAuth client of the organization's own",
			description: "By org_admins. It is used in place of the operator's for new connections, and for renewing what it connected.",
			body:        reflect.TypeFor[api.SetOAuthClient](), status: http.StatusOK, answer: reflect.TypeFor[api.OAuthClient](),
			errors: append([]strongroom.Code{strongroom.CodeConflict, strongroom.CodeKeyUnavailable}, errors...), handle: s.setOAuthClient},
		{method: http.MethodDelete, path: path, id: "delete-oauth-client", tag: oauthTag, summary: "Remove an OAuth client",
			description: "By org_admins. What it connected cannot be renewed any more.", status: http.StatusNoContent,
			errors: append([]strongroom.Code{strongroom.CodeNotFound}, errors...), handle: s.deleteOAuthClient},
	}
}

func (s *server) callbackOperation(path, id string) operation {
	return operation{method: http.MethodGet, path: path, id: id, tag: oauthTag, summary: "End a connection",
		description: "Called by the browser that the provider sends back, without a token: the state and the cookie say whose it is. Redirects to redirect_to with credential_id, or with error and error_description.",
		query:       callbackQuery, public: true, status: http.StatusSeeOther,
		errors: []strongroom.Code{strongroom.CodeAuditUnavailable}, write: s.callback}
}

func (s *server) authorize(ctx context.Context, c *call) (any, error) {
	provider := c.request.PathValue("provider")
	a := strongroom.AuthorizationRequest{
		Provider: provider, RedirectTo: c.query["redirect_to"], Name: c.query["name"], Type: strongroom.CredentialType(c.query["credential_type"]),
		Scopes: strings.Fields(c.query["scopes"]), LoginHint: c.query["login_hint"], CallbackPath: s.integrationCallback(provider),
	}
	if id := c.id("credential_id"); id != uuid.Nil {
		a.CredentialID = &id
	}
	if pairs := c.query["variables"]; pairs != "" {
		a.Variables = map[string]string{}
		for pair := range strings.SplitSeq(pairs, ",") {
			name, value, _ := strings.Cut(pair, "=")
			a.Variables[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return s.beginConnection(ctx, c, a)
}

func (s *server) authorizeIntegrationPlugin(ctx context.Context, c *call) (any, error) {
	a, _, err := pluginRequest(c)
	if err != nil {
		return nil, err
	}
	a.CallbackPath = s.integrationCallback(a.Provider)
	return s.beginConnection(ctx, c, a)
}

func (s *server) authorizePlugin(ctx context.Context, c *call) (any, error) {
	a, name, err := pluginRequest(c)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = a.Provider
	}
	a.CallbackPath = s.Prefix + "/plugins/" + pathSegment(a.Provider) + "/" + pathSegment(name) + "/oauth/callback"
	return s.beginConnection(ctx, c, a)
}

// integrationCallback is where a provider sends the browser back; it is to be registered
// there, below the public URL.
func (s *server) integrationCallback(provider string) string {
	return s.Prefix + "/integrations/plugins/" + pathSegment(provider) + "/oauth/callback"
}

// pathSegment is the one spelling of a name in callbacks' paths: providers compare them to
// the letter.
func pathSegment(name string) string { return url.PathEscape(strings.ToLower(name)) }

// pluginRequest reads the body of the two forms for plugins. A provider_name other than the
// plugin's own is one of its credential types.
func pluginRequest(c *call) (a strongroom.AuthorizationRequest, providerName string, err error) {
	body, err := bodyOf[api.AuthorizePlugin](c)
	if err != nil {
		return a, "", err
	}
	a = strongroom.AuthorizationRequest{
		Provider: c.request.PathValue("plugin_name"), RedirectTo: body.RedirectTo, Name: deref(body.IntegrationName),
		Type: strongroom.CredentialType(deref(body.CredentialType)), Scopes: body.Scopes, Variables: body.Variables, LoginHint: deref(body.LoginHint),
	}
	providerName = deref(body.ProviderName)
	if providerName != "" && a.Type == "" && !strings.EqualFold(providerName, a.Provider) {
		a.Type = strongroom.CredentialType(strings.ToLower(providerName))
	}
	if body.CredentialID != nil {
		id, err := uuid.Parse(*body.CredentialID)
		if err != nil {
			return a, "", strongroom.Errorf(strongroom.CodeInvalidCredentialID, "credential_id is no UUID")
		}
		a.CredentialID = &id
	}
	return a, providerName, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Cookies with browsers' keys. There is one for each connection under way, so that two tabs
// do not take each other's.
const (
	cookiePrefix = "strongroom_oauth_"
	maxCookies   = 40
)

func (s *server) beginConnection(ctx context.Context, c *call, a strongroom.AuthorizationRequest) (any, error) {
	begun, err := s.OAuth.Authorize(ctx, c.Caller, a)
	if err != nil {
		return nil, err
	}
	defer begun.BrowserKey.Destroy()
	name := sha256.Sum256([]byte(begun.State))
	http.SetCookie(c.response, &http.Cookie{
		Name: cookiePrefix + hex.EncodeToString(name[:8]), Value: string(begun.BrowserKey.Reveal()), Path: s.Prefix,
		MaxAge: int(begun.ExpiresAt.Sub(s.Clock()) / time.Second), HttpOnly: true, Secure: s.SecureCookies, SameSite: http.SameSiteLaxMode,
	})
	return api.Authorization{AuthorizationURL: begun.URL, State: begun.State, ExpiresAt: begun.ExpiresAt}, nil
}

// callback answers the browser that comes back from the provider.
func (s *server) callback(w http.ResponseWriter, r *http.Request, c *call) error {
	back := strongroom.AuthorizationCallback{
		CallbackPath: r.URL.EscapedPath(), State: c.query["state"], Code: secret.New([]byte(c.query["code"])),
		Error: c.query["error"], Issuer: c.query["iss"], Caller: c.Caller,
	}
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, cookiePrefix) && len(back.BrowserKeys) < maxCookies {
			back.BrowserKeys = append(back.BrowserKeys, secret.New([]byte(cookie.Value)))
		}
	}
	redirect, err := s.OAuth.Callback(r.Context(), back)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Location", redirect)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (s *server) listOAuthClients(ctx context.Context, c *call) (any, error) {
	list, err := s.OAuth.ListClients(ctx, c.Caller)
	return convertAll(list, wireOAuthClient), err
}

func (s *server) setOAuthClient(ctx context.Context, c *call) (any, error) {
	body, err := bodyOf[api.SetOAuthClient](c)
	if err != nil {
		return nil, err
	}
	n := strongroom.NewOAuthClient{Provider: c.request.PathValue("provider"), ClientID: body.ClientID}
	if body.ClientSecret != nil {
		n.Secret = secret.New([]byte(*body.ClientSecret))
	}
	saved, err := s.OAuth.SetClient(ctx, c.Caller, n)
	return wireOAuthClient(saved), err
}

func (s *server) deleteOAuthClient(ctx context.Context, c *call) (any, error) {
	return nil, s.OAuth.DeleteClient(ctx, c.Caller, c.request.PathValue("provider"))
}

func wireOAuthClient(c strongroom.OAuthClient) api.OAuthClient {
	return api.OAuthClient{Provider: c.Provider, ClientID: c.ClientID, ModifiedBy: c.ModifiedBy.String(), CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt}
}
