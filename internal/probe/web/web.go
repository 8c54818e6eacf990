package web

import (
	"cmp"
	"context"
	"crypto/x509"
	"net/http"
	"strings"
	"time"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/bounded"
	"strongroom/internal/probe/failure"
	"strongroom/internal/probe/phases"
	"strongroom/secret"
)

const (
	// timeout is how long a test may take, all its requests together.
	timeout = 15 * time.Second

	defaultGraph     = "https://graph.microsoft.com/v1.0"
	defaultAuthority = "https://login.microsoftonline.com"

	// The phases behind those of the connection.
	phaseLogin     = "login"
	phaseOperation = "operation"
)

// Options say where Microsoft is, and whom to believe that it is.
type Options struct {
	// RootCAs are believed instead of the system's; nil: the system's.
	RootCAs *x509.CertPool
	// Graph is where Microsoft Graph is, with its version; default
	// https://graph.microsoft.com/v1.0. National clouds have their own.
	Graph string
	// Authority is where Microsoft Entra is; default https://login.microsoftonline.com.
	Authority string
}

// Prober tests tokens and keys. It is safe for concurrent use.
type Prober struct {
	dialer           *outbound.Dialer
	clock            strongroom.Clock
	roots            *x509.CertPool
	graph, authority string
}

// New returns a Prober that dials through the guard alone.
func New(dialer *outbound.Dialer, clock strongroom.Clock, o Options) *Prober {
	return &Prober{
		dialer: dialer, clock: clock, roots: o.RootCAs,
		graph:     strings.TrimSuffix(cmp.Or(o.Graph, defaultGraph), "/"),
		authority: strings.TrimSuffix(cmp.Or(o.Authority, defaultAuthority), "/"),
	}
}

// test is one test under way.
type test struct {
	client  *http.Client
	phases  *phases.Recorder
	details map[string]any
	// sent are the secrets that servers got to see, so that no detail holds one.
	sent []secret.Value
}

// run makes a test on connections of its own. f returns the sentence of a success; its
// errors are *failure.Error.
func (p *Prober) run(ctx context.Context, f func(context.Context, *test) (string, error)) strongroom.CheckResult {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	t := &test{
		client:  bounded.Client(p.dialer.HTTPClient(outbound.HTTPOptions{RootCAs: p.roots, Timeout: timeout})),
		phases:  phases.New(p.clock),
		details: map[string]any{},
	}
	defer t.client.CloseIdleConnections()
	message, err := f(ctx, t)
	result := strongroom.CheckResult{Success: err == nil, Message: message, Phases: t.phases.End(), Details: t.details}
	if err != nil {
		failed := failure.Of(err)
		result.Code, result.Message = failed.Code, failed.Message
	}
	return result
}
