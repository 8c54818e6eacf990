package catalog

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// checkPostgres accepts what libpq does: a URL of the scheme postgres or
// postgresql, or pairs of key=value. It knows the form alone, not the parameters.
func checkPostgres(s string) error {
	if s == "" {
		return nil
	}
	if strings.ContainsRune(s, 0) {
		return sentence("Must not hold a NUL character")
	}
	for _, scheme := range []string{"postgres://", "postgresql://"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok {
			return checkPostgresURL(rest)
		}
	}
	if strings.Contains(s, "://") && !strings.Contains(s, "=") {
		return sentence("Must begin with postgres:// or postgresql://")
	}
	return checkPostgresPairs(s)
}

// checkPostgresURL checks what follows the scheme. It is not left to net/url, which
// knows no list of hosts.
func checkPostgresURL(s string) error {
	const encode = "Must be postgres://user:password@host:port/database; special characters in user and password must be percent-encoded"
	const wrong = sentence(encode)
	if strings.ContainsAny(s, " \t\r\n#") {
		return wrong
	}
	authority, query, _ := strings.Cut(s, "?")
	authority, path, _ := strings.Cut(authority, "/")
	user, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, hosts = authority[:i], authority[i+1:]
	}
	if strings.ContainsRune(user, '@') || strings.Count(user, ":") > 1 {
		return wrong
	}
	for _, part := range []string{user, path} {
		if _, err := url.PathUnescape(part); err != nil {
			return wrong
		}
	}
	if _, err := url.ParseQuery(query); err != nil {
		return wrong
	}
	if hosts == "" {
		return nil
	}
	for h := range strings.SplitSeq(hosts, ",") {
		if !isHostPort(h) {
			return sentence("Must name valid hosts and ports after the @; special characters in user and password must be percent-encoded")
		}
	}
	return nil
}

// isHostPort accepts a host with or without a port; an IPv6 address in brackets.
func isHostPort(s string) bool {
	host, port, found := s, "", false
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		host, port, found = s[:i], s[i+1:], true
	}
	if _, err := netip.ParseAddr(host); err == nil && strings.Contains(host, ":") {
		return false
	}
	// A percent-encoded host is the path of a socket.
	if strings.HasPrefix(host, "%2F") || strings.HasPrefix(host, "%2f") {
		_, err := url.PathUnescape(host)
		return err == nil && checkPort(port) == nil
	}
	return checkHost(host) == nil && (!found || port != "" && checkPort(port) == nil)
}

var parameter = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkPostgresPairs follows libpq's rules: spaces around "=" are allowed, values
// may be quoted with ' and escaped with \.
func checkPostgresPairs(s string) error {
	const wrong = sentence("Must be a URL (postgres://user:password@host:port/database) or pairs such as host=db.example.com user=app password='…' dbname=app")
	const space = " \t\r\n\f\v"
	pairs := 0
	for rest := strings.TrimLeft(s, space); rest != ""; rest = strings.TrimLeft(rest, space) {
		name, value, ok := strings.Cut(rest, "=")
		if !ok || !parameter.MatchString(strings.TrimRight(name, space)) {
			return wrong
		}
		rest, ok = afterValue(strings.TrimLeft(value, space))
		if !ok {
			return sentence("Has a quote that is not closed; escape ' and \\ in values with \\")
		}
		pairs++
	}
	if pairs == 0 {
		return wrong
	}
	return nil
}

// afterValue returns what follows the value that s begins with.
func afterValue(s string) (rest string, ok bool) {
	quoted := strings.HasPrefix(s, "'")
	i := 0
	if quoted {
		i = 1
	}
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case quoted && c == '\'':
			return s[i+1:], true
		case !quoted && strings.IndexByte(" \t\r\n\f\v", c) >= 0:
			return s[i:], true
		}
	}
	return "", !quoted
}

// checkAzure accepts a storage account's connection string: pairs of Name=value
// between semicolons, with an account's key or a shared access signature.
func checkAzure(s string) error {
	const wrong = sentence("Must be a storage account's connection string: AccountName=…;AccountKey=… or BlobEndpoint=…;SharedAccessSignature=…")
	if s == "" {
		return nil
	}
	values := map[string]string{}
	for pair := range strings.SplitSeq(strings.Trim(s, "; \r\n"), ";") {
		name, value, ok := strings.Cut(pair, "=")
		if _, twice := values[name]; !ok || twice || !parameter.MatchString(name) || value == "" {
			return wrong
		}
		values[name] = value
	}
	_, err := base64.StdEncoding.DecodeString(values["AccountKey"])
	withKey := values["AccountName"] != "" && values["AccountKey"] != "" && err == nil
	withSignature := values["SharedAccessSignature"] != "" && (values["BlobEndpoint"] != "" || values["AccountName"] != "")
	if !withKey && !withSignature && values["UseDevelopmentStorage"] != "true" {
		return wrong
	}
	return nil
}
