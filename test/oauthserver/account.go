package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/ory/fosite"
)

// revoke ends the grant of a token (RFC 7009).
func (s *server) revoke(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	s.provider.WriteRevocationResponse(ctx, w, s.provider.NewRevocationRequest(ctx, r))
}

// userInfo says whose access token it is (OpenID Connect Core 1.0, section 5.3; bearer
// tokens as in RFC 6750).
func (s *server) userInfo(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	g, ok := s.check(r.Context(), token)
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	username := s.store.username(g)
	if username == "" {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
		writeJSON(w, http.StatusForbidden, map[string]string{"error": "insufficient_scope"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"sub": username, "email": email(username), "email_verified": true})
}

// check finds the grant of an access token, nil for one that is not known, and tells
// whether the token is good.
func (s *server) check(ctx context.Context, token string) (*grant, bool) {
	t, valid := s.store.accessToken(s.tokens.AccessTokenSignature(ctx, token))
	if t.grant == nil {
		return nil, false
	}
	// A grant has many access tokens, each with its own end.
	session := &fosite.DefaultSession{}
	session.SetExpiresAt(fosite.AccessToken, t.expires)
	return t.grant, valid && s.tokens.ValidateAccessToken(ctx, &fosite.Request{Session: session}, token) == nil
}

// accessToken finds an access token, and whether its grant still stands for it.
func (s *store) accessToken(signature string) (t accessToken, valid bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t = s.access[signature]
	return t, t.grant != nil && t.valid()
}

// username returns whose grant it is; empty for a client's own.
func (s *store) username(g *grant) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.request.GetSession().GetUsername()
}
