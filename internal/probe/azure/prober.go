package azure

import (
	"cmp"
	"context"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/log"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/bounded"
	"strongroom/internal/probe/failure"
	"strongroom/internal/probe/phases"
	"strongroom/secret"
)

// timeout is how long a test may take.
const timeout = 15 * time.Second

// The phases after those of the connection.
const (
	phaseLogin     = "login"
	phaseOperation = "operation"
)

// The library would log every request to the standard error output where the environment
// says AZURE_SDK_GO_LOGGING=all.
func init() { log.SetListener(nil) }

// Options are for tests; the zero Options are production's.
type Options struct {
	// Authority replaces the sign-in service of every cloud ("https://127.0.0.1:8443").
	Authority string
	// Address is connected to ("127.0.0.1:8444") in place of every storage account's host,
	// which still stands in the Host header.
	Address string
	// RootCAs are believed instead of the system's.
	RootCAs *x509.CertPool
}

// Prober tests credentials of Azure. It is safe for concurrent use.
type Prober struct {
	dialer  *outbound.Dialer
	clock   strongroom.Clock
	options Options
}

// New returns a Prober that dials through the guard alone.
func New(dialer *outbound.Dialer, clock strongroom.Clock, o Options) *Prober {
	return &Prober{dialer: dialer, clock: clock, options: o}
}

// Blob tests a credential of the provider azure_blob; t is api_key, client_credentials or
// azure_blob_receive, which has to be able to list its container. It ends after 15 s at
// most.
//
// The details are "account" where it is known, "container" where one is named,
// "sas_expires_at" (RFC 3339) where the SAS itself says it, and "can_list": whether what
// was looked at could be listed.
func (p *Prober) Blob(ctx context.Context, t strongroom.CredentialType, data secret.Value) strongroom.CheckResult {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	recorder := phases.New(p.clock)
	target, err := read(t, data)
	var found learnt
	if err == nil {
		found, err = p.test(ctx, recorder, target)
	}
	result := strongroom.CheckResult{Success: err == nil, Phases: recorder.End()}
	if target != nil {
		result.Details = target.details()
	}
	if err != nil {
		failed := failure.Of(err)
		result.Code, result.Message = failed.Code, failed.Message
		return result
	}
	result.Message, result.Details["can_list"] = found.message, found.listed
	return result
}

// client returns one for a single test, so that its phases hold the connection.
func (p *Prober) client() *http.Client {
	return bounded.Client(p.dialer.HTTPClient(outbound.HTTPOptions{Timeout: timeout, RootCAs: p.options.RootCAs}))
}

// storage returns a client for storage accounts.
func (p *Prober) storage() *http.Client {
	c := p.client()
	if p.options.Address != "" {
		c.Transport = &detour{c.Transport, p.options.Address}
	}
	return c
}

// detour connects to another address.
type detour struct {
	http.RoundTripper
	address string
}

// RoundTrip leaves the request as it is, but for where it goes to.
func (d *detour) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = cmp.Or(r.Host, r.URL.Host)
	r.URL.Host = d.address
	return d.RoundTripper.RoundTrip(r)
}
