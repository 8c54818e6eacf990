package azure_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/azure"
	"strongroom/secret"
)

const (
	account      = "examplestorage"
	sigCanary    = "canarySignature/abc+def="
	clientSecret = "canarySecret~8Q.abcdefgh"
	tenant       = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
	clientID     = "9b2a7c1e-0000-4000-8000-5f0d3a1c2b4d"
	bearerToken  = "canaryToken.eyJhdWQiOiJzdG9yYWdlIn0.c2ln"
)

var accountKey = base64.StdEncoding.EncodeToString([]byte("canaryKey, 64 bytes of it as Azure makes them, more or less....."))

// canaries are what no result may hold.
var canaries = []string{sigCanary, url.QueryEscape(sigCanary), accountKey, clientSecret, bearerToken}

type members map[string]any

func (m members) with(changes members) members {
	c := maps.Clone(m)
	maps.Copy(c, changes)
	return c
}

func byKey() members { return members{"account_name": account, "account_key": accountKey} }

func bySAS(sas string) members { return members{"account_name": account, "sas_token": sas} }

func byApplication() members {
	return members{"account_name": account, "tenant_id": tenant, "client_id": clientID, "client_secret": clientSecret}
}

// sas writes a signature with these parameters, which goes on for centuries.
func sas(parameters string) string {
	return "sv=2024-11-04&se=2999-01-01T00%3A00%3A00Z&" + parameters + "&sig=" + url.QueryEscape(sigCanary)
}

const (
	ofAccount   = "ss=b&srt=sco&sp=rl"
	ofContainer = "sr=c&sp=rl"
)

func local() *outbound.Dialer {
	return outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Resolver: &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, io.ErrClosedPipe },
	}})
}

// test runs a test and fails where its result holds a secret.
func test(t *testing.T, ctx context.Context, o azure.Options, typ strongroom.CredentialType, data any) strongroom.CheckResult {
	t.Helper()
	stored, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	r := azure.New(local(), time.Now, o).Blob(ctx, typ, secret.New(stored))
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

func wantSuccess(t *testing.T, r strongroom.CheckResult, says string, details map[string]any) {
	t.Helper()
	if !r.Success || !strings.Contains(r.Message, says) || !maps.Equal(r.Details, details) {
		t.Errorf("%+v; want %q and %v", r, says, details)
	}
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

// serve starts a server over TLS and returns it, with the roots that vouch for it.
func serve(t *testing.T, handler http.Handler) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, roots
}

// lead starts a server in the place of every storage account.
func lead(t *testing.T, handler http.Handler) azure.Options {
	t.Helper()
	s, roots := serve(t, handler)
	return azure.Options{Address: s.Listener.Addr().String(), RootCAs: roots}
}
