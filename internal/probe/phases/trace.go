package phases

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
)

// The phases that every connection goes through.
const (
	DNS     = "dns"
	Connect = "connect"
	TLS     = "tls"
)

// Dialing returns the context in which a net.Dialer tells r how far it has come: DNS where
// there is a name to look up, then Connect.
func Dialing(ctx context.Context, r *Recorder) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { r.Begin(DNS) },
		ConnectStart: func(string, string) { r.Begin(Connect) },
	})
}

// Trace returns what tells r how far a request has come: DNS, Connect, TLS where there is
// any, and then the named phase, once a connection is there, be it new or kept from the
// last request. It is for httptrace.WithClientTrace.
func Trace(r *Recorder, then string) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { r.Begin(DNS) },
		ConnectStart:      func(string, string) { r.Begin(Connect) },
		TLSHandshakeStart: func() { r.Begin(TLS) },
		// Where TLS fails, what failed is still TLS.
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				r.Begin(then)
			}
		},
		GotConn: func(httptrace.GotConnInfo) { r.Begin(then) },
	}
}
