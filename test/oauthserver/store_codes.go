package main

import (
	"context"

	"github.com/ory/fosite"
)

// CreateAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage.
func (s *store) CreateAuthorizeCodeSession(_ context.Context, signature string, request fosite.Requester) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[signature] = &code{grant: s.grantOf(request)}
	return nil
}

// GetAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage. fosite asks for a used
// code only where somebody presents it again, which ends the grant.
func (s *store) GetAuthorizeCodeSession(_ context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.codes[signature]
	if !ok {
		return nil, fosite.ErrNotFound
	}
	if c.used {
		s.endForReuse(c.grant)
		return c.grant.request, fosite.ErrInvalidatedAuthorizeCode
	}
	return c.grant.request, nil
}

// InvalidateAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage.
func (s *store) InvalidateAuthorizeCodeSession(_ context.Context, signature string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.codes[signature]
	if !ok {
		return fosite.ErrNotFound
	}
	c.used = true
	return nil
}

// CreatePKCERequestSession implements pkce.PKCERequestStorage.
func (s *store) CreatePKCERequestSession(_ context.Context, signature string, request fosite.Requester) error {
	return s.keep(s.challenges, signature, request)
}

// GetPKCERequestSession implements pkce.PKCERequestStorage.
func (s *store) GetPKCERequestSession(_ context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	return s.find(s.challenges, signature)
}

// DeletePKCERequestSession implements pkce.PKCERequestStorage.
func (s *store) DeletePKCERequestSession(_ context.Context, signature string) error {
	return s.drop(s.challenges, signature)
}

// CreateOpenIDConnectSession implements openid.OpenIDConnectRequestStorage.
func (s *store) CreateOpenIDConnectSession(_ context.Context, code string, request fosite.Requester) error {
	return s.keep(s.logins, code, request)
}

// GetOpenIDConnectSession implements openid.OpenIDConnectRequestStorage.
func (s *store) GetOpenIDConnectSession(_ context.Context, code string, _ fosite.Requester) (fosite.Requester, error) {
	return s.find(s.logins, code)
}

// DeleteOpenIDConnectSession implements openid.OpenIDConnectRequestStorage.
func (s *store) DeleteOpenIDConnectSession(_ context.Context, code string) error {
	return s.drop(s.logins, code)
}

func (s *store) keep(in map[string]fosite.Requester, key string, request fosite.Requester) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	in[key] = request
	return nil
}

func (s *store) find(in map[string]fosite.Requester, key string) (fosite.Requester, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if request, ok := in[key]; ok {
		return request, nil
	}
	return nil, fosite.ErrNotFound
}

func (s *store) drop(from map[string]fosite.Requester, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(from, key)
	return nil
}
