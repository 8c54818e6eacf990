package connect

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/custody"
	"strongroom/internal/oauth"
	"strongroom/internal/policy"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

// remembered is what a flow needs at its end, sealed.
type remembered struct {
	Verifier  string            `json:"verifier"`
	Nonce     string            `json:"nonce"`
	Variables map[string]string `json:"variables,omitempty"`
}

// Authorize implements strongroom.OAuthService.
func (s *Service) Authorize(ctx context.Context, caller strongroom.Caller, a strongroom.AuthorizationRequest) (strongroom.Authorization, error) {
	now := s.Clock.Now()
	event := strongroom.NewEvent(now, caller, strongroom.ActionOAuthAuthorize)
	if a.CredentialID != nil {
		event.CredentialID = *a.CredentialID
	}
	provider, err := s.oauthProvider(a.Provider)
	if err == nil {
		event.Provider = provider.Provider
	}
	target, refused := s.decide(ctx, caller, a, now)
	if refused != nil {
		if strongroom.CodeOf(refused) == strongroom.CodeRepositoryUnavailable {
			return strongroom.Authorization{}, refused
		}
		return strongroom.Authorization{}, s.refuse(ctx, event, refused)
	}
	if err != nil {
		return strongroom.Authorization{}, err
	}
	flow, err := s.newFlow(caller, provider, a, target, now)
	if err != nil {
		return strongroom.Authorization{}, err
	}
	return s.begin(ctx, provider, flow, a, event)
}

// oauthProvider returns a provider that accounts can be connected at.
func (s *Service) oauthProvider(name string) (catalog.Provider, error) {
	p, ok := s.Catalog.Provider(name)
	if !ok {
		return p, strongroom.Errorf(strongroom.CodeInvalidProvider, "There is no such provider; the catalog lists those there are")
	}
	if p.OAuth == nil {
		return p, strongroom.Errorf(strongroom.CodeBadRequest, "This provider has no OAuth; store its credentials instead")
	}
	return p, nil
}

// decide asks policy whether the caller may connect, and may the credential that is named.
func (s *Service) decide(ctx context.Context, caller strongroom.Caller, a strongroom.AuthorizationRequest, now time.Time) (*strongroom.Credential, error) {
	if err := policy.Decide(caller, policy.ConnectCredential, nil, now); err != nil || a.CredentialID == nil {
		return nil, err
	}
	c, err := s.Store.Credential(ctx, caller.OrganizationID, *a.CredentialID)
	if err != nil {
		return nil, store.Explain(err, "Credential")
	}
	return &c, policy.Decide(caller, policy.ConnectCredential, &c, now)
}

// newFlow checks what is asked for.
func (s *Service) newFlow(caller strongroom.Caller, p catalog.Provider, a strongroom.AuthorizationRequest, target *strongroom.Credential, now time.Time) (store.OAuthFlow, error) {
	bad := func(message string) error { return strongroom.Errorf(strongroom.CodeBadRequest, "%s", message) }
	if s.PublicURL == "" {
		return store.OAuthFlow{}, bad("Accounts cannot be connected here: the operator has to set --public-url")
	}
	redirect, ok := s.Redirects.Allowed(a.RedirectTo)
	if !ok {
		return store.OAuthFlow{}, bad("redirect_to is not on the operator's list of allowed URLs (--allow-redirect)")
	}
	types := p.Connectable(catalog.GrantAuthorizationCode)
	if target != nil {
		if target.Provider != p.Provider {
			return store.OAuthFlow{}, bad("The credential that is to be connected again belongs to another provider")
		}
		a.Type, a.Name = target.Type, target.Name
	}
	if a.Type == "" && len(types) > 0 {
		a.Type = types[0]
	}
	if !slices.Contains(types, a.Type) {
		return store.OAuthFlow{}, bad("This provider has no such credential type that is connected by signing in")
	}
	f := store.OAuthFlow{
		OrganizationID: caller.OrganizationID, UserID: caller.ID, Role: caller.Role, Provider: p.Provider, Type: a.Type,
		Name: strings.TrimSpace(a.Name), CredentialID: a.CredentialID, RedirectTo: redirect.String(), CallbackPath: a.CallbackPath,
		Scopes: a.Scopes, CreatedAt: now, ExpiresAt: now.Add(flowLifetime),
	}
	if f.Name == "" {
		f.Name = p.DisplayName
	}
	if len(f.Scopes) == 0 {
		f.Scopes = p.ScopesOf(a.Type)
	}
	return f, nil
}

