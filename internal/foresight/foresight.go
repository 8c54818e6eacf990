package foresight

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/secret"
)

// The kinds of warning, which are the contract's.
const (
	kindCA           = "ca_certificate"
	kindServer       = "server_certificate"
	kindSAS          = "sas_token"
	kindClientSecret = "client_secret"
	kindGrant        = "oauth_grant"
)

const (
	day = 24 * time.Hour
	// soon is from when a person is told of what is made anew in minutes; ofOthers of what
	// others have to be asked for.
	soon     = 14 * day
	ofOthers = 30 * day
	// maxData bounds the data that is looked at, in bytes. What is stored is smaller.
	maxData = 1 << 20
)

// Warnings returns what ends soon, or has ended, soonest first: one for each kind at most.
// data is the credential's, a JSON object; found are the details of a test's result, nil
// where there was none. What cannot be read warns of nothing.
func Warnings(now time.Time, c strongroom.Credential, p catalog.Provider, data secret.Value, found map[string]any) []strongroom.Warning {
	m := read(data)
	var all []strongroom.Warning
	add := func(kind string, end time.Time, window time.Duration, what, advice string) {
		if !end.IsZero() && !now.Before(end.Add(-window)) {
			all = append(all, warning(now, kind, end, what, advice))
		}
	}
	add(kindCA, m.caEnd(), ofOthers, "The CA certificate that the server is verified with",
		"get the one that follows it from whoever runs the server, and store it with this credential")
	add(kindServer, stamp(text(found, "server_certificate_expires_at")), soon, "The server's certificate",
		"have it renewed there")
	add(kindSAS, m.sasEnd(), soon, "The shared access signature",
		"make a new one in the storage account, and store it with this credential")
	add(kindClientSecret, stamp(m.text("client_secret_expires_at")), ofOthers, "The client secret",
		"make a new one where the application is registered, and store it with this credential")
	grant, window := m.grantEnd(c, p)
	add(kindGrant, grant, window, "The consent that the tokens come from",
		"connect the account again")
	slices.SortStableFunc(all, func(a, b strongroom.Warning) int {
		return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), cmp.Compare(a.Kind, b.Kind))
	})
	return all
}

func warning(now time.Time, kind string, end time.Time, what, advice string) strongroom.Warning {
	verb := "ends"
	if !now.Before(end) {
		verb = "ended"
	}
	return strongroom.Warning{
		Kind: kind, ExpiresAt: end,
		Message: fmt.Sprintf("%s %s on %s; %s", what, verb, end.Format(time.DateOnly), advice),
	}
}

// members are those of the data.
type members map[string]json.RawMessage

// read returns none where the data is no JSON object.
func read(data secret.Value) (m members) {
	plain := data.Reveal()
	if len(plain) > maxData || json.Unmarshal(plain, &m) != nil {
		return nil
	}
	return m
}

// text returns a member that is a string; "" for any other.
func (m members) text(name string) (s string) {
	if json.Unmarshal(m[name], &s) != nil {
		return ""
	}
	return s
}

// text returns a detail that is a string; "" for any other.
func text(details map[string]any, name string) string {
	s, _ := details[name].(string)
	return s
}

// layouts are the forms of RFC 3339 and of ISO 8601 that Azure takes in a signature. A day
// alone begins at midnight UTC.
var layouts = []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly}

// stamp reads a time; zero where it is none, or none of a year that can be stored.
func stamp(s string) time.Time {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return sane(t)
		}
	}
	return time.Time{}
}

// sane returns the time in UTC, and zero for years that no certificate, token or person
// means, some of which have no form in JSON.
func sane(t time.Time) time.Time {
	if t = strongroom.Timestamp(t); t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// earliest returns the first of two times; zero is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
