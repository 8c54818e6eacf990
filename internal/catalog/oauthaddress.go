package catalog

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

const (
	maxAddress = 2000
	// tokenTenant stands in an issuer for the token's own tid claim.
	tokenTenant = "tenantid"
	// standIn takes a variable's place in an address that is looked at, and marker that
	// of the one that is asked about.
	standIn = "stand-in"
	marker  = "variable-in-question"
	// fixedLabels is how many labels of a host must stand behind a variable with many
	// values, so that whatever it is, the host lies in one registered domain.
	fixedLabels = 2
)

var (
	placeholder = regexp.MustCompile(`\{([^{}]*)\}`)
	// addressText has the characters of RFC 3986.
	addressText = regexp.MustCompile(`^[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*$`)
)

// addressOf returns an address of the provider's; "" where there is none or where it is
// wrong, which is a problem.
func (r *report) addressOf(n *node, name string, variables variableSet) string {
	text := r.textOf(n, name, maxAddress)
	if text == "" {
		return ""
	}
	line := n.get(name).line
	found := placeholder.FindAllStringSubmatch(text, -1)
	for _, m := range found {
		if !variables.use(m[1]) && (name != "issuer" || m[1] != tokenTenant) {
			r.add(line, "%s names the variable%s, which is not defined; add it to variables or write the address out", name, shown(m[1]))
			return ""
		}
	}
	u, problem := parseAddress(placeholder.ReplaceAllString(text, standIn))
	switch {
	case problem != "":
		r.add(line, "%s %s", name, problem)
		return ""
	case u.RawQuery != "" && (name == "issuer" || name == "discovery"):
		r.add(line, "%s is an issuer, which has no query (RFC 8414, section 2); remove it", name)
		return ""
	}
	for _, m := range found {
		if !variables.listed(m[1]) && !bound(text, m[1]) {
			r.add(line, "%s lets the variable%s choose whose host gets the client's secret; end the host in two fixed labels as in {name}.acme.example, or make the pattern a list of values as in com|eu", name, shown(m[1]))
			return ""
		}
	}
	return text
}

// parseAddress parses an address without placeholders and says what is wrong with it.
func parseAddress(text string) (*url.URL, string) {
	if !addressText.MatchString(text) {
		return nil, "must be an address without spaces, quotes and single braces; correct it"
	}
	if err := checkURL(text, "https", "http"); err != nil {
		return nil, lowerFirst(err.Error())
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, "must begin with https://; http:// is for loopback hosts alone"
	}
	return u, ""
}

// loopback is the rule of outbound.IsLoopbackHost, which a package that must not reach
// net/http cannot import.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// bound tells whether the address' host is in the same registered domain whatever the
// variable's value.
func bound(text, variable string) bool {
	text = strings.ReplaceAll(text, "{"+variable+"}", marker)
	u, err := url.Parse(placeholder.ReplaceAllString(text, standIn))
	if err != nil {
		return false
	}
	i := strings.LastIndex(u.Hostname(), marker)
	return i < 0 || strings.Count(u.Hostname()[i+len(marker):], ".") >= fixedLabels
}
