package outbound

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// exchangeTimeout is how long a request may take unless told, its answer's body included.
	exchangeTimeout = 15 * time.Second
	// handshakeTimeout bounds TLS alone.
	handshakeTimeout = 10 * time.Second
	// idleTimeout is shorter than most servers': a connection that the server is just closing
	// loses the request, and nobody knows whether it was received.
	idleTimeout = 30 * time.Second
	idleAll     = 64
	idlePerHost = 4
	// maxHeader bounds an answer's header, in bytes.
	maxHeader = 64 << 10
)

// HTTPOptions make an HTTP client.
type HTTPOptions struct {
	// Timeout is how long a request may take, from the look-up of the name to the last byte
	// of the answer's body; default 15 s.
	Timeout time.Duration
	// Redirects is how many are followed; beyond them the request fails. With 0 the
	// redirect itself is the answer.
	Redirects int
	// RootCAs are believed instead of the system's; nil: the system's.
	RootCAs *x509.CertPool
}

// HTTPClient returns a client, with connections of its own, that connects through the
// dialer, redirects included. It asks no proxy, keeps no cookies and takes TLS 1.2 or newer.
// A header of over 64 KiB is an error; the body is the caller's to bound.
//
// Its errors are *url.Error and contain the URL with its path and query: hand on what
// Classify or a *BlockedError in it says, or what it wraps.
func (d *Dialer) HTTPClient(o HTTPOptions) *http.Client {
	timeout := cmp.Or(o.Timeout, exchangeTimeout)
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: redirects(o.Redirects),
		Transport: &http.Transport{
			DialContext:         d.DialContext,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
			TLSHandshakeTimeout: handshakeTimeout,
			// net/http leaves HTTP/2 out where a dialer is given.
			ForceAttemptHTTP2: true,
			// Holds even where somebody copies the client and drops its Timeout.
			ResponseHeaderTimeout:  timeout,
			MaxResponseHeaderBytes: maxHeader,
			MaxIdleConns:           idleAll,
			MaxIdleConnsPerHost:    idlePerHost,
			IdleConnTimeout:        idleTimeout,
		},
	}
}

var (
	errDowngrade = errors.New("a redirect from https to plain http is not followed")
	errResend    = errors.New("a redirect that repeats a request other than GET and HEAD is not followed")
)

// redirects returns the rule for following at most limit of them.
func redirects(limit int) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, before []*http.Request) error {
		last := before[len(before)-1]
		switch {
		case limit == 0:
			return http.ErrUseLastResponse
		case len(before) > limit:
			return fmt.Errorf("stopped after %d redirects", limit)
		case last.URL.Scheme == "https" && next.URL.Scheme != "https":
			return errDowngrade
		// 307 and 308 repeat the request (RFC 9110, section 15.4.8), and a body may be secret.
		case next.Method != http.MethodGet && next.Method != http.MethodHead:
			return errResend
		}
		// net/http has set it to the URL that redirected, with its query.
		next.Header.Del("Referer")
		return nil
	}
}
