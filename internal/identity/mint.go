package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"strongroom"
	"strongroom/secret"
)

// TokenClaims are what MintUserToken puts into a token.
type TokenClaims struct {
	Issuer, Audience       string
	UserID, OrganizationID uuid.UUID
	Role                   strongroom.Role
	// Email is left out where empty.
	Email               string
	IssuedAt, ExpiresAt time.Time
}

// MintUserToken makes an HS256 token with the claims at their default paths. It is for
// development and tests; the secret has 32 bytes at least.
func MintUserToken(key secret.Value, claims TokenClaims) (secret.Value, error) {
	if len(key.Reveal()) < minSecret {
		return secret.Value{}, fmt.Errorf("the HS256 secret must have at least %d bytes", minSecret)
	}
	if claims.ExpiresAt.IsZero() {
		return secret.Value{}, errors.New("a token needs an expiry")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key.Reveal()}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return secret.Value{}, fmt.Errorf("mint token: %w", err)
	}
	text, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: claims.Issuer, Audience: jwt.Audience{claims.Audience}, Subject: claims.UserID.String(),
		IssuedAt: jwt.NewNumericDate(claims.IssuedAt), Expiry: jwt.NewNumericDate(claims.ExpiresAt),
	}).Claims(struct {
		Organization uuid.UUID       `json:"organization_id"`
		Role         strongroom.Role `json:"role"`
		Email        string          `json:"email,omitempty"`
	}{claims.OrganizationID, claims.Role, claims.Email}).Serialize()
	if err != nil {
		return secret.Value{}, fmt.Errorf("mint token: %w", err)
	}
	return secret.New([]byte(text)), nil
}
