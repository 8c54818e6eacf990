package oauth

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"strongroom/internal/catalog"
)

// scopeOpenID asks for an ID token (OpenID Connect Core 1.0, section 3.1.2.1).
const scopeOpenID = "openid"

// AuthorizationParameters are what is of one authorization request.
type AuthorizationParameters struct {
	ClientID    string
	RedirectURI string
	// Scopes to ask for; none: the request has no scope.
	Scopes []string
	State  string
	// Challenge is [Challenge] of the verifier.
	Challenge string
	// Nonce is sent where an ID token is asked for, by the scope openid.
	Nonce string
	// LoginHint is the account to propose; "": none.
	LoginHint string
}

// AuthorizationURL returns where the browser goes (RFC 6749, section 4.1.1; RFC 7636,
// section 4.3). def is resolved: its addresses are complete. What the endpoint has in its
// query, and the definition's parameters, are kept unless the request sets them itself.
func AuthorizationURL(def catalog.OAuth, p AuthorizationParameters) (string, error) {
	if def.AuthorizationEndpoint == "" {
		return "", errors.New("the provider's authorization endpoint is not known; name it in the definition's oauth section")
	}
	u, err := url.Parse(def.AuthorizationEndpoint)
	if err != nil || u.Host == "" {
		return "", errors.New("the provider's authorization endpoint is no address; correct it in the definition's oauth section")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", errors.New("the authorization endpoint's query cannot be read; correct it in the definition's oauth section")
	}
	for name, value := range def.AuthorizationParameters {
		q.Set(name, value)
	}
	for name, value := range map[string]string{
		"response_type":         "code",
		"client_id":             p.ClientID,
		"redirect_uri":          p.RedirectURI,
		"state":                 p.State,
		"code_challenge":        p.Challenge,
		"code_challenge_method": ChallengeMethod,
	} {
		q.Set(name, value)
	}
	if len(p.Scopes) > 0 {
		q.Set("scope", JoinScopes(def, p.Scopes))
	}
	if slices.Contains(p.Scopes, scopeOpenID) && p.Nonce != "" {
		q.Set("nonce", p.Nonce)
	}
	if p.LoginHint != "" {
		q.Set("login_hint", p.LoginHint)
	}
	u.RawQuery = q.Encode()
	u.Fragment, u.RawFragment = "", ""
	return u.String(), nil
}

// JoinScopes returns scopes as the provider takes them in a request.
func JoinScopes(def catalog.OAuth, scopes []string) string {
	separator := def.ScopeSeparator
	if separator == "" {
		separator = " "
	}
	return strings.Join(scopes, separator)
}