// begin finds the client and the provider's address, remembers the flow, and says where the
// browser goes.
func (s *Service) begin(ctx context.Context, p catalog.Provider, f store.OAuthFlow, a strongroom.AuthorizationRequest, event strongroom.Event) (strongroom.Authorization, error) {
	client, err := s.Clients.Client(ctx, f.OrganizationID, f.Provider, "")
	if errors.Is(err, store.ErrNotFound) {
		return strongroom.Authorization{}, strongroom.Errorf(strongroom.CodeBadRequest,
			"No OAuth client is configured for this provider: an org_admin stores one, or the operator sets STRONGROOM_OAUTH_%s_CLIENT_ID and its secret", strings.ToUpper(f.Provider))
	} else if err != nil {
		return strongroom.Authorization{}, custody.ExplainSeal(err)
	}
	client.Secret.Destroy()
	f.ClientID = client.ID
	def, err := s.resolve(ctx, *p.OAuth, a.Variables)
	if err != nil {
		return strongroom.Authorization{}, err
	}
	state, browser, verifier, err := s.remember(ctx, &f, a.Variables)
	if err != nil {
		return strongroom.Authorization{}, err
	}
	defer verifier.secret.Destroy()
	address, err := oauth.AuthorizationURL(def, oauth.AuthorizationParameters{
		ClientID: f.ClientID, RedirectURI: s.PublicURL + f.CallbackPath, Scopes: f.Scopes, State: state,
		Challenge: oauth.Challenge(string(verifier.secret.Reveal())), Nonce: verifier.nonce, LoginHint: a.LoginHint,
	})
	if err != nil {
		return strongroom.Authorization{}, strongroom.Errorf(strongroom.CodeInternal, "The provider's definition gives no address to sign in at").Because(err)
	}
	err = s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		if err := tx.EnsureOrganization(f.OrganizationID, f.CreatedAt); err != nil {
			return nil, err
		}
		return []strongroom.Event{event}, tx.CreateOAuthFlow(f, maxFlows)
	})
	switch {
	case errors.Is(err, store.ErrUserLimit):
		return strongroom.Authorization{}, s.refuse(ctx, event, &strongroom.Error{
			Code: strongroom.CodeRateLimited, Message: "Too many connections are under way; finish one, or wait until they expire", RetryAfter: time.Minute,
		})
	case err != nil:
		return strongroom.Authorization{}, store.Explain(err, "Connection")
	}
	s.Observe(event.Action, event.Outcome, "")
	return strongroom.Authorization{URL: address, State: state, BrowserKey: browser, ExpiresAt: f.ExpiresAt}, nil
}

// resolve fills in the variables and finds the endpoints.
func (s *Service) resolve(ctx context.Context, def catalog.OAuth, variables map[string]string) (catalog.OAuth, error) {
	for name := range variables {
		if !slices.ContainsFunc(def.Variables, func(v catalog.Variable) bool { return v.Name == name }) {
			return def, wrongVariable("Each must be one of the provider's definition", "unexpected")
		}
	}
	filled, err := oauth.Fill(def, variables)
	var wrong *oauth.VariableError
	if errors.As(err, &wrong) {
		return def, wrongVariable(wrong.Message, "pattern", wrong.Name)
	}
	if err != nil {
		return def, strongroom.Errorf(strongroom.CodeInternal, "The provider's definition cannot be used").Because(err)
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	found, err := s.Endpoint.Resolve(ctx, filled)
	if err != nil {
		return def, strongroom.Unavailable(strongroom.CodeRefreshFailed, "The provider cannot be asked for its addresses at the moment; try again", 5*time.Second).Because(err)
	}
	return found, nil
}

func wrongVariable(message, kind string, name ...any) error {
	return strongroom.Invalid(strongroom.FieldError{Location: append([]any{"body", "variables"}, name...), Message: message, Type: kind})
}

// proof is what the exchange of the code will have to show.
type proof struct {
	secret secret.Value
	nonce  string
}

// remember fills in what makes the flow single: its state, the browser's key, and what it
// proves itself with in the end.
func (s *Service) remember(ctx context.Context, f *store.OAuthFlow, variables map[string]string) (state string, browser secret.Value, p proof, err error) {
	if f.ID, err = uuid.NewV7(); err != nil {
		return "", browser, p, err
	}
	var key string
	for _, made := range []*string{&state, &key, &p.nonce} {
		if *made, err = oauth.NewState(); err != nil {
			return "", browser, p, err
		}
	}
	if p.secret, err = oauth.NewVerifier(); err != nil {
		return "", browser, p, err
	}
	plain, err := json.Marshal(remembered{Verifier: string(p.secret.Reveal()), Nonce: p.nonce, Variables: variables})
	if err != nil {
		return "", browser, p, err
	}
	held := secret.New(plain)
	defer held.Destroy()
	if f.Sealed, err = s.Sealer.Seal(ctx, flowBinding(*f), held); err != nil {
		return "", browser, p, custody.ExplainSeal(err)
	}
	f.StateHash, f.BrowserHash = sha256.Sum256([]byte(state)), sha256.Sum256([]byte(key))
	return state, secret.New([]byte(key)), p, nil
}

func flowBinding(f store.OAuthFlow) seal.Binding {
	return seal.Binding{Purpose: seal.OAuthFlow, OrganizationID: f.OrganizationID, RecordID: f.ID, Version: 1}
}

// recordFailure puts on record what became of a callback that brought nothing.
func (s *Service) recordFailure(ctx context.Context, e strongroom.Event) error {
	if err := s.Audit.Record(ctx, e); err != nil {
		return audit.Unrecorded(err)
	}
	s.Observe(e.Action, e.Outcome, e.Reason)
	return nil
}
