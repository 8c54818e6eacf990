package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

const (
	// maxKeys bounds a key set; each key of a kind may have to be tried.
	maxKeys = 100
	// Bounds on an RSA modulus, in bits: shorter is weak, longer is a waste of CPU.
	minRSA, maxRSA = 2048, 8192
)

// errNoKey: no key of the set verifies the token, and a newer set might.
var errNoKey = errors.New("no key for the token")

// keySet is a JWKS with the keys that may verify a token. A nil keySet has none.
type keySet struct {
	keys []verificationKey
}

type verificationKey struct {
	id        string
	algorithm jose.SignatureAlgorithm
	key       any
}

// parseKeySet reads a JWKS. As RFC 7517, section 5 has it, a key that is not
// understood or not usable here is left out: one for encryption, a symmetric or
// private one, one that is weak or of another algorithm.
func parseKeySet(document []byte) (*keySet, error) {
	var jwks struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &jwks); err != nil {
		return nil, fmt.Errorf("key set is not JSON of its form: %w", err)
	}
	if jwks.Keys == nil {
		return nil, errors.New("key set has no list of keys")
	}
	if len(jwks.Keys) > maxKeys {
		return nil, fmt.Errorf("key set has over %d keys", maxKeys)
	}
	set := &keySet{}
	for _, raw := range jwks.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || key.Use != "" && key.Use != "sig" {
			continue
		}
		algorithm, usable := algorithmOf(key.Key)
		if !usable || key.Algorithm != "" && key.Algorithm != string(algorithm) {
			continue
		}
		set.keys = append(set.keys, verificationKey{key.KeyID, algorithm, key.Key})
	}
	return set, nil
}

// algorithmOf returns the one algorithm that the key is used with.
func algorithmOf(key any) (jose.SignatureAlgorithm, bool) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		return jose.RS256, bits >= minRSA && bits <= maxRSA
	case *ecdsa.PublicKey:
		return jose.ES256, k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return jose.EdDSA, len(k) == ed25519.PublicKeySize
	}
	return "", false
}

// verify tries the keys of that algorithm and id; those of every id for a token that
// names none. errNoKey where another set may do better.
func (s *keySet) verify(algorithm jose.SignatureAlgorithm, id string, verify func(key any) error) error {
	if s == nil {
		return errNoKey
	}
	err := errNoKey
	for _, k := range s.keys {
		if k.algorithm != algorithm || id != "" && k.id != id {
			continue
		}
		if err = verify(k.key); !errors.Is(err, jose.ErrCryptoFailure) {
			return err
		}
	}
	if id == "" {
		return errNoKey
	}
	return err
}
