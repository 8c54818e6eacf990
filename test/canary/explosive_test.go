package canary_test

import (
	"bytes"
	"context"
	"strings"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/connect"
	"strongroom/internal/health"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/endpoint"
	"strongroom/internal/refresh"
	"strongroom/internal/rotate"
	"strongroom/secret"
)

// explodeParameter is the token parameter by which a definition names the request that is
// to panic with its secrets.
const explodeParameter = "explode"

// The requests that can be named.
const (
	explodeInRefresh  = "refresh"
	explodeInRevoke   = "revoke"
	explodeInExchange = "exchange"
	explodeInVerify   = "verify"
	explodeInEmail    = "email"
)

// What a stored secret has in it to make what tests it, or changes it, panic over it.
const (
	explodeInTest     = "explode-in-test"
	explodeInRotation = "explode-in-rotation"
)

// aheadOfTime is later than the first test of what was just stored.
const aheadOfTime = 10 * time.Minute

// explodeTests has the tests panic on demand, and puts what is due forward.
func explodeTests(s *health.Service) {
	s.Clock = func() time.Time { return time.Now().Add(aheadOfTime) }
	for name, tester := range s.Testers {
		s.Testers[name] = func(ctx context.Context, subject health.Subject) strongroom.CheckResult {
			if bytes.Contains(subject.Data.Reveal(), []byte(explodeInTest)) {
				panic(string(subject.Data.Reveal()))
			}
			return tester(ctx, subject)
		}
	}
}

// explosiveFar stands in front of what changes passwords.
type explosiveFar struct{ rotate.Far }

// SetPassword implements rotate.Far.
func (e explosiveFar) SetPassword(ctx context.Context, data secret.Value, role string, newPassword secret.Value) strongroom.CheckResult {
	if bytes.Contains(data.Reveal(), []byte(explodeInRotation)) {
		panic(string(data.Reveal()) + string(newPassword.Reveal()))
	}
	return e.Far.SetPassword(ctx, data, role, newPassword)
}

// detonate panics with the secrets where the definition asks for it.
func detonate(def catalog.OAuth, request string, secrets ...secret.Value) {
	if def.TokenParameters[explodeParameter] != request {
		return
	}
	var all []string
	for _, value := range secrets {
		all = append(all, string(value.Reveal()))
	}
	panic(strings.Join(all, " "))
}

// explosiveRenewal stands in front of what renews and revokes tokens.
type explosiveRenewal struct{ refresh.Endpoint }

// Refresh implements refresh.Endpoint.
func (e explosiveRenewal) Refresh(ctx context.Context, def catalog.OAuth, c oauth.Client, refreshToken secret.Value) oauth.Answer {
	detonate(def, explodeInRefresh, refreshToken, c.Secret)
	return e.Endpoint.Refresh(ctx, def, c, refreshToken)
}

// Revoke implements refresh.Endpoint.
func (e explosiveRenewal) Revoke(ctx context.Context, def catalog.OAuth, c oauth.Client, token secret.Value, hint string) error {
	detonate(def, explodeInRevoke, token, c.Secret)
	return e.Endpoint.Revoke(ctx, def, c, token, hint)
}

// explosiveConnection stands in front of what connects accounts.
type explosiveConnection struct{ connect.Endpoint }

// Exchange implements connect.Endpoint.
func (e explosiveConnection) Exchange(ctx context.Context, def catalog.OAuth, c oauth.Client, code, verifier secret.Value, redirectURI string) oauth.Answer {
	detonate(def, explodeInExchange, code, verifier, c.Secret)
	return e.Endpoint.Exchange(ctx, def, c, code, verifier, redirectURI)
}

// VerifyIDToken implements connect.Endpoint.
func (e explosiveConnection) VerifyIDToken(ctx context.Context, def catalog.OAuth, clientID string, idToken secret.Value, nonce string) (endpoint.Claims, error) {
	detonate(def, explodeInVerify, idToken)
	return e.Endpoint.VerifyIDToken(ctx, def, clientID, idToken, nonce)
}

// Email implements connect.Endpoint.
func (e explosiveConnection) Email(ctx context.Context, def catalog.OAuth, accessToken secret.Value) (string, error) {
	detonate(def, explodeInEmail, accessToken)
	return e.Endpoint.Email(ctx, def, accessToken)
}
