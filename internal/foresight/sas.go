package foresight

import (
	"net/url"
	"strings"
	"time"
)

// expiryParameter of a shared access signature says when it ends. It is missing where a
// stored access policy says so instead, which only the storage account knows.
const expiryParameter = "se"

// sasEnd is when the first of the shared access signatures ends; zero: there is none, or
// none that says.
func (m members) sasEnd() time.Time {
	end := signatureEnd(m.text("sas_token"))
	if _, query, ok := strings.Cut(m.text("sas_url"), "?"); ok {
		end = earliest(end, signatureEnd(query))
	}
	for pair := range strings.SplitSeq(m.text("connection_string"), ";") {
		name, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(strings.TrimSpace(name), "SharedAccessSignature") {
			end = earliest(end, signatureEnd(strings.TrimSpace(value)))
		}
	}
	return end
}

// signatureEnd reads the end out of a signature's parameters.
func signatureEnd(query string) time.Time {
	for pair := range strings.SplitSeq(strings.TrimPrefix(query, "?"), "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != expiryParameter {
			continue
		}
		// A plus is an offset's here, and not a space: portals leave it unescaped.
		if value, err := url.PathUnescape(value); err == nil {
			return stamp(value)
		}
	}
	return time.Time{}
}
