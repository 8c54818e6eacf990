package catalog

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"strongroom"
)

// Bounds on what OAuth data says of itself.
const (
	// maxEpoch is the last second of the year 9999; milliseconds are beyond it.
	maxEpoch  = 253402300799
	maxScopes = 200
	maxScope  = 512
)

// readOAuth takes what may be known out of OAuth data (RFC 6749, section 5.1). The
// rules hold whatever the schema says, for the fields are shown to people.
func (d *dataType) readOAuth(object map[string]any, c *Checked) []strongroom.FieldError {
	var fields []strongroom.FieldError
	if v := object["expires_at"]; v != nil {
		if at, ok := expiry(v); ok {
			c.ExpiresAt = &at
		} else {
			fields = append(fields, fieldError(ErrorFormat, "Must be a time as in 2031-01-02T15:04:05Z (RFC 3339), or seconds since 1970 as a number", "expires_at"))
		}
	}
	if v := object["scope"]; v != nil {
		var ok bool
		if c.Scopes, ok = d.readScopes(v); !ok {
			fields = append(fields, fieldError(ErrorFormat, "Must be scopes with spaces between them, or a list of scopes", "scope"))
		}
	}
	if s, ok := object["email"].(string); ok && s != "" {
		c.AccountEmail = &s
	}
	if d.grant != "" {
		access, _ := object["access_token"].(string)
		refresh, _ := object["refresh_token"].(string)
		c.OAuth, c.AccessToken = true, access != ""
		c.Renewable = refresh != "" || d.grant == GrantClientCredentials
	}
	return fields
}

// expiry reads a time of RFC 3339 or seconds since 1970.
func expiry(v any) (time.Time, bool) {
	switch v := v.(type) {
	case string:
		t, err := time.Parse(time.RFC3339, v)
		t = strongroom.Timestamp(t)
		// In UTC an offset can lead out of the years that RFC 3339 can name.
		return t, err == nil && t.Year() >= 0 && t.Year() <= 9999
	case json.Number:
		seconds, err := v.Float64()
		if err != nil || seconds < 0 || seconds > maxEpoch {
			return time.Time{}, false
		}
		whole, part := math.Modf(seconds)
		return strongroom.Timestamp(time.Unix(int64(whole), int64(part*float64(time.Second)))), true
	}
	return time.Time{}, false
}

// readScopes reads a list of scopes, or scopes with spaces or the provider's separator
// between them.
func (d *dataType) readScopes(v any) ([]string, bool) {
	var found []string
	switch v := v.(type) {
	case string:
		found = strings.FieldsFunc(v, func(c rune) bool { return unicode.IsSpace(c) || strings.ContainsRune(d.separator, c) })
	case []any:
		for _, item := range v {
			s, ok := item.(string)
			if !ok || s == "" || strings.ContainsAny(s, " \t\r\n") {
				return nil, false
			}
			found = append(found, s)
		}
	default:
		return nil, false
	}
	if len(found) > maxScopes {
		return nil, false
	}
	var out []string
	for _, s := range found {
		if len(s) > maxScope {
			return nil, false
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out, true
}
