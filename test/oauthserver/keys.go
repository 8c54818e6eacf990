package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"sync/atomic"

	"github.com/go-jose/go-jose/v3"
	"github.com/google/uuid"
)

// keys holds the key that signs ID tokens. There is never more than one.
type keys struct {
	signing atomic.Pointer[jose.JSONWebKey]
}

func (k *keys) current() *jose.JSONWebKey { return k.signing.Load() }

// rotate puts a new key in the place of the old one, for ES256 unless told otherwise:
// signing with RSA would be most of what an exchange costs.
func (k *keys) rotate(algorithm string) error {
	var key any
	var err error
	switch algorithm {
	case "", string(jose.ES256):
		algorithm = string(jose.ES256)
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case string(jose.RS256):
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		return refused("algorithm is ES256 or RS256")
	}
	if err != nil {
		return err
	}
	k.signing.Store(&jose.JSONWebKey{Key: key, KeyID: uuid.NewString(), Algorithm: algorithm, Use: "sig"})
	return nil
}

// keySet answers with the public half (RFC 7517).
func (s *server) keySet(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.keys.current().Public()}})
}

// metadata answers discovery (RFC 8414; OpenID Connect Discovery 1.0, section 3).
func (s *server) metadata(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                s.issuer,
		"authorization_endpoint":                s.issuer + authorizePath,
		"token_endpoint":                        s.issuer + tokenPath,
		"revocation_endpoint":                   s.issuer + revokePath,
		"userinfo_endpoint":                     s.issuer + userInfoPath,
		"jwks_uri":                              s.issuer + keySetPath,
		"scopes_supported":                      []string{"openid", "email", "offline_access"},
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", "client_credentials"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{s.keys.current().Algorithm},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "none"},
		"code_challenge_methods_supported":      []string{"S256"},
		"claims_supported":                      []string{"sub", "iss", "aud", "exp", "iat", "nonce", "email", "email_verified"},
	})
}
