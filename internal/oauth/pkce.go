package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"strongroom/secret"
)

// randomBytes are in a verifier or state: 256 bits, 43 characters of base64url.
const randomBytes = 32

// ChallengeMethod is the one way in which a challenge is made of a verifier (RFC 7636,
// section 4.2); "plain" protects nothing.
const ChallengeMethod = "S256"

// NewVerifier makes a code verifier (RFC 7636, section 4.1) of 43 characters.
func NewVerifier() (secret.Value, error) {
	text, err := randomText()
	return secret.New(text), err
}

// NewState makes a state, or a nonce, that nobody can guess (RFC 6749, section 10.12).
func NewState() (string, error) {
	text, err := randomText()
	return string(text), err
}

func randomText() ([]byte, error) {
	b := make([]byte, randomBytes)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("reading random bytes: %w", err)
	}
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

// Challenge returns the verifier's S256 challenge (RFC 7636, section 4.2).
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
