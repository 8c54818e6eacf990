package probe

import (
	"crypto/tls"
	"crypto/x509"
)

// setTLS checks the parameters of TLS; root holds certificates in PEM, or nothing.
func (t *pgTarget) setTLS(settings map[string]string, root string) error {
	if root != "" {
		t.roots = x509.NewCertPool()
		if !t.roots.AppendCertsFromPEM([]byte(root)) {
			return errPGRoot
		}
	}
	// libpq: the system's certificates vouch for anybody, so the name has to be checked.
	if settings["sslrootcert"] == "system" && root == "" {
		t.mode = "verify-full"
	}
	// Before 1.2 TLS is broken, whatever is asked for.
	t.minTLS = tls.VersionTLS12
	if settings["ssl_min_protocol_version"] == "TLSv1.3" {
		t.minTLS = tls.VersionTLS13
	}
	if n := settings["sslnegotiation"]; n != "" && n != "postgres" && n != "direct" {
		return errPGParameter
	}
	switch t.mode {
	case "disable", "allow", "prefer":
		if t.direct {
			return errPGDirect
		}
	case "require", "verify-ca", "verify-full":
	default:
		return errPGMode
	}
	return nil
}

// attempts returns the TLS settings to try one after the other at a host; nil is plain.
func (t *pgTarget) attempts(host string) []*tls.Config {
	encrypted := t.encrypted(host)
	switch t.mode {
	case "disable":
		return []*tls.Config{nil}
	case "allow":
		return []*tls.Config{nil, encrypted}
	case "prefer":
		return []*tls.Config{encrypted, nil}
	}
	return []*tls.Config{encrypted}
}

// encrypted returns the TLS settings of the target's mode.
func (t *pgTarget) encrypted(host string) *tls.Config {
	config := &tls.Config{MinVersion: t.minTLS, RootCAs: t.roots, ServerName: host}
	if t.direct {
		config.NextProtos = []string{"postgresql"}
	}
	if t.mode == "verify-full" {
		return config
	}
	// The modes below it prove less on purpose; crypto/tls itself knows all or nothing.
	config.InsecureSkipVerify = true
	if t.mode == "verify-ca" || t.mode == "require" && t.roots != nil {
		config.VerifyConnection = func(s tls.ConnectionState) error { return pgVerifyChain(s.PeerCertificates, t.roots) }
	}
	return config
}

// pgVerifyChain verifies that the server's certificate leads to the roots, whatever its name.
func pgVerifyChain(certificates []*x509.Certificate, roots *x509.CertPool) error {
	intermediates := x509.NewCertPool()
	for _, c := range certificates[1:] {
		intermediates.AddCert(c)
	}
	if _, err := certificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: certificates, Err: err}
	}
	return nil
}
