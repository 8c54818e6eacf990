package endpoint

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/internal/outbound"
	"strongroom/secret"
)

// metadata is what an issuer says of itself (RFC 8414, section 2; OpenID Connect Discovery
// 1.0, section 3).
type metadata struct {
	issuer                                               string
	authorization, token, revocation, userinfo, jwksAddr string
}

// Resolve returns the definition with the addresses that its issuer gives, where it names
// one and leaves addresses empty. Metadata are remembered for an hour, and longer where
// they cannot be fetched anew. The error is an *Error.
func (c *Caller) Resolve(ctx context.Context, def catalog.OAuth) (catalog.OAuth, error) {
	if def.Discovery == "" {
		return def, nil
	}
	m, err := c.metadata.get(ctx, def.Discovery+" "+def.Issuer, func(ctx context.Context) (metadata, error) {
		return c.discover(ctx, def)
	})
	if err != nil {
		return def, err
	}
	for _, a := range []struct {
		address *string
		found   string
	}{
		{&def.Issuer, m.issuer}, {&def.AuthorizationEndpoint, m.authorization}, {&def.TokenEndpoint, m.token},
		{&def.RevocationEndpoint, m.revocation}, {&def.UserinfoEndpoint, m.userinfo}, {&def.JWKSURI, m.jwksAddr},
	} {
		if *a.address == "" {
			*a.address = a.found
		}
	}
	if def.TokenEndpoint == "" {
		return def, badMetadata("names no token endpoint; name it in the definition")
	}
	return def, nil
}

// discover fetches the metadata. That of OpenID Connect is asked for first, since RFC
// 8414's may lack what belongs to OpenID Connect; only an issuer that has no such document
// is asked for the other.
func (c *Caller) discover(ctx context.Context, def catalog.OAuth) (metadata, error) {
	openID, oauth2, err := wellKnown(def.Discovery)
	if err != nil {
		return metadata{}, err
	}
	m, err := c.fetchMetadata(ctx, def, openID)
	if hasNone(err) {
		m, err = c.fetchMetadata(ctx, def, oauth2)
	}
	if hasNone(err) {
		return metadata{}, &Error{Reason: strongroom.ReasonClientRejected, text: "the issuer has no metadata where they should be; correct the definition's discovery"}
	}
	return m, err
}

// hasNone tells whether there is no document at an address, though the provider answers.
func hasNone(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && failed.Reason == strongroom.ReasonClientRejected
}

// wellKnown returns where an issuer's metadata may be: behind its path (OpenID Connect
// Discovery 1.0, section 4) and before it (RFC 8414, section 3.1).
func wellKnown(issuer string) (openID, oauth2 string, err error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return "", "", errAddress
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	origin := u.Scheme + "://" + u.Host
	return origin + path + "/.well-known/openid-configuration", origin + "/.well-known/oauth-authorization-server" + path, nil
}

func (c *Caller) fetchMetadata(ctx context.Context, def catalog.OAuth, address string) (metadata, error) {
	request, err := newGet(ctx, def, address, secret.Value{})
	if err != nil {
		return metadata{}, err
	}
	document, err := c.get(request)
	if err != nil {
		return metadata{}, err
	}
	return readMetadata(def, document)
}

// readMetadata takes the addresses out of a document.
func readMetadata(def catalog.OAuth, document []byte) (metadata, error) {
	m := metadata{issuer: oauth.Member(document, "issuer")}
	switch {
	case m.issuer == "":
		// As where there is no document: many sites have a page for every address.
		return metadata{}, &Error{Reason: strongroom.ReasonClientRejected, text: "no metadata"}
	case m.issuer != def.Discovery && m.issuer != def.Issuer:
		// RFC 8414, section 3.3: exactly, or another issuer could speak for this one.
		return metadata{}, badMetadata("name another issuer; write the definition's discovery exactly as the issuer writes itself")
	}
	for _, a := range []struct {
		name  string
		found *string
	}{
		{"authorization_endpoint", &m.authorization}, {"token_endpoint", &m.token}, {"revocation_endpoint", &m.revocation},
		{"userinfo_endpoint", &m.userinfo}, {"jwks_uri", &m.jwksAddr},
	} {
		*a.found = oauth.Member(document, a.name)
		if *a.found != "" && !usable(*a.found) {
			return metadata{}, badMetadata("have a " + a.name + " that is no https address")
		}
	}
	return m, nil
}

func badMetadata(text string) *Error {
	return &Error{Reason: strongroom.ReasonMalformedAnswer, text: "the issuer's metadata " + text}
}

// usable tells whether secrets may be sent to an address that somebody else has given:
// https, or http to this machine for an operator's tests.
func usable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && outbound.IsLoopbackHost(u.Hostname())
}
