package main

import (
	"net/netip"
	"net/url"
	"slices"
	"sync"

	"github.com/ory/fosite"
)

// The clients. A secret holds characters that HTTP basic authentication has to encode
// (RFC 6749, section 2.3.1), so that a client that does not is found out.
const (
	confidentialClient = "confidential"
	basicClient        = "confidential-basic"
	postClient         = "confidential-post"
	publicClient       = "public"
	clientSecret       = "oauthserver+client/secret%of:all confidential=clients"
)

// clients are the registered ones and where they may be redirected to, which is the same
// for all.
type clients struct {
	byID map[string]fosite.Client

	mu           sync.Mutex
	redirectURIs []string
}

func newClients() *clients {
	c := &clients{byID: map[string]fosite.Client{}}
	// A client that fosite does not know as one of OpenID Connect may authenticate either way.
	c.byID[confidentialClient] = &client{c, c.describe(confidentialClient)}
	for id, method := range map[string]string{
		basicClient: "client_secret_basic", postClient: "client_secret_post", publicClient: "none",
	} {
		described := &fosite.DefaultOpenIDConnectClient{DefaultClient: c.describe(id), TokenEndpointAuthMethod: method}
		c.byID[id] = &strictClient{c, described}
	}
	return c
}

func (c *clients) describe(id string) *fosite.DefaultClient {
	d := &fosite.DefaultClient{
		ID: id, Secret: []byte(clientSecret),
		GrantTypes:    []string{"authorization_code", "refresh_token", "client_credentials"},
		ResponseTypes: []string{"code"},
	}
	if id == publicClient {
		d.Public, d.Secret = true, nil
		d.GrantTypes = []string{"authorization_code", "refresh_token"}
	}
	return d
}

// allow adds redirect URIs; they must be loopback URLs. fosite ignores the port of
// one that names an IP address (RFC 8252, section 7.3).
func (c *clients) allow(uris []string) error {
	for _, uri := range uris {
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "" || !loopback(u.Hostname()) {
			return refused("a redirect URI is http(s)://127.0.0.1:PORT/path, or with localhost or [::1]")
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, uri := range uris {
		if !slices.Contains(c.redirectURIs, uri) {
			c.redirectURIs = append(c.redirectURIs, uri)
		}
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (c *clients) allowed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.redirectURIs)
}

// client may authenticate by basic authentication or in the body.
type client struct {
	all *clients
	*fosite.DefaultClient
}

// GetRedirectURIs implements fosite.Client.
func (c *client) GetRedirectURIs() []string { return c.all.allowed() }

// strictClient authenticates in one way only.
type strictClient struct {
	all *clients
	*fosite.DefaultOpenIDConnectClient
}

// GetRedirectURIs implements fosite.Client.
func (c *strictClient) GetRedirectURIs() []string { return c.all.allowed() }
