package probe

import (
	"fmt"
	"net/url"
	"strings"

	"strongroom/secret"
)

// ReplacePassword returns a connection string with another password in each place where it
// has one, or in the usual one where it has none; the rest stays as it is. The error is a
// *Failure: the string cannot be read, or would be too long, or the password is empty or
// one that no string can hold.
func ReplacePassword(connectionString, password secret.Value) (secret.Value, error) {
	replaced, err := pgReplace(string(connectionString.Reveal()), string(password.Reveal()))
	if err != nil {
		return secret.Value{}, err
	}
	return secret.New([]byte(replaced)), nil
}

func pgReplace(s, password string) (string, error) {
	if password == "" || len(password) > maxPGField || strings.ContainsRune(password, 0) {
		return "", errPGField
	}
	if _, err := pgString(s); err != nil {
		return "", err
	}
	replaced := ""
	if i := strings.Index(s, "://"); strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://") {
		replaced = s[:i+3] + pgReplaceURL(s[i+3:], pgEncode(password))
	} else {
		replaced = pgReplacePairs(s, password)
	}
	if len(replaced) > maxPGString {
		return "", errPGString
	}
	return replaced, nil
}

// pgReplaceURL takes and returns what follows the scheme; the password is encoded.
func pgReplaceURL(s, password string) string {
	u := pgSplitURL(s)
	found := false
	for i, pair := range u.query {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.PathUnescape(name); err == nil && decoded == pgPassword {
			u.query[i], found = name+"="+password, true
		}
	}
	user, _, has := strings.Cut(u.user, ":")
	switch {
	case has, u.named && !found:
		u.user = user + ":" + password
	case !found:
		u.query = append(u.query, pgPassword+"="+password)
	}
	out := u.hosts + u.path
	if u.named {
		out = u.user + "@" + out
	}
	if len(u.query) > 0 {
		out += "?" + strings.Join(u.query, "&")
	}
	return out
}

// pgReplacePairs replaces the password in quotes, for whatever may follow it at once.
func pgReplacePairs(s, password string) string {
	quoted := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password) + "'"
	var out strings.Builder
	done := 0
	// The string was read before.
	_ = pgEachPair(s, func(name, _ string, begin, end int) {
		if name == pgPassword {
			out.WriteString(s[done:begin] + quoted)
			done = end
		}
	})
	if done == 0 {
		// Before the rest: at its end an escape may be open.
		return pgPassword + "=" + quoted + " " + s
	}
	return out.String() + s[done:]
}

// pgPassword is the name of the parameter.
const pgPassword = "password"

// pgEncode percent-encodes all but what RFC 3986, section 2.3, calls unreserved.
func pgEncode(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		if 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~", b) >= 0 {
			out.WriteByte(b)
			continue
		}
		fmt.Fprintf(&out, "%%%02X", b)
	}
	return out.String()
}
