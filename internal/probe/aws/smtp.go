package aws

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptrace"
	"net/smtp"
	"slices"
	"strings"
	"time"

	"strongroom/internal/probe/bounded"
	"strongroom/internal/probe/phases"
)

// implicit are the ports on which SES speaks TLS from the start; on others it is asked for
// (RFC 3207).
var implicit = []int{465, 2465}

// signIn signs in and says goodbye (RFC 4954). Errors are *failure.Error.
func (p *Prober) signIn(ctx context.Context, r *phases.Recorder, m mailbox) (learnt, error) {
	ctx = httptrace.WithClientTrace(ctx, phases.Trace(r, phases.TLS))
	conn, err := p.dialer.DialContext(ctx, "tcp", cmp.Or(p.options.SMTP, m.address()))
	if err != nil {
		return learnt{}, explainSMTP(ctx, err, m, r.Current())
	}
	defer func() { _ = conn.Close() }()
	// The SMTP client knows no context.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	r.Begin(phases.TLS)
	client, err := p.greet(ctx, conn, m)
	if err != nil {
		return learnt{}, explainSMTP(ctx, err, m, r.Current())
	}
	r.Begin(phaseLogin)
	if err := login(client, m); err != nil {
		return learnt{}, explainSMTP(ctx, err, m, r.Current())
	}
	state, _ := client.TLSConnectionState()
	// Whatever comes now, signing in has worked.
	_ = client.Quit()
	return learnt{
		"Connected and signed in; no mail was sent",
		map[string]any{"host": m.host, "tls": tls.VersionName(state.Version)},
	}, nil
}

// greet brings the connection as far as TLS.
func (p *Prober) greet(ctx context.Context, conn net.Conn, m mailbox) (*smtp.Client, error) {
	conn = &boundedConn{conn, bounded.Reader(conn)}
	config := &tls.Config{ServerName: m.host, RootCAs: p.options.RootCAs, MinVersion: tls.VersionTLS12}
	if slices.Contains(implicit, m.port) {
		encrypted := tls.Client(conn, config)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		return newClient(encrypted, m)
	}
	client, err := newClient(conn, m)
	if err != nil {
		return nil, err
	}
	if offered, _ := client.Extension("STARTTLS"); !offered {
		return nil, errNoTLS
	}
	return client, client.StartTLS(config)
}

// newClient reads the greeting and says EHLO.
func newClient(conn net.Conn, m mailbox) (*smtp.Client, error) {
	client, err := smtp.NewClient(conn, m.host)
	if err != nil {
		return nil, err
	}
	return client, client.Hello("localhost")
}

func login(client *smtp.Client, m mailbox) error {
	_, mechanisms := client.Extension("AUTH")
	if !slices.Contains(strings.Fields(mechanisms), "PLAIN") {
		return errNoPlain
	}
	return client.Auth(smtp.PlainAuth("", m.username, m.password, m.host))
}

// boundedConn reads so much and no more.
type boundedConn struct {
	net.Conn
	reader io.Reader
}

func (c *boundedConn) Read(b []byte) (int, error) { return c.reader.Read(b) }
