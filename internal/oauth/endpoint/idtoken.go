package endpoint

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"strongroom/internal/catalog"
	"strongroom/secret"
)

const (
	// maxIDToken bounds an ID token, in bytes.
	maxIDToken = 64 << 10
	// clockSkew is how far the provider's clock may be from ours.
	clockSkew = time.Minute
	// tokenTenant stands in the definition's issuer for the token's tid claim.
	tokenTenant = "{tenantid}"
	// googleIssuer is how Google names itself at times, as its documentation warns.
	googleIssuer = "accounts.google.com"
)

// ErrIDToken: the ID token is not the provider's word to this client. What wraps it says
// which check it failed.
var ErrIDToken = errors.New("the ID token is refused")

// algorithms are asymmetric: with the others, whoever knows the client's secret, or nothing
// at all, could sign.
var algorithms = []string{oidc.RS256, oidc.ES256, oidc.EdDSA, oidc.PS256}

var tenantForm = regexp.MustCompile(`^[0-9A-Fa-f-]{36}$`)

// Claims are what an ID token says of the account.
type Claims struct {
	// Email is empty where the token has none.
	Email string
	// EmailVerified is nil where the token does not say.
	EmailVerified *bool
	Subject       string
}

// idClaims are the claims that are checked (OpenID Connect Core 1.0, section 2).
type idClaims struct {
	Issuer        string          `json:"iss"`
	Subject       string          `json:"sub"`
	Audience      json.RawMessage `json:"aud"`
	Party         string          `json:"azp"`
	Expiry        float64         `json:"exp"`
	IssuedAt      float64         `json:"iat"`
	NotBefore     float64         `json:"nbf"`
	Nonce         string          `json:"nonce"`
	Tenant        string          `json:"tid"`
	EmailVerified json.RawMessage `json:"email_verified"`
}

// VerifyIDToken checks that the token was signed by the provider, for this client, in
// answer to the request with that nonce, and is current (OpenID Connect Core 1.0, section
// 3.1.3.7). Only where no nonce was sent may it be empty. def is resolved. The errors wrap
// ErrIDToken, or are ErrUnsupported or an *Error where the provider's keys cannot be had.
func (c *Caller) VerifyIDToken(ctx context.Context, def catalog.OAuth, clientID string, idToken secret.Value, nonce string) (Claims, error) {
	if def.JWKSURI == "" || def.Issuer == "" {
		return Claims{}, ErrUnsupported
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	payload, err := c.payload(ctx, def.JWKSURI, idToken)
	if err != nil {
		return Claims{}, err
	}
	var claims idClaims
	if json.Unmarshal(payload, &claims) != nil {
		return Claims{}, refused("its claims are not of the standard's form")
	}
	if err := claims.check(def.Issuer, clientID, nonce, c.clock.Now()); err != nil {
		return Claims{}, err
	}
	return Claims{Email: emailIn(def, payload), EmailVerified: verified(claims.EmailVerified), Subject: claims.Subject}, nil
}

// payload returns the claims of a token that the provider's keys verify.
func (c *Caller) payload(ctx context.Context, address string, idToken secret.Value) (json.RawMessage, error) {
	text := string(idToken.Reveal())
	if len(text) > maxIDToken {
		return nil, refused("it is larger than is accepted")
	}
	keys, err := c.keySet(ctx, address)
	if err != nil {
		return nil, err
	}
	w := &watched{keys: keys}
	// The verifier does the signature. The claims are checked here, with errors that quote
	// nothing of them and say what is wrong.
	token, err := oidc.NewVerifier("", w, &oidc.Config{
		SupportedSigningAlgs: algorithms, SkipClientIDCheck: true, SkipExpiryCheck: true, SkipIssuerCheck: true,
	}).Verify(ctx, text)
	switch {
	case w.failed != nil:
		return nil, w.failed
	case err != nil:
		return nil, refused("its signature is of none of the provider's keys, or of an algorithm that is not accepted")
	}
	var payload json.RawMessage
	if token.Claims(&payload) != nil {
		return nil, refused("its claims are not of the standard's form")
	}
	return payload, nil
}

func (t idClaims) check(issuer, clientID, nonce string, now time.Time) error {
	if strings.Contains(issuer, tokenTenant) {
		if !tenantForm.MatchString(t.Tenant) {
			return refused("it names no tenant")
		}
		issuer = strings.ReplaceAll(issuer, tokenTenant, t.Tenant)
	}
	audience := t.audience()
	switch {
	case t.Issuer != issuer && (issuer != "https://"+googleIssuer || t.Issuer != googleIssuer):
		return refused("another issuer made it than the definition names")
	case t.Subject == "":
		return refused("it names no subject")
	case !slices.Contains(audience, clientID):
		return refused("it was made for another client")
	case t.Party != clientID && (t.Party != "" || len(audience) > 1):
		return refused("another client asked for it")
	case now.Add(-clockSkew).After(moment(t.Expiry)):
		return refused("it has expired")
	case t.IssuedAt <= 0 || t.IssuedAt > t.Expiry || moment(t.IssuedAt).After(now.Add(clockSkew)):
		return refused("it was issued at no time or in the future; compare the clocks")
	case moment(t.NotBefore).After(now.Add(clockSkew)):
		return refused("it does not hold yet; compare the clocks")
	case nonce != "" && subtle.ConstantTimeCompare([]byte(nonce), []byte(t.Nonce)) != 1:
		return refused("it does not answer this request")
	}
	return nil
}

// audience returns the aud claim, which is one name or a list (RFC 7519, section 4.1.3).
func (t idClaims) audience() []string {
	var one string
	if json.Unmarshal(t.Audience, &one) == nil && one != "" {
		return []string{one}
	}
	var list []string
	if json.Unmarshal(t.Audience, &list) != nil {
		return nil
	}
	return list
}

// maxSeconds is the end of the year 9999, which no token outlives.
const maxSeconds = 253402300799

// moment returns a NumericDate (RFC 7519, section 2).
func moment(seconds float64) time.Time {
	return time.Unix(int64(max(0, min(seconds, maxSeconds))), 0)
}

// verified reads a flag that some providers send as text.
func verified(raw json.RawMessage) *bool {
	var flag bool
	switch strings.Trim(string(raw), `"`) {
	case "true":
		flag = true
	case "false":
	default:
		return nil
	}
	return &flag
}

func refused(why string) error { return fmt.Errorf("%w: %s", ErrIDToken, why) }
