package main

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/token/jwt"
)

// newSession is what tokens say of a user, who has just logged in; an empty username is
// the session of a client on its own behalf.
func newSession(username string, requestedAt time.Time) *openid.DefaultSession {
	return &openid.DefaultSession{
		Username: username, Subject: username, Headers: &jwt.Headers{},
		Claims: &jwt.IDTokenClaims{
			Subject: username, RequestedAt: requestedAt, AuthTime: time.Now().UTC(),
			Extra: map[string]any{"email": email(username), "email_verified": true},
		},
	}
}

func email(username string) string { return username + "@example.com" }

// token is the token endpoint (RFC 6749, section 3.2).
func (s *server) token(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	// A form that does not parse is fosite's to refuse.
	_ = r.ParseForm()
	if g := s.presented(ctx, r.PostForm); g != nil {
		g.turn.Lock()
		defer g.turn.Unlock()
	}
	request, response, err := s.exchange(ctx, r)
	if err != nil {
		s.stats.failed()
		s.provider.WriteAccessError(ctx, w, request, err)
		return
	}
	s.settle(ctx, request, response)
	s.provider.WriteAccessResponse(ctx, w, request, response)
}

func (s *server) exchange(ctx context.Context, r *http.Request) (fosite.AccessRequester, fosite.AccessResponder, error) {
	request, err := s.provider.NewAccessRequest(ctx, r, newSession("", time.Now().UTC()))
	if err != nil {
		return request, nil, err
	}
	if request.GetGrantTypes().ExactOne("client_credentials") {
		// Of the other grants a user has granted scopes.
		for _, scope := range request.GetRequestedScopes() {
			request.GrantScope(scope)
		}
	}
	response, err := s.provider.NewAccessResponse(ctx, request)
	return request, response, err
}

// settle counts an exchange, and takes a refresh token out of the answer that was not put
// in the place of the one before it.
func (s *server) settle(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) {
	refreshToken, _ := response.GetExtra("refresh_token").(string)
	if refreshToken != "" && !s.store.inForce(request.GetID(), s.tokens.RefreshTokenSignature(ctx, refreshToken), refreshToken) {
		delete(response.ToMap(), "refresh_token")
	}
	s.store.exchanged(request.GetID())
	s.stats.granted(request.GetGrantTypes()[0])
}

// presented returns the grant whose code or refresh token a token request presents; nil
// where there is none.
func (s *server) presented(ctx context.Context, form url.Values) *grant {
	return s.store.presented(
		s.tokens.AuthorizeCodeSignature(ctx, form.Get("code")),
		s.tokens.RefreshTokenSignature(ctx, form.Get("refresh_token")))
}

// presented finds a grant by the signature of a code or of a refresh token.
func (s *store) presented(codeSignature, refreshSignature string) *grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.codes[codeSignature]; ok {
		return c.grant
	}
	return s.refresh[refreshSignature]
}

// inForce tells whether a refresh token is its grant's, and remembers the token itself.
func (s *store) inForce(grantID, signature, token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.grants[grantID]
	if !ok || g.refresh != signature {
		return false
	}
	g.refreshToken = token
	return true
}

// exchanged counts a granted token request.
func (s *store) exchanged(grantID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, ok := s.grants[grantID]; ok {
		g.exchanges++
	}
}

// attempted counts a token request that names the grant.
func (s *store) attempted(g *grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.attempts++
}
