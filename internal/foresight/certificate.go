package foresight

import (
	"crypto/x509"
	"encoding/pem"
	"regexp"
	"time"
)

// maxCertificates of a bundle are looked at.
const maxCertificates = 500

// stringMode finds the TLS mode in a PostgreSQL connection string, of either form.
var stringMode = regexp.MustCompile(`(?:^|[?&\s])sslmode\s*=\s*'?([a-z-]+)`)

// caEnd is when the last of the CA certificates ends: until then, a server's certificate
// can lead to one of them. Zero where there are none, or none is used.
func (m members) caEnd() (last time.Time) {
	if !m.verifies() {
		return time.Time{}
	}
	rest := []byte(m.text("sslrootcert"))
	for range maxCertificates {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && c.NotAfter.After(last) {
			last = c.NotAfter
		}
	}
	return sane(last)
}

// verifies tells whether the server's certificate is verified, as libpq does it: in the
// modes below, and in the one that holds where none is said, it is not.
func (m members) verifies() bool {
	mode := m.text("sslmode")
	if found := stringMode.FindStringSubmatch(m.text("connection_string")); found != nil {
		mode = found[1]
	}
	switch mode {
	case "", "disable", "allow", "prefer":
		return false
	}
	return true
}
