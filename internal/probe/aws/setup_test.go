package aws_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/aws"
	"strongroom/secret"
)

const (
	region    = "eu-west-1"
	keyID     = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "canaryKey/wJalrXUtnFEMI/K7MDENG+bPxRfi"
	session   = "canarySession//////////wEaDExample=="
	smtpName  = "AKIASMTPEXAMPLE00000"
	password  = "canaryPassword+BExampleSmtp"
)

// canaries are what no result may hold.
var canaries = []string{secretKey, session, password}

type members map[string]any

// with returns the members with changes; nil takes one out.
func (m members) with(changes members) members {
	c := maps.Clone(m)
	for k, v := range changes {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func key() members {
	return members{"access_key_id": keyID, "secret_access_key": secretKey, "region": region}
}

func mailbox() members {
	return members{"username": smtpName, "password": password, "region": region}
}

// local returns a dialer that reaches this machine, and looks no name up.
func local() *outbound.Dialer {
	return outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Resolver: &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, io.ErrClosedPipe },
	}})
}

// test runs a test and fails where its result holds a secret.
func test(t *testing.T, ctx context.Context, o aws.Options, typ strongroom.CredentialType, data any) strongroom.CheckResult {
	t.Helper()
	stored, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	r := aws.New(local(), time.Now, o).SES(ctx, typ, secret.New(stored))
	shown, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range canaries {
		if strings.Contains(string(shown), c) {
			t.Errorf("the result holds the secret: %s", shown)
		}
	}
	if r.Success != (r.Code == "") || r.Message == "" {
		t.Errorf("%+v is neither a success nor a failure", r)
	}
	return r
}

func wantFailure(t *testing.T, r strongroom.CheckResult, code strongroom.CheckCode, says string) {
	t.Helper()
	if r.Success || r.Code != code || !strings.Contains(r.Message, says) {
		t.Errorf("%v, %s: %q; want %s: %q", r.Success, r.Code, r.Message, code, says)
	}
}

func wantPhases(t *testing.T, r strongroom.CheckResult, want string) {
	t.Helper()
	var names []string
	for _, p := range r.Phases {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("went through %q, want %q", got, want)
	}
}

// certificate makes one for the names, and the roots that vouch for it.
func certificate(t *testing.T, names ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, roots
}

// serve starts an API and returns the options that lead to it.
func serve(t *testing.T, handler http.Handler) aws.Options {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return aws.Options{Endpoint: s.URL, RootCAs: roots}
}
