package catalog

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Bounds on what a definition says of OAuth.
const (
	// maxLifetime of a token that lives at all: ten years.
	maxLifetime   = 10 * 365 * 24 * time.Hour
	maxParameters = 30
	maxValue      = 1000
	maxCodes      = 50
	maxPerSecond  = 1000
	maxConcurrent = 256
)

// What holds where a definition says nothing.
const (
	defaultLifetimeMember = "expires_in"
	defaultErrorMember    = "error"
	defaultEmailMember    = "email"
	defaultSeparator      = " "
	defaultPerSecond      = 10
	defaultConcurrent     = 8
)

var (
	oauthKeys = []key{
		{"documentation", true}, {"discovery", false}, {"authorization_endpoint", false}, {"token_endpoint", false},
		{"revocation_endpoint", false}, {"userinfo_endpoint", false}, {"jwks_uri", false}, {"issuer", false},
		{"client_authentication", true}, {"request_format", false}, {"scopes", false}, {"scope_separator", false},
		{"authorization_parameters", false}, {"token_parameters", false}, {"headers", false},
		{"client_credentials_grant_type", false}, {"lifetime", true}, {"refresh", false}, {"errors", false},
		{"limits", false}, {"variables", false}, {"account", false},
	}
	lifetimeKeys = []key{{"member", false}, {"default", false}, {"never", false}}
	refreshKeys  = []key{{"rotates", false}, {"idle", false}, {"lifetime_member", false}}
	errorsKeys   = []key{{"member", false}, {"dead", false}, {"transient", false}, {"misconfigured", false}}
	limitsKeys   = []key{{"requests_per_second", false}, {"concurrent", false}}
	accountKeys  = []key{{"email", false}}
)

// reservedParameters are those of requests that the service sets itself.
var reservedParameters = []string{
	"access_token", "client_assertion", "client_assertion_type", "client_id", "client_secret", "code",
	"code_challenge", "code_challenge_method", "code_verifier", "grant_type", "login_hint", "nonce",
	"redirect_uri", "refresh_token", "request", "request_uri", "response_mode", "response_type", "scope", "state",
}

// reservedHeaders are those that the service or the HTTP client sets, in lower case.
var reservedHeaders = []string{
	"authorization", "connection", "content-length", "content-type", "cookie", "host", "proxy-authorization",
	"te", "trailer", "transfer-encoding", "upgrade",
}

