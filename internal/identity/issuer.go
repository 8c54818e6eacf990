package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"strongroom"
	"strongroom/secret"
)

const (
	// leeway is how far apart the issuer's clock and ours may be.
	leeway = 30 * time.Second
	// minSecret is the shortest shared secret in bytes (RFC 7518, section 3.2).
	minSecret = 32
)

// An issuer's kind fixes its algorithms (RFC 8725, section 3.1): the token never
// chooses what sort of key it is verified with.
var (
	remoteAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}
	secretAlgorithms = []jose.SignatureAlgorithm{jose.HS256}
	everyAlgorithm   = slices.Concat(remoteAlgorithms, secretAlgorithms)
)

// IssuerConfig says whose tokens are accepted. Keys come from JWKSURL, or from Secret
// (HS256), or where neither is given from OpenID Connect discovery at Issuer.
type IssuerConfig struct {
	// Issuer and Audience are what iss must be and aud must contain; required.
	Issuer, Audience string
	// JWKSURL is https, or http on this host.
	JWKSURL string
	// Secret has 32 bytes at least.
	Secret secret.Value
	Claims ClaimPaths
}

// Issuer verifies the tokens of one issuer. It is safe for concurrent use.
type Issuer struct {
	name, audience string
	paths          ClaimPaths
	clock          strongroom.Clock
	algorithms     []jose.SignatureAlgorithm
	secret         secret.Value
	// remote is nil where secret verifies.
	remote *remote
}

// NewIssuer makes an issuer. It fetches nothing yet, so that one that is out of reach
// stops no start. client makes the requests, without following redirects and within
// 10 s; an issuer with a secret needs neither client nor log.
func NewIssuer(c IssuerConfig, client *http.Client, clock strongroom.Clock, log *slog.Logger) (*Issuer, error) {
	paths, err := c.Claims.complete()
	if err != nil {
		return nil, err
	}
	i := &Issuer{name: c.Issuer, audience: c.Audience, paths: paths, clock: clock}
	switch {
	case c.Issuer == "" || c.Audience == "":
		return nil, errors.New("issuer: both the issuer and the audience of its tokens must be configured")
	case !c.Secret.Empty() && c.JWKSURL != "":
		return nil, errors.New("issuer: configure a secret or a JWKS URL, not both")
	case !c.Secret.Empty():
		if len(c.Secret.Reveal()) < minSecret {
			return nil, fmt.Errorf("issuer: the HS256 secret must have at least %d bytes", minSecret)
		}
		i.secret, i.algorithms = c.Secret, secretAlgorithms
		return i, nil
	case c.JWKSURL != "":
		if err := checkURL(c.JWKSURL); err != nil {
			return nil, fmt.Errorf("issuer: the JWKS URL %w", err)
		}
	default:
		if err := checkURL(c.Issuer); err != nil {
			return nil, fmt.Errorf("issuer: with neither a secret nor a JWKS URL keys are discovered at the issuer, which %w", err)
		}
	}
	if client == nil || log == nil {
		return nil, errors.New("issuer: an HTTP client and a log are needed to fetch keys")
	}
	i.remote, i.algorithms = newRemote(c.Issuer, c.JWKSURL, client, clock, log), remoteAlgorithms
	return i, nil
}

// checkURL refuses a URL that a request to it could be read or answered by others.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("is not a plain URL with a host")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return errors.New("must be https (or http on a loopback address)")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// principal verifies the token and returns the user it speaks for.
func (i *Issuer) principal(ctx context.Context, token *jwt.JSONWebToken) (strongroom.Principal, error) {
	header := token.Headers[0]
	algorithm := jose.SignatureAlgorithm(header.Algorithm)
	if !slices.Contains(i.algorithms, algorithm) {
		return strongroom.Principal{}, unauthorized("The token is signed with an algorithm that is not its issuer's")
	}
	var registered jwt.Claims
	var claims map[string]any
	verify := func(key any) error { return token.Claims(key, &registered, &claims) }
	var err error
	if i.remote == nil {
		err = verify(i.secret.Reveal())
	} else {
		err = i.remote.verify(ctx, algorithm, header.KeyID, verify)
	}
	var ours *strongroom.Error
	switch {
	case errors.As(err, &ours):
		return strongroom.Principal{}, err
	case errors.Is(err, jose.ErrCryptoFailure):
		return strongroom.Principal{}, unauthorized("The token's signature is wrong")
	case err != nil:
		return strongroom.Principal{}, errClaims
	}
	if err := i.check(registered); err != nil {
		return strongroom.Principal{}, err
	}
	return i.paths.user(claims)
}

// check holds the registered claims (RFC 7519, section 4.1) to what is expected.
func (i *Issuer) check(c jwt.Claims) error {
	if c.Expiry == nil {
		return unauthorized("The token has no expiry")
	}
	err := c.ValidateWithLeeway(jwt.Expected{
		Issuer: i.name, AnyAudience: jwt.Audience{i.audience}, Time: i.clock.Now(),
	}, leeway)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrExpired):
		return unauthorized("The token has expired")
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return unauthorized("The token is not valid yet")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return unauthorized("The token is meant for another audience")
	}
	return unauthorized("The token's issuer is not accepted")
}
