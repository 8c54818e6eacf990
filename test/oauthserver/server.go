package main

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/token/jwt"
)

// Paths of the public endpoints.
const (
	openIDConfigurationPath = "/.well-known/openid-configuration"
	oauthMetadataPath       = "/.well-known/oauth-authorization-server"
	keySetPath              = "/jwks"
	authorizePath           = "/authorize"
	tokenPath               = "/token"
	revokePath              = "/revoke"
	userInfoPath            = "/userinfo"
)

// server is the provider with all its state.
type server struct {
	// issuer is the public URL, without a slash at the end.
	issuer   string
	clients  *clients
	settings *settings
	keys     *keys
	store    *store
	stats    *stats
	faults   *faults
	tokens   oauth2.CoreStrategy
	provider fosite.OAuth2Provider
}

func newServer(issuer string) (*server, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	s := &server{issuer: issuer, clients: newClients(), stats: newStats(), faults: newFaults()}
	s.settings = newSettings(issuer, secret)
	s.store = newStore(s.clients, s.settings, s.stats)
	s.keys = &keys{}
	if err := s.keys.rotate(""); err != nil {
		return nil, err
	}
	s.tokens = compose.NewOAuth2HMACStrategy(s.settings)
	s.provider = s.compose()
	return s, nil
}

// compose puts together the grants that this provider serves; there is no implicit, no
// password grant, and PKCE comes last because it needs the code (RFC 7636).
func (s *server) compose() fosite.OAuth2Provider {
	signing := func(context.Context) (any, error) { return s.keys.current(), nil }
	strategy := &compose.CommonStrategy{
		CoreStrategy:               s.tokens,
		OpenIDConnectTokenStrategy: compose.NewOpenIDConnectStrategy(signing, s.settings.Config),
		Signer:                     &jwt.DefaultSigner{GetPrivateKey: signing},
	}
	for _, factory := range []compose.Factory{
		compose.OAuth2AuthorizeExplicitFactory,
		compose.OAuth2ClientCredentialsGrantFactory,
		compose.OAuth2RefreshTokenGrantFactory,
		compose.OpenIDConnectExplicitFactory,
		compose.OpenIDConnectRefreshFactory,
		compose.OAuth2TokenRevocationFactory,
		compose.OAuth2PKCEFactory,
	} {
		handler := factory(s.settings, s.store, strategy)
		if h, ok := handler.(fosite.AuthorizeEndpointHandler); ok {
			s.settings.AuthorizeEndpointHandlers.Append(h)
		}
		if h, ok := handler.(fosite.TokenEndpointHandler); ok {
			s.settings.TokenEndpointHandlers.Append(h)
		}
		if h, ok := handler.(fosite.RevocationHandler); ok {
			s.settings.RevocationHandlers.Append(h)
		}
	}
	return fosite.NewOAuth2Provider(s.store, s.settings)
}

// endpoints are the public ones by path; every one can be made to misbehave.
func (s *server) endpoints() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		openIDConfigurationPath: s.metadata,
		oauthMetadataPath:       s.metadata,
		keySetPath:              s.keySet,
		authorizePath:           s.authorize,
		tokenPath:               s.token,
		revokePath:              s.revoke,
		userInfoPath:            s.userInfo,
	}
}

// public is what clients and browsers see.
func (s *server) public() http.Handler {
	mux := http.NewServeMux()
	for path, handler := range s.endpoints() {
		mux.Handle(path, s.counted(path, s.misbehaving(path, handler)))
	}
	return mux
}
