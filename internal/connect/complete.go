package connect

import (
	"context"
	"encoding/json"
	"errors"
	"net/mail"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/custody"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/gate"
	"strongroom/internal/store"
	"strongroom/secret"
)

// scopeOpenID is what asks for an ID token (OpenID Connect Core 1.0, section 3.1.2.1).
const scopeOpenID = "openid"

// denials are the error codes of RFC 6749, section 4.1.2.1, and what to tell people.
var denials = map[string]string{
	"access_denied":             "Access was not granted at the provider",
	"invalid_request":           "The provider did not understand the request; the operator's log says more",
	"unauthorized_client":       "The provider does not allow this OAuth client to ask; the operator or an org_admin has to correct it",
	"unsupported_response_type": "The provider does not support this way of signing in",
	"invalid_scope":             "The provider does not know a scope that was asked for, or does not give it",
	"server_error":              "The provider failed; try again",
	"temporarily_unavailable":   "The provider is busy; try again later",
	"interaction_required":      "The provider wants you to do something there first; sign in there and try again",
	"login_required":            "The provider wants you to sign in there first",
	"consent_required":          "The provider asks for consent that was not given",
}

// denial is what becomes of an error that the provider sent the browser back with. A code
// that is not known is not repeated: it may be anything.
func denial(code string) outcome {
	if text, ok := denials[code]; ok {
		return outcome{Error: code, Description: text}
	}
	return outcome{Error: errorProvider, Description: "The provider did not let the account be connected"}
}

// complete exchanges the code and stores what came of it. The outcome says why there is
// no credential.
func (s *Service) complete(ctx context.Context, f store.OAuthFlow, c strongroom.AuthorizationCallback, caller strongroom.Caller) (strongroom.Credential, *outcome) {
	failed := func(code, text string, cause error) (strongroom.Credential, *outcome) {
		s.Log.Warn("a connection failed", "provider", f.Provider, "organization_id", f.OrganizationID.String(), "error_code", code, "error", cause)
		return strongroom.Credential{}, &outcome{Error: code, Description: text}
	}
	if c.Code.Empty() {
		return failed(errorProvider, "The provider sent neither a code nor an error", nil)
	}
	kept, def, client, err := s.recall(ctx, f)
	if err != nil {
		return failed(errorStore, "The sign-in cannot be ended at the moment; begin again", err)
	}
	defer client.Secret.Destroy()
	if wrongIssuer(c.Issuer, def.Issuer) {
		return failed(errorProvider, "The answer names another provider than the one that was asked", nil)
	}
	verifier := secret.New([]byte(kept.Verifier))
	defer verifier.Destroy()
	answer := s.exchange(ctx, def, client, c.Code, verifier, s.PublicURL+f.CallbackPath)
	defer answer.Token.Destroy()
	if answer.Outcome != oauth.Renewed {
		return failed(errorProvider, exchangeFailed(answer), answer.Cause)
	}
	if !slices.Contains(f.Scopes, scopeOpenID) {
		kept.Nonce = "" // it was not sent
	}
	email, err := s.identify(ctx, def, client.ID, answer.Token, kept.Nonce)
	if err != nil {
		return failed(errorIdentity, "The provider's statement about the account does not verify", err)
	}
	credential, err := s.keep(ctx, caller, f, def, answer.Token, email, kept.Variables)
	if err != nil {
		var known *strongroom.Error
		text := "The credential could not be stored"
		if errors.As(err, &known) {
			text += ": " + known.Message
		}
		return failed(errorStore, text, err)
	}
	return credential, nil
}

// exchangeFailed says to a person why the code brought no tokens.
func exchangeFailed(a oauth.Answer) string {
	switch {
	case a.Outcome == oauth.Dead:
		return "The provider does not accept the code any more; begin again"
	case a.Reason == strongroom.ReasonAnswerLost:
		return "The provider's answer was lost on its way; begin again"
	}
	return oauth.Sentence(a.Reason) + "; begin again"
}

// recall opens what the flow remembers, and finds its client and endpoints again.
func (s *Service) recall(ctx context.Context, f store.OAuthFlow) (kept remembered, def catalog.OAuth, client oauth.Client, err error) {
	plain, err := s.Sealer.Open(ctx, flowBinding(f), f.Sealed)
	if err != nil {
		return kept, def, client, custody.ExplainSeal(err)
	}
	defer plain.Destroy()
	if err = json.Unmarshal(plain.Reveal(), &kept); err != nil {
		return kept, def, client, errors.New("what the flow remembers cannot be read")
	}
	provider, err := s.oauthProvider(f.Provider)
	if err != nil {
		return kept, def, client, err
	}
	if def, err = s.resolve(ctx, *provider.OAuth, kept.Variables); err != nil {
		return kept, def, client, err
	}
	client, err = s.Clients.Client(ctx, f.OrganizationID, f.Provider, f.ClientID)
	return kept, def, client, err
}

