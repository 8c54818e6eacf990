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
	if i := strings.IndexAny(s, "@/"); i >= 0 && s[i] == '@' {
		user, password, _ := strings.Cut(s[:i], ":")
		s = s[i+1:]
		if !pgDecode(settings, "user", user) || !pgDecode(settings, "password", password) {
			return nil, errPGString
		}
	}
	i := strings.IndexAny(s, "/?")
	if i < 0 {
		i = len(s)
	}
	hosts, ports, ok := pgURLHosts(s[:i])
	rest, query, _ := strings.Cut(s[i:], "?")
	if !ok || !pgDecode(settings, "host", hosts) || !pgDecode(settings, "port", ports) ||
		!pgDecode(settings, "database", strings.TrimPrefix(rest, "/")) {
		return nil, errPGString
	}
	if query == "" {
		return settings, nil
	}
	for pair := range strings.SplitSeq(strings.TrimSuffix(query, "&"), "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || strings.Contains(value, "=") || !pgParameter(settings, name, value) {
			return nil, errPGString
		}
	}
	return settings, nil
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
	const space = " \t\r\n\f\v"
	settings := map[string]string{}
	for rest := strings.TrimLeft(s, space); rest != ""; rest = strings.TrimLeft(rest, space) {
		name, after, ok := strings.Cut(rest, "=")
		name = strings.TrimRight(name, space)
		if !ok || name == "" || strings.ContainsAny(name, space) {
			return nil, errPGString
		}
		var value string
		if value, rest, ok = pgPairValue(strings.TrimLeft(after, space)); !ok {
			return nil, errPGString
		}
		settings[pgName(name)] = value
	}
	return settings, nil
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
