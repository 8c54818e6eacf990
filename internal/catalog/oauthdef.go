package catalog

import (
	"time"

	"strongroom"
)

// ClientAuthentication is how a client proves to a token endpoint who it is (RFC 6749,
// section 2.3).
type ClientAuthentication string

// The ways of client authentication.
const (
	// AuthenticateBasic sends id and secret in the Authorization header.
	AuthenticateBasic ClientAuthentication = "basic"
	// AuthenticatePost sends id and secret in the body.
	AuthenticatePost ClientAuthentication = "post"
	// AuthenticateNone sends the id alone: a public client.
	AuthenticateNone ClientAuthentication = "none"
)

// Grant is how the first token of a credential type is got.
type Grant string

// The grants.
const (
	// GrantAuthorizationCode: a person consents in a browser (RFC 6749, section 4.1).
	GrantAuthorizationCode Grant = "authorization_code"
	// GrantClientCredentials: the client asks for itself (RFC 6749, section 4.4).
	GrantClientCredentials Grant = "client_credentials"
)

// OAuth is how OAuth 2.0 works at one provider, as data. Addresses may hold {name} in
// place of a variable's value.
type OAuth struct {
	// Documentation is an https link to the provider's own pages about it.
	Documentation string
	// Discovery is an issuer whose metadata (RFC 8414, OpenID Connect Discovery 1.0) gives
	// the addresses that are empty here; "" where none is asked.
	Discovery string

	AuthorizationEndpoint string
	TokenEndpoint         string
	// RevocationEndpoint (RFC 7009), UserinfoEndpoint and JWKSURI may be empty.
	RevocationEndpoint string
	UserinfoEndpoint   string
	JWKSURI            string
	// Issuer is what ID tokens name as theirs; "": the discovered one. "{tenantid}" stands
	// for the token's own tid claim, as Microsoft has it.
	Issuer string

	ClientAuthentication ClientAuthentication
	// JSONRequest sends the token request as JSON instead of as a form.
	JSONRequest bool
	// Scopes are asked for unless the credential type or the caller names others.
	Scopes []string
	// ScopeSeparator is a space for all but a few.
	ScopeSeparator string
	// AuthorizationParameters are added to the authorization request; TokenParameters to
	// every token request; Headers to every request to the provider.
	AuthorizationParameters map[string]string
	TokenParameters         map[string]string
	Headers                 map[string]string
	// ClientCredentialsGrantType replaces "client_credentials" where a provider has a
	// grant_type of its own.
	ClientCredentialsGrantType string

	Lifetime  Lifetime
	Refresh   RefreshRules
	Errors    ErrorRules
	Limits    RequestLimits
	Variables []Variable
	// EmailMember is where the account's e-mail stands in the ID token and in the answer
	// of the userinfo endpoint, as a dotted path.
	EmailMember string
}

// Lifetime is how long access tokens live.
type Lifetime struct {
	// Member of the token response that has the lifetime in seconds.
	Member string
	// Default is for responses without a lifetime. It is 0 only where Never is true.
	Default time.Duration
	// Never says that the provider's access tokens do not expire unless a response says so.
	Never bool
}

// RefreshRules are how the provider's refresh tokens behave.
type RefreshRules struct {
	// Rotates says that a refresh replaces the refresh token, so that an answer that is
	// lost leaves its fate unknown.
	Rotates bool
	// Idle is after how long without use a refresh token dies; 0: it does not, or nobody
	// says.
	Idle time.Duration
	// LifetimeMember of the token response has the refresh token's lifetime in seconds; ""
	// where there is none.
	LifetimeMember string
}

// ErrorRules are how the token endpoint says that something is wrong, beyond RFC 6749,
// section 5.2.
type ErrorRules struct {
	// Member of the answer that has the error's code, as a dotted path.
	Member string
	// Dead, Transient and Misconfigured are codes of the provider's own.
	Dead          []string
	Transient     []string
	Misconfigured []string
}

// RequestLimits hold requests to a provider's token endpoint back, in each process.
type RequestLimits struct {
	PerSecond  float64
	Concurrent int
}

// Variable is a part of the provider's addresses that differs from account to account. Its
// value is a member of the credential's data.
type Variable struct {
	Name        string
	Title       string
	Description string
	// Pattern is what a value must match, whole; never a character that would leave its
	// place in an address.
	Pattern string
	Example string
	// Default is used where no value is given; "": one must be.
	Default string
}

// Connectable returns the credential types of the grant, in the definition's order.
func (p Provider) Connectable(grant Grant) []strongroom.CredentialType {
	var found []strongroom.CredentialType
	for _, t := range p.CredentialTypes {
		if g, ok := p.GrantOf(t); ok && g == grant {
			found = append(found, t)
		}
	}
	return found
}

// GrantOf returns how a type's tokens are got; false where the type is not kept fresh by
// OAuth.
func (p Provider) GrantOf(t strongroom.CredentialType) (Grant, bool) {
	d, ok := p.types[t]
	if !ok || d.grant == "" {
		return "", false
	}
	return d.grant, true
}

// ScopesOf returns the scopes that are asked for where the caller names none.
func (p Provider) ScopesOf(t strongroom.CredentialType) []string {
	if d, ok := p.types[t]; ok && d.scopes != nil {
		return d.scopes
	}
	if p.OAuth == nil {
		return nil
	}
	return p.OAuth.Scopes
}
