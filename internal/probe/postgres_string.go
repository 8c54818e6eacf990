package probe

import (
	"net/url"
	"strings"
)

// pgString reads a connection string by libpq's rules
// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING). The
// driver's own reader is not used: it mixes in the environment and opens files. Of a name
// that is given twice the last value holds; dbname is called database.
func pgString(s string) (map[string]string, error) {
	if len(s) > maxPGString || strings.ContainsRune(s, 0) {
		return nil, errPGString
	}
	for _, scheme := range []string{"postgres://", "postgresql://"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok {
			return pgURL(rest)
		}
	}
	return pgPairs(s)
}

// pgURL reads what follows the scheme. net/url knows no list of hosts.
func pgURL(s string) (map[string]string, error) {
	// libpq drops some spaces and refuses others.
	if strings.ContainsAny(s, " \t\r\n") {
		return nil, errPGString
	}
	settings := map[string]string{}
	u := pgSplitURL(s)
	user, password, _ := strings.Cut(u.user, ":")
	hosts, ports, ok := pgURLHosts(u.hosts)
	if !ok || !pgDecode(settings, "user", user) || !pgDecode(settings, "password", password) ||
		!pgDecode(settings, "host", hosts) || !pgDecode(settings, "port", ports) ||
		!pgDecode(settings, "database", strings.TrimPrefix(u.path, "/")) {
		return nil, errPGString
	}
	for _, pair := range u.query {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || strings.Contains(value, "=") || !pgParameter(settings, name, value) {
			return nil, errPGString
		}
	}
	return settings, nil
}

// pgURLParts are a URL's after its scheme, still encoded.
type pgURLParts struct {
	// user is what stands before the "@", a password included; named tells that there is one.
	user  string
	named bool
	hosts string
	// path begins with "/", or is empty.
	path string
	// query are the parameters, "name=value".
	query []string
}

func pgSplitURL(s string) (u pgURLParts) {
	if i := strings.IndexAny(s, "@/"); i >= 0 && s[i] == '@' {
		u.user, u.named, s = s[:i], true, s[i+1:]
	}
	s, query, _ := strings.Cut(s, "?")
	u.hosts = s
	if i := strings.IndexByte(s, '/'); i >= 0 {
		u.hosts, u.path = s[:i], s[i:]
	}
	if query != "" {
		u.query = strings.Split(strings.TrimSuffix(query, "&"), "&")
	}
	return u
}

// pgURLHosts returns the list's hosts and ports, still encoded, as two lists of one length.
func pgURLHosts(list string) (hosts, ports string, ok bool) {
	var h, p []string
	for one := range strings.SplitSeq(list, ",") {
		host, port := one, ""
		if inner, bracketed := strings.CutPrefix(one, "["); bracketed {
			var after string
			if host, after, ok = strings.Cut(inner, "]"); !ok || host == "" || after != "" && after[0] != ':' {
				return "", "", false
			}
			port = strings.TrimPrefix(after, ":")
		} else {
			host, port, _ = strings.Cut(one, ":")
		}
		h, p = append(h, host), append(p, port)
	}
	return strings.Join(h, ","), strings.Join(p, ","), true
}

// pgParameter sets a parameter of a URL's query.
func pgParameter(settings map[string]string, name, value string) bool {
	name, err := url.PathUnescape(name)
	if err != nil || name == "" {
		return false
	}
	// JDBC's spelling, which libpq takes in URLs.
	if name == "ssl" && value == "true" {
		name, value = "sslmode", "require"
	}
	name = pgName(name)
	delete(settings, name)
	if value == "" {
		settings[name] = ""
	}
	return pgDecode(settings, name, value)
}

// pgDecode sets a value that is percent-encoded; an empty one is as none.
func pgDecode(settings map[string]string, name, value string) bool {
	decoded, err := url.PathUnescape(value)
	if err != nil || strings.ContainsRune(decoded, 0) {
		return false
	}
	if decoded != "" {
		settings[name] = decoded
	}
	return true
}

// pgPairs reads key=value pairs: spaces around "=" are allowed, values may be quoted with
// ' and escaped with \.
func pgPairs(s string) (map[string]string, error) {
	settings := map[string]string{}
	err := pgEachPair(s, func(name, value string, _, _ int) { settings[pgName(name)] = value })
	if err != nil {
		return nil, err
	}
	return settings, nil
}

// pgEachPair calls f for every pair, with where its value, quotes included, begins and ends.
func pgEachPair(s string, f func(name, value string, begin, end int)) error {
	const space = " \t\r\n\f\v"
	for rest := strings.TrimLeft(s, space); rest != ""; rest = strings.TrimLeft(rest, space) {
		name, after, ok := strings.Cut(rest, "=")
		name = strings.TrimRight(name, space)
		if !ok || name == "" || strings.ContainsAny(name, space) {
			return errPGString
		}
		after = strings.TrimLeft(after, space)
		var value string
		if value, rest, ok = pgPairValue(after); !ok {
			return errPGString
		}
		f(name, value, len(s)-len(after), len(s)-len(rest))
	}
	return nil
}

// pgPairValue returns the value that s begins with, without quotes and escapes, and what follows it.
func pgPairValue(s string) (value, rest string, ok bool) {
	quoted := strings.HasPrefix(s, "'")
	if quoted {
		s = s[1:]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case quoted && c == '\'':
			return b.String(), s[i+1:], true
		case !quoted && strings.IndexByte(" \t\r\n\f\v", c) >= 0:
			return b.String(), s[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}

func pgName(name string) string {
	if name == "dbname" {
		return "database"
	}
	return name
}