var (
	parameterName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	memberPath    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}$`)
	// scopeToken is RFC 6749's (section 3.3).
	scopeToken = regexp.MustCompile(`^[\x21\x23-\x5b\x5d-\x7e]{1,512}$`)
	printable  = regexp.MustCompile(`^[\x20-\x7e]*$`)
)

// readOAuthSection reads the definition's oauth section; nil where there is none.
func readOAuthSection(root *node, r *report) *OAuth {
	if root.get("oauth") == nil {
		return nil
	}
	n := r.section(root, "oauth", oauthKeys)
	variables := r.variablesOf(n)
	o := &OAuth{
		Documentation:              r.linkOf(n, "documentation"),
		ClientAuthentication:       ClientAuthentication(r.choiceOf(n, "client_authentication", "basic", "post", "none")),
		JSONRequest:                r.choiceOf(n, "request_format", "form", "json") == "json",
		ScopeSeparator:             r.separatorOf(n),
		Scopes:                     r.scopesOf(n),
		AuthorizationParameters:    r.pairsOf(n, "authorization_parameters", refuseParameter),
		TokenParameters:            r.pairsOf(n, "token_parameters", refuseParameter),
		Headers:                    r.pairsOf(n, "headers", refuseHeader),
		ClientCredentialsGrantType: r.grantTypeOf(n),
		Lifetime:                   r.lifetimeOf(n),
		Refresh:                    r.refreshOf(n),
		Errors:                     r.errorsOf(n),
		Limits:                     r.limitsOf(n),
		Variables:                  variables.list,
		EmailMember:                r.pathOf(r.section(n, "account", accountKeys), "email", defaultEmailMember),
	}
	r.addressesOf(n, o, variables)
	return o
}

// addressesOf reads the addresses and says what is missing of them.
func (r *report) addressesOf(n *node, o *OAuth, variables variableSet) {
	for name, to := range map[string]*string{
		"authorization_endpoint": &o.AuthorizationEndpoint, "token_endpoint": &o.TokenEndpoint,
		"revocation_endpoint": &o.RevocationEndpoint, "userinfo_endpoint": &o.UserinfoEndpoint,
		"jwks_uri": &o.JWKSURI, "issuer": &o.Issuer, "discovery": &o.Discovery,
	} {
		*to = r.addressOf(n, name, variables)
	}
	if n.get("discovery") == nil && len(n.members) > 0 {
		if n.get("token_endpoint") == nil {
			r.add(n.line, "oauth needs token_endpoint, or discovery to find it by; add one of them")
		}
		if (n.get("issuer") == nil) != (n.get("jwks_uri") == nil) {
			r.add(n.line, "ID tokens are verified with issuer and jwks_uri together; add the other one, or discovery, or remove both")
		}
	}
	variables.reportUnused(r)
}

// separatorOf returns what stands between scopes.
func (r *report) separatorOf(n *node) string {
	v := n.get("scope_separator")
	if v == nil {
		return defaultSeparator
	}
	s, _ := v.text()
	if s != " " && s != "," && s != ";" {
		r.add(v.line, `scope_separator must be " ", "," or ";"; most providers want a space, the default`)
		return defaultSeparator
	}
	return s
}

// scopesOf returns a list of scopes; nil where there is none.
func (r *report) scopesOf(n *node) []string {
	return r.listOf(n, "scopes", maxScopes, func(s string) bool { return scopeToken.MatchString(s) },
		"one scope of at most 512 printable ASCII characters without spaces (RFC 6749, section 3.3)")
}

func (r *report) grantTypeOf(n *node) string {
	return r.wordOf(n, "client_credentials_grant_type", "the grant_type that the provider's documentation names", func(s string) bool {
		return s != "" && len(s) <= 256 && scopeToken.MatchString(s)
	})
}

func (r *report) lifetimeOf(n *node) Lifetime {
	s := r.section(n, "lifetime", lifetimeKeys)
	l := Lifetime{
		Member:  r.pathOf(s, "member", defaultLifetimeMember),
		Default: r.durationOf(s, "default"),
		Never:   r.flagOf(s, "never", false),
	}
	if v := n.get("lifetime"); v != nil && v.kind == objectNode {
		if (s.get("default") != nil) == l.Never {
			r.add(v.line, "lifetime needs exactly one of default (how long a token lives where the answer does not say) and never: true; keep one")
		}
	}
	return l
}

func (r *report) refreshOf(n *node) RefreshRules {
	s := r.section(n, "refresh", refreshKeys)
	return RefreshRules{
		Rotates:        r.flagOf(s, "rotates", false),
		Idle:           r.durationOf(s, "idle"),
		LifetimeMember: r.pathOf(s, "lifetime_member", ""),
	}
}

func (r *report) errorsOf(n *node) ErrorRules {
	s := r.section(n, "errors", errorsKeys)
	codes := func(name string) []string {
		return r.listOf(s, name, maxCodes, func(c string) bool { return len(c) <= 128 && printable.MatchString(c) },
			"one error code of at most 128 printable ASCII characters, in quotes where it is a number")
	}
	e := ErrorRules{
		Member: r.pathOf(s, "member", defaultErrorMember),
		Dead:   codes("dead"), Transient: codes("transient"), Misconfigured: codes("misconfigured"),
	}
	for _, pair := range []struct {
		name        string
		list, other []string
	}{{"transient", e.Transient, e.Dead}, {"misconfigured", e.Misconfigured, slices.Concat(e.Dead, e.Transient)}} {
		for _, code := range pair.list {
			if slices.Contains(pair.other, code) {
				r.add(s.get(pair.name).line, "the code%s stands in two lists of errors; keep it in one", shown(code))
			}
		}
	}
	return e
}

func (r *report) limitsOf(n *node) RequestLimits {
	s := r.section(n, "limits", limitsKeys)
	return RequestLimits{
		PerSecond:  r.numberOf(s, "requests_per_second", defaultPerSecond, 0.01, maxPerSecond, false),
		Concurrent: int(r.numberOf(s, "concurrent", defaultConcurrent, 1, maxConcurrent, true)),
	}
}

// refuseParameter says what is wrong with a parameter of a request; "": nothing.
func refuseParameter(name, _ string) string {
	switch {
	case !parameterName.MatchString(name):
		return "a parameter's name must be 1 to 64 letters, digits, dots, hyphens and underscores; correct it"
	case slices.Contains(reservedParameters, strings.ToLower(name)):
		return "the parameter " + name + " is set by the service itself; remove it"
	}
	return ""
}

// refuseHeader says what is wrong with a request header; "": nothing.
func refuseHeader(name, _ string) string {
	switch {
	case name == "" || len(name) > 64 || checkHeader(name) != nil:
		return "a header's name must be 1 to 64 letters, digits and hyphens, without colon; correct it"
	case slices.Contains(reservedHeaders, strings.ToLower(name)):
		return "the header " + name + " is set by the service itself; remove it"
	}
	return ""
}
