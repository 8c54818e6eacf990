package strongroom

import (
	"context"
	"time"

	"github.com/google/uuid"

	"strongroom/secret"
)

// AuthorizationRequest is what a user asks for who wants to connect an account at a
// provider.
type AuthorizationRequest struct {
	// Provider is the catalog's, in any case.
	Provider string
	// Type is the credential type; empty: the provider's first that is connected so.
	Type CredentialType
	// RedirectTo is where the browser goes in the end; it must be on the allow-list.
	RedirectTo string
	// CallbackPath is where the provider sends the browser, below the public URL.
	CallbackPath string
	// Name of the credential; empty: the provider's display name.
	Name string
	// CredentialID names a credential to connect anew; nil: a new one is made.
	CredentialID *uuid.UUID
	// Scopes to ask for; none: the definition's.
	Scopes []string
	// Variables are the parts of the provider's addresses that differ from account to
	// account ("subdomain", say).
	Variables map[string]string
	// LoginHint is the account to propose at the provider; empty: none.
	LoginHint string
}

// Authorization is a connection that has begun.
type Authorization struct {
	// URL is where the browser goes now.
	URL string
	// State is the single-use value that the provider sends back.
	State string
	// BrowserKey is to be set as a cookie in the browser that asked: the callback
	// accepts no other browser.
	BrowserKey secret.Value
	ExpiresAt  time.Time
}

// AuthorizationCallback is what the provider sent the browser back with.
type AuthorizationCallback struct {
	// CallbackPath is the path that was called.
	CallbackPath string
	State        string
	Code         secret.Value
	// Error is the provider's error code (RFC 6749, section 4.1.2.1); empty: none.
	Error string
	// Issuer is the provider's identifier (RFC 9207), where it sends one.
	Issuer string
	// BrowserKeys are the values of the cookies that may be the one set at the beginning.
	BrowserKeys []secret.Value
	// Caller is the request; who it acts for comes from the state.
	Caller Caller
}

// OAuthClient is what may be known of an organization's own OAuth client at a provider.
type OAuthClient struct {
	OrganizationID uuid.UUID
	Provider       string
	ClientID       string
	ModifiedBy     uuid.UUID
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// NewOAuthClient is what an org_admin asks to have stored.
type NewOAuthClient struct {
	Provider string
	ClientID string
	// Secret is empty for a public client.
	Secret secret.Value
}

// OAuthService connects accounts at OAuth providers, and keeps organizations' own OAuth
// clients. All methods return *Error.
type OAuthService interface {
	// Authorize begins a connection; users only.
	Authorize(ctx context.Context, caller Caller, a AuthorizationRequest) (Authorization, error)
	// Callback ends one. It returns where the browser goes, with the credential's id or
	// an error in the query; an error only where that is not known.
	Callback(ctx context.Context, c AuthorizationCallback) (redirect string, err error)

	// ListClients returns the organization's clients; org_admins only.
	ListClients(ctx context.Context, caller Caller) ([]OAuthClient, error)
	// SetClient stores or replaces the organization's client at a provider.
	SetClient(ctx context.Context, caller Caller, n NewOAuthClient) (OAuthClient, error)
	// DeleteClient removes it; the operator's is used from then on, if there is one.
	DeleteClient(ctx context.Context, caller Caller, provider string) error
}
