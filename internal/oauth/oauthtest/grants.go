package oauthtest

import (
	"net/http"
	"net/url"
	"time"
)

// The clients that the server knows.
const (
	// Confidential may send its secret in either way.
	Confidential = "confidential"
	// ConfidentialBasic must send it by HTTP basic authentication.
	ConfidentialBasic = "confidential-basic"
	// ConfidentialPost must send it in the body.
	ConfidentialPost = "confidential-post"
	// Public has no secret, and may not use client_credentials.
	Public = "public"
)

// ClientSecret is the secret of every confidential client. In HTTP basic authentication it
// has to be encoded (RFC 6749, section 2.3.1).
const ClientSecret = "oauthserver+client/secret%of:all confidential=clients"

// ForbiddenScope is refused with invalid_scope; every other scope is granted.
const ForbiddenScope = "forbidden"

// GrantRequest asks for a grant that no browser was used for. The zero GrantRequest is good.
type GrantRequest struct {
	// ClientID is Confidential if empty.
	ClientID string `json:"client_id,omitempty"`
	// Username is "user" if empty; of MakeGrants each has "-" and its number (from 1) after
	// it. The account's e-mail is the name at example.com.
	Username string `json:"username,omitempty"`
	// Scopes are offline_access if empty. Without that there is no refresh token; with
	// openid every refresh brings an ID token.
	Scopes []string `json:"scopes,omitempty"`
	// AccessLifetime is of the first access token, in whole seconds; negative: it has
	// expired already; 0: the lifetime in force.
	AccessLifetime time.Duration `json:"-"`
}

// grantRequest is a GrantRequest as it is sent.
type grantRequest struct {
	GrantRequest
	AccessLifetimeSeconds *int64 `json:"access_lifetime_seconds,omitempty"`
	Count                 *int   `json:"count,omitempty"`
}

func (r GrantRequest) wire(count *int) grantRequest {
	out := grantRequest{GrantRequest: r, Count: count}
	if seconds := int64(r.AccessLifetime / time.Second); r.AccessLifetime != 0 {
		out.AccessLifetimeSeconds = &seconds
	}
	return out
}

// Grant is what a client holds of a grant.
type Grant struct {
	ID           string `json:"grant_id"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	// ExpiresIn is the access token's lifetime in seconds.
	ExpiresIn int64 `json:"expires_in"`
}

// MakeGrant makes a grant as if a user had consented and the code been exchanged.
func (s *Server) MakeGrant(r GrantRequest) Grant {
	s.tb.Helper()
	var out Grant
	s.call(http.MethodPost, "/grants", r.wire(nil), &out)
	return out
}

// MakeGrants makes up to 100,000 grants, each with a user of its own.
func (s *Server) MakeGrants(count int, r GrantRequest) []Grant {
	s.tb.Helper()
	var out struct {
		Grants []Grant `json:"grants"`
	}
	s.call(http.MethodPost, "/grants", r.wire(&count), &out)
	return out.Grants
}

// GrantState is what the server knows of a grant.
type GrantState struct {
	ID       string   `json:"grant_id"`
	ClientID string   `json:"client_id"`
	Username string   `json:"username"`
	Scopes   []string `json:"scopes"`
	// Alive: its tokens work until they expire.
	Alive bool `json:"alive"`
	// KilledByReuse: a refresh token or code of it was used twice.
	KilledByReuse bool `json:"killed_by_reuse"`
	// Attempts are the token requests that named it, whatever became of them.
	Attempts int `json:"attempts"`
	// Exchanges are those that were granted; the answer may have been lost on its way.
	Exchanges int `json:"exchanges"`
	// RefreshTokenCurrent is the one refresh token that works; empty: there is none.
	RefreshTokenCurrent string `json:"refresh_token_current"`
}

// Grant returns the state of a grant.
func (s *Server) Grant(id string) GrantState {
	s.tb.Helper()
	var out GrantState
	s.call(http.MethodGet, "/grants/"+url.PathEscape(id), nothing{}, &out)
	return out
}

// WithdrawConsent ends a grant with all its tokens, as its user may at any time.
func (s *Server) WithdrawConsent(id string) {
	s.tb.Helper()
	s.call(http.MethodPost, "/grants/"+url.PathEscape(id)+"/revoke", nothing{}, nil)
}

// Check returns the grant that an access token was issued for, empty if it is not known,
// and whether the token works now.
func (s *Server) Check(accessToken string) (grantID string, active bool) {
	s.tb.Helper()
	var out struct {
		GrantID string `json:"grant_id"`
		Active  bool   `json:"active"`
	}
	s.call(http.MethodPost, "/check", map[string]string{"access_token": accessToken}, &out)
	return out.GrantID, out.Active
}

// Active tells whether an access token works now.
func (s *Server) Active(accessToken string) bool {
	s.tb.Helper()
	_, active := s.Check(accessToken)
	return active
}
