package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ory/fosite"
)

// forbiddenScope is the one scope that no client may have (invalid_scope); any other that
// is asked for is granted.
const forbiddenScope = "forbidden"

// Lifetimes until POST /lifetimes changes them.
const (
	accessLifetime  = time.Hour
	refreshLifetime = 30 * 24 * time.Hour
)

// forever as a refresh token's lifetime means that it does not expire.
const forever = -1 * time.Second

// settings is fosite's configuration, with what a test may change while it runs.
type settings struct {
	*fosite.Config
	access, refresh atomic.Int64
	// keepsRefresh: a refresh token is not replaced when it is used.
	keepsRefresh atomic.Bool
	// endsAccess: an access token ends when a refresh gives out the next.
	endsAccess atomic.Bool
}

func newSettings(issuer string, secret []byte) *settings {
	s := &settings{Config: &fosite.Config{
		IDTokenIssuer:       issuer,
		TokenURL:            issuer + tokenPath,
		GlobalSecret:        secret,
		EnforcePKCE:         true,
		ClientSecretsHasher: plain{},
		RefreshTokenScopes:  []string{"offline", "offline_access"},
		ScopeStrategy:       func(_ []string, scope string) bool { return scope != forbiddenScope },
	}}
	s.access.Store(int64(accessLifetime))
	s.refresh.Store(int64(refreshLifetime))
	return s
}

// GetAccessTokenLifespan implements fosite.AccessTokenLifespanProvider.
func (s *settings) GetAccessTokenLifespan(context.Context) time.Duration {
	return time.Duration(s.access.Load())
}

// GetRefreshTokenLifespan implements fosite.RefreshTokenLifespanProvider; negative means
// for ever.
func (s *settings) GetRefreshTokenLifespan(context.Context) time.Duration {
	return time.Duration(s.refresh.Load())
}

// setLifetimes changes those that are not 0; a negative one of refresh tokens is for ever.
func (s *settings) setLifetimes(accessSeconds, refreshSeconds int64) error {
	if accessSeconds < 0 {
		return refused("access_seconds is 1 or more; access tokens that never expire are made with the behaviour rewrite")
	}
	if accessSeconds > 0 {
		s.access.Store(int64(time.Duration(accessSeconds) * time.Second))
	}
	switch {
	case refreshSeconds > 0:
		s.refresh.Store(int64(time.Duration(refreshSeconds) * time.Second))
	case refreshSeconds < 0:
		s.refresh.Store(int64(forever))
	}
	return nil
}

// setRotation changes what is not empty.
func (s *settings) setRotation(refreshTokens, accessTokens string) error {
	if !slices.Contains([]string{"", "rotate", "keep"}, refreshTokens) {
		return refused("refresh_tokens is rotate or keep")
	}
	if !slices.Contains([]string{"", "keep", "revoke"}, accessTokens) {
		return refused("access_tokens is keep or revoke")
	}
	if refreshTokens != "" {
		s.keepsRefresh.Store(refreshTokens == "keep")
	}
	if accessTokens != "" {
		s.endsAccess.Store(accessTokens == "revoke")
	}
	return nil
}

// plain keeps client secrets as they are: hashing them slowly protects a database, and
// would be most of what an exchange costs here.
type plain struct{}

// Hash implements fosite.Hasher.
func (plain) Hash(_ context.Context, secret []byte) ([]byte, error) { return secret, nil }

// Compare implements fosite.Hasher.
func (plain) Compare(_ context.Context, kept, presented []byte) error {
	if subtle.ConstantTimeCompare(kept, presented) != 1 {
		return errors.New("the client secret is wrong")
	}
	return nil
}
