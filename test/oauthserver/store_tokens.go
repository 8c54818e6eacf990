package main

import (
	"context"

	"github.com/ory/fosite"
)

// CreateAccessTokenSession implements oauth2.AccessTokenStorage.
func (s *store) CreateAccessTokenSession(_ context.Context, signature string, request fosite.Requester) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grantOf(request)
	s.access[signature] = accessToken{
		grant: g, generation: g.generation, expires: request.GetSession().GetExpiresAt(fosite.AccessToken),
	}
	return nil
}

// GetAccessTokenSession implements oauth2.AccessTokenStorage; fosite revokes by it.
func (s *store) GetAccessTokenSession(_ context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.access[signature]
	if !ok || !t.valid() {
		return nil, fosite.ErrNotFound
	}
	return t.grant.request, nil
}

// valid tells whether the token's grant stands and no rotation has ended it; its expiry
// is another matter.
func (t accessToken) valid() bool { return t.grant.alive && t.generation == t.grant.generation }

// DeleteAccessTokenSession implements oauth2.AccessTokenStorage; access tokens end with
// their grant or a rotation.
func (s *store) DeleteAccessTokenSession(context.Context, string) error { return nil }

// CreateRefreshTokenSession implements oauth2.RefreshTokenStorage. Where the one before it
// was kept, the new one is not known at all.
func (s *store) CreateRefreshTokenSession(_ context.Context, signature, _ string, request fosite.Requester) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grantOf(request)
	if g.refresh == "" {
		g.refresh, g.request = signature, request
		s.refresh[signature] = g
	}
	return nil
}

// GetRefreshTokenSession implements oauth2.RefreshTokenStorage. That a token is not
// in force any more tells fosite that it is used again.
func (s *store) GetRefreshTokenSession(_ context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.refresh[signature]
	switch {
	case !ok || !g.alive:
		return nil, fosite.ErrNotFound
	case g.refresh != signature:
		return g.request, fosite.ErrInactiveToken
	}
	return g.request, nil
}

// DeleteRefreshTokenSession implements oauth2.RefreshTokenStorage; fosite calls it for a
// refresh token that was used again, and for nothing else.
func (s *store) DeleteRefreshTokenSession(_ context.Context, signature string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, ok := s.refresh[signature]; ok {
		s.endForReuse(g)
	}
	return nil
}

// RotateRefreshToken implements oauth2.RefreshTokenStorage.
func (s *store) RotateRefreshToken(_ context.Context, requestID, signature string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.grants[requestID]
	if !ok || !g.alive || g.refresh != signature {
		return fosite.ErrInactiveToken
	}
	if !s.settings.keepsRefresh.Load() {
		g.refresh, g.refreshToken = "", ""
	}
	if s.settings.endsAccess.Load() {
		g.generation++
	}
	return nil
}

// RevokeRefreshToken implements oauth2.TokenRevocationStorage: the whole grant ends, as
// RFC 7009, section 2.1 advises.
func (s *store) RevokeRefreshToken(_ context.Context, requestID string) error {
	s.end(requestID)
	return nil
}

// RevokeAccessToken implements oauth2.TokenRevocationStorage.
func (s *store) RevokeAccessToken(_ context.Context, requestID string) error {
	s.end(requestID)
	return nil
}
