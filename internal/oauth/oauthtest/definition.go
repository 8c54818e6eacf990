package oauthtest

import (
	"fmt"
	"strings"
)

// DefinitionOptions change a provider's definition. The zero value is good: endpoints by
// discovery, client authentication post, refresh tokens that rotate.
type DefinitionOptions struct {
	// Authentication is basic, post or none; empty: post.
	Authentication string
	// WithoutDiscovery writes the endpoints down.
	WithoutDiscovery bool
	// KeepsRefreshTokens says that they do not rotate.
	KeepsRefreshTokens bool
	// Lines are added to the oauth section, each with its indentation of two.
	Lines []string
}

// Definition is an operator's definition, as YAML, of a provider that is this server. It
// has the types oauth2, and client_credentials for that grant unless the client is public.
func (s *Server) Definition(provider string, o DefinitionOptions) string {
	var b strings.Builder
	fmt.Fprintf(&b, `provider: %s
display_name: Test provider
description: The OAuth server of the tests.
category: automation
documentation: https://oauthserver.example/docs
oauth:
  documentation: https://oauthserver.example/docs/oauth
  scopes: [openid, offline_access]
  lifetime: {default: 1h}
  limits: {requests_per_second: 1000, concurrent: 64}
`, provider)
	authentication := o.Authentication
	if authentication == "" {
		authentication = "post"
	}
	fmt.Fprintf(&b, "  client_authentication: %s\n  refresh: {rotates: %t}\n", authentication, !o.KeepsRefreshTokens)
	if o.WithoutDiscovery {
		fmt.Fprintf(&b, "  authorization_endpoint: %[1]s/authorize\n  token_endpoint: %[1]s/token\n  revocation_endpoint: %[1]s/revoke\n"+
			"  userinfo_endpoint: %[1]s/userinfo\n  jwks_uri: %[1]s/jwks\n  issuer: %[1]s\n", s.URL)
	} else {
		fmt.Fprintf(&b, "  discovery: %s\n", s.URL)
	}
	for _, line := range o.Lines {
		b.WriteString(line + "\n")
	}
	b.WriteString("credential_types:\n  oauth2: {oauth: true}\n")
	if authentication != "none" {
		b.WriteString("  client_credentials: {oauth: true, grant: client_credentials}\n")
	}
	return b.String()
}