// exchange asks for the tokens within the provider's limits.
func (s *Service) exchange(ctx context.Context, def catalog.OAuth, client oauth.Client, code, verifier secret.Value, redirectURI string) oauth.Answer {
	ctx, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	pass, err := s.Gate.Enter(ctx, def.TokenEndpoint, gate.Limits{PerSecond: def.Limits.PerSecond, Concurrent: def.Limits.Concurrent})
	if err != nil {
		return oauth.Answer{Outcome: oauth.Transient, Reason: strongroom.ReasonRateLimited, Cause: err}
	}
	// Codes are often refused for reasons of their own: what a failure says of the endpoint
	// is left to renewals to find out.
	defer pass.Leave(gate.Unknown, time.Time{})
	return s.Endpoint.Exchange(ctx, def, client, code, verifier, redirectURI)
}

// wrongIssuer tells whether the provider names itself as another than the one that was
// asked (RFC 9207, section 2.4): a code of one sent to another. A definition whose issuer
// differs from account to account says nothing.
func wrongIssuer(named, known string) bool {
	return named != "" && known != "" && !strings.Contains(known, "{") && named != known
}

// identify returns the account's e-mail, "" where nobody says it. An ID token that is there
// must verify.
func (s *Service) identify(ctx context.Context, def catalog.OAuth, clientID string, t oauth.Token, nonce string) (string, error) {
	if !t.IDToken.Empty() && def.JWKSURI != "" && def.Issuer != "" {
		claims, err := s.Endpoint.VerifyIDToken(ctx, def, clientID, t.IDToken, nonce)
		if err != nil {
			return "", err
		}
		if claims.Email != "" && (claims.EmailVerified == nil || *claims.EmailVerified) {
			return claims.Email, nil
		}
	}
	if def.UserinfoEndpoint == "" {
		return "", nil
	}
	access := t.AccessToken()
	defer access.Destroy()
	email, err := s.Endpoint.Email(ctx, def, access)
	if err != nil {
		// A connection is worth more than knowing whose it is.
		s.Log.Info("the account's e-mail could not be asked for", "error", err)
	}
	return email, nil
}

// maxEmail is what a mailbox's address may have (RFC 5321, section 4.5.3.1).
const maxEmail = 320

// keep stores the tokens in a new credential, or in the one that is connected again.
func (s *Service) keep(ctx context.Context, caller strongroom.Caller, f store.OAuthFlow, def catalog.OAuth, t oauth.Token, email string, variables map[string]string) (strongroom.Credential, error) {
	if t.Scopes == nil {
		// As granted where the answer does not say (RFC 6749, section 5.1).
		t.Scopes = f.Scopes
	}
	issued := s.Clock.Now()
	expiresAt := oauth.ExpiresAt(def, t, issued)
	extra := map[string]any{}
	for name, value := range variables {
		extra[name] = value
	}
	if a, err := mail.ParseAddress(email); err == nil && a.Address == email && len(email) <= maxEmail {
		extra["email"] = email
	}
	merge := func(old secret.Value) (secret.Value, error) {
		return s.merge(old, t, issued, expiresAt, extra, f.Scopes)
	}
	if f.CredentialID != nil {
		return s.Credentials.Reconnect(ctx, caller, *f.CredentialID, f.ClientID, merge)
	}
	data, err := merge(secret.Value{})
	if err != nil {
		return strongroom.Credential{}, err
	}
	return s.Credentials.Create(ctx, caller, strongroom.NewCredential{Name: f.Name, Provider: f.Provider, Type: f.Type, Data: data, OAuthClientID: f.ClientID})
}

// merge makes a credential's data of the old data, what is known of the connection, and the
// tokens. Nothing of the old grant survives: not its tokens, and not its scopes.
func (s *Service) merge(old secret.Value, t oauth.Token, issued time.Time, expiresAt *time.Time, extra map[string]any, asked []string) (secret.Value, error) {
	members := map[string]json.RawMessage{}
	if !old.Empty() {
		if err := json.Unmarshal(old.Reveal(), &members); err != nil {
			return secret.Value{}, errors.New("the old data is no JSON object")
		}
	}
	for _, name := range []string{"access_token", "refresh_token", "id_token", "scope", "expires_at", "expires_in", "refresh_token_expires_at", "email", "client_id", "client_secret"} {
		delete(members, name)
	}
	if len(asked) > 0 {
		extra["scope"] = strings.Join(asked, " ")
	}
	for name, value := range extra {
		encoded, err := json.Marshal(value)
		if err != nil {
			return secret.Value{}, err
		}
		members[name] = encoded
	}
	base, err := json.Marshal(members)
	if err != nil {
		return secret.Value{}, errors.New("the data cannot be encoded")
	}
	held := secret.New(base)
	defer held.Destroy()
	return oauth.Merge(held, t, issued, expiresAt)
}
