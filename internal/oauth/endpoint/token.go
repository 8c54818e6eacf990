package endpoint

import (
	"context"
	"errors"
	"net/url"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/secret"
)

// Exchange turns an authorization code into a token (RFC 6749, section 4.1.3; RFC 7636,
// section 4.5). def is resolved.
func (c *Caller) Exchange(ctx context.Context, def catalog.OAuth, client oauth.Client, code, verifier secret.Value, redirectURI string) oauth.Answer {
	return c.token(ctx, def, client, form{
		parameters: url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {redirectURI}},
		secrets:    map[string]secret.Value{"code": code, "code_verifier": verifier},
	})
}

// Refresh turns a refresh token into an access token, and maybe another refresh token (RFC
// 6749, section 6). def is resolved.
func (c *Caller) Refresh(ctx context.Context, def catalog.OAuth, client oauth.Client, refreshToken secret.Value) oauth.Answer {
	return c.token(ctx, def, client, form{
		parameters: url.Values{"grant_type": {"refresh_token"}},
		secrets:    map[string]secret.Value{"refresh_token": refreshToken},
	})
}

// ClientCredentials gets an access token for the client itself (RFC 6749, section 4.4).
// def is resolved.
func (c *Caller) ClientCredentials(ctx context.Context, def catalog.OAuth, client oauth.Client, scopes []string) oauth.Answer {
	grant := def.ClientCredentialsGrantType
	if grant == "" {
		grant = "client_credentials"
	}
	parameters := url.Values{"grant_type": {grant}}
	if len(scopes) > 0 {
		parameters.Set("scope", oauth.JoinScopes(def, scopes))
	}
	return c.token(ctx, def, client, form{parameters: parameters})
}

func (c *Caller) token(ctx context.Context, def catalog.OAuth, client oauth.Client, f form) oauth.Answer {
	for name, value := range def.TokenParameters {
		if _, own := f.secrets[name]; !own && !f.parameters.Has(name) {
			f.parameters.Set(name, value)
		}
	}
	response, err := c.post(ctx, def, client, def.TokenEndpoint, f)
	var failed *Error
	switch {
	case errors.As(err, &failed):
		return oauth.ClassifyFailure(def, failed.sent, failed, failed.Reason)
	case err != nil:
		return oauth.ClassifyFailure(def, false, err, strongroom.ReasonUnreachable)
	}
	defer clear(response.Body)
	return oauth.Classify(def, response, c.clock.Now())
}
