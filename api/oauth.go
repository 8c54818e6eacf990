package api

import "time"

// Authorization is a connection that has begun. The answer also sets a cookie: the
// browser that it reaches is the only one that can end the connection.
type Authorization struct {
	AuthorizationURL string    `json:"authorization_url" doc:"Where the browser goes to sign in"`
	State            string    `json:"state" doc:"Single-use; the provider sends it back"`
	ExpiresAt        time.Time `json:"expires_at" doc:"Until when the sign-in must have ended"`
}

// AuthorizePlugin begins a connection at a provider.
type AuthorizePlugin struct {
	RedirectTo      string            `json:"redirect_to" minLength:"1" maxLength:"2048" example:"https://app.example.com/connected" doc:"Where the browser goes in the end; on the operator's list"`
	IntegrationName *string           `json:"integration_name,omitempty" nullable:"true" minLength:"1" maxLength:"255" pattern:"^\\P{Cc}*[^\\p{Cc}\\p{Z}]\\P{Cc}*$" patternDescription:"one line, and more than white space" doc:"Name of the new credential; default: the provider's"`
	ProviderName    *string           `json:"provider_name,omitempty" nullable:"true" minLength:"1" maxLength:"63" doc:"The plugin's provider, or one of its credential types that are connected by signing in"`
	CredentialType  *string           `json:"credential_type,omitempty" nullable:"true" minLength:"1" maxLength:"63" doc:"Default: the provider's first that is connected by signing in"`
	CredentialID    *string           `json:"credential_id,omitempty" nullable:"true" format:"uuid" doc:"A credential to connect again, under the same id"`
	Scopes          []string          `json:"scopes,omitempty" nullable:"true" maxItems:"100" doc:"What to ask for; default: the definition's"`
	Variables       map[string]string `json:"variables,omitempty" doc:"The parts of the provider's addresses that differ from account to account, a subdomain say"`
	LoginHint       *string           `json:"login_hint,omitempty" nullable:"true" maxLength:"320" doc:"The account to propose"`
}

// OAuthClient is what may be known of an organization's own OAuth client.
type OAuthClient struct {
	Provider   string    `json:"provider" example:"google"`
	ClientID   string    `json:"client_id"`
	ModifiedBy string    `json:"modified_by" format:"uuid"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// SetOAuthClient stores an organization's own OAuth client.
type SetOAuthClient struct {
	ClientID     string        `json:"client_id" minLength:"1" maxLength:"512"`
	ClientSecret *SecretString `json:"client_secret,omitempty" nullable:"true" maxLength:"16384" doc:"None for a public client. Nobody can read it back"`
}
