package catalog

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// sentence is a format's answer: fixed words for people that quote nothing.
type sentence string

func (s sentence) Error() string { return string(s) }

// privateKeyFormat marks a private key; it needs the passphrase beside it and is
// therefore checked by [dataType.checkKeys].
const privateKeyFormat = "private-key"

// formats are the catalog's own, for strings:
//
//   - password: anything; forms hide it
//   - private-key: a private key for SSH, PEM or OpenSSH
//   - host: a host name or IP address alone
//   - port: 1 to 65535 in digits
//   - http-url, https-url: an address without user, password or fragment
//   - header: the name of an HTTP header (RFC 9110, section 5.1)
//   - base64: standard base64 with padding (RFC 4648, section 4)
//   - certificates: one or more X.509 certificates in PEM
//   - timestamp: RFC 3339
//   - ssh-host-key: a host's public key, a known_hosts line or a SHA256 fingerprint
//   - postgres-connection-string: a URL or key=value pairs, as libpq reads them
//   - azure-connection-string: as the Azure portal shows it for a storage account
//
// The empty string is left to minLength.
var formats = map[string]func(string) error{
	"password":                   func(string) error { return nil },
	privateKeyFormat:             func(string) error { return nil },
	"host":                       checkHost,
	"port":                       checkPort,
	"http-url":                   checkHTTPURL,
	"https-url":                  checkHTTPSURL,
	"header":                     checkHeader,
	"base64":                     checkBase64,
	"certificates":               checkCertificates,
	"timestamp":                  checkTimestamp,
	"ssh-host-key":               checkHostKey,
	"postgres-connection-string": checkPostgres,
	"azure-connection-string":    checkAzure,
}

func checkHost(s string) error {
	const wrong = sentence("Must be a host name or IP address alone, without scheme, port, path or spaces")
	if s == "" {
		return nil
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if a, err := netip.ParseAddr(inner); !ok || err != nil || !a.Is6() {
			return wrong
		}
		return nil
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return nil
	}
	if len(s) > 253 {
		return wrong
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return wrong
		}
		for _, c := range []byte(label) {
			// The underscore is no host name's (RFC 1123) but common inside clusters.
			if !isAlphanumeric(c) && c != '-' && c != '_' {
				return wrong
			}
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func checkPort(s string) error {
	if n, err := strconv.ParseUint(s, 10, 16); s != "" && (err != nil || n == 0) {
		return sentence("Must be a port from 1 to 65535")
	}
	return nil
}

func checkHTTPURL(s string) error  { return checkURL(s, "http", "https") }
func checkHTTPSURL(s string) error { return checkURL(s, "https", "https") }

// checkURL accepts the two schemes.
func checkURL(s, one, other string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Host == "", u.Scheme != one && u.Scheme != other:
		return sentence("Must be a whole address that begins with " + one + "://")
	case u.User != nil:
		return sentence("Must not hold a user name or password; use the members for them")
	case u.Fragment != "":
		return sentence("Must not have a fragment (#…)")
	case checkHost(u.Hostname()) != nil, u.Hostname() == "", checkPort(u.Port()) != nil:
		return sentence("Must have a valid host name and port")
	}
	return nil
}

func checkHeader(s string) error {
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return sentence("Must be the name of an HTTP header: letters, digits and hyphens, without colon or spaces")
		}
	}
	return nil
}

func checkBase64(s string) error {
	if _, err := base64.StdEncoding.Strict().DecodeString(s); err != nil {
		return sentence("Must be base64 with its padding; copy the whole value")
	}
	return nil
}

func checkCertificates(s string) error {
	if s == "" {
		return nil
	}
	const wrong = sentence("Must be one or more certificates in PEM, from BEGIN CERTIFICATE to END CERTIFICATE with their line breaks")
	rest := []byte(s)
	for found := false; ; found = true {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			if !found || len(strings.TrimSpace(string(rest))) > 0 {
				return wrong
			}
			return nil
		}
		if block.Type != "CERTIFICATE" {
			return wrong
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return wrong
		}
	}
}

func checkTimestamp(s string) error {
	if _, err := time.Parse(time.RFC3339, s); s != "" && err != nil {
		return sentence("Must be a time as in 2031-01-02T15:04:05Z (RFC 3339)")
	}
	return nil
}
