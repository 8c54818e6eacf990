package connect

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// Redirects is the operator's list of where browsers may be sent at the end of a
// connection.
type Redirects []*url.URL

// maxRedirect bounds a redirect's length in bytes.
const maxRedirect = 2048

var errRedirect = errors.New("must be an absolute https URL without user, fragment or dot segments (http for localhost alone)")

// ParseRedirects reads the list: URLs of which every one allows itself and what is below
// its path.
func ParseRedirects(list []string) (Redirects, error) {
	var r Redirects
	for _, text := range list {
		u, err := parseRedirect(text)
		if err != nil {
			return nil, fmt.Errorf("a redirect that is to be allowed %w, as https://app.example.com/connected", err)
		}
		r = append(r, u)
	}
	return r, nil
}

// Allowed returns the URL where it is on the list: of the same scheme, host and port, at or
// below the path.
func (r Redirects) Allowed(text string) (*url.URL, bool) {
	u, err := parseRedirect(text)
	if err != nil {
		return nil, false
	}
	for _, allowed := range r {
		if u.Scheme == allowed.Scheme && strings.EqualFold(u.Host, allowed.Host) && below(u.Path, allowed.Path) {
			return u, true
		}
	}
	return nil, false
}

// below tells whether a path is the other or stands under it.
func below(p, parent string) bool {
	parent = strings.TrimSuffix(parent, "/")
	return p == parent || strings.HasPrefix(p, parent+"/")
}

// parseRedirect refuses every URL that a browser could read in another way than this.
func parseRedirect(text string) (*url.URL, error) {
	if len(text) > maxRedirect || strings.ContainsAny(text, "\\\t\r\n\x00 ") {
		return nil, errRedirect
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" || strings.Contains(text, "#") {
		return nil, errRedirect
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, errRedirect
	}
	if u.Path != "" && (path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") && u.Path != "/" || strings.Contains(u.Path, "//") || u.RawPath != "") {
		return nil, errRedirect
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, errRedirect
	}
	return u, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// with returns the URL with more in its query; what was there stays.
func with(u *url.URL, values map[string]string) string {
	copied := *u
	query := copied.Query()
	for _, name := range []string{"credential_id", "error", "error_description"} {
		query.Del(name)
	}
	for name, value := range values {
		query.Set(name, value)
	}
	copied.RawQuery = query.Encode()
	return copied.String()
}
