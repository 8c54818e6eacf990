package probe

import (
	"context"
	"crypto/tls"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/phases"
)

// pgTrace opens a test's connections, times its phases and closes what is left open.
type pgTrace struct {
	phases *phases.Recorder
	dialer *outbound.Dialer

	mu    sync.Mutex
	conns []*boundedConn
}

func newPGTrace(clock strongroom.Clock, dialer *outbound.Dialer) *pgTrace {
	return &pgTrace{phases: phases.New(clock), dialer: dialer}
}

type pgMark struct{}

// mark returns the context that the test's own connections are dialled with.
func (t *pgTrace) mark(ctx context.Context) context.Context {
	return context.WithValue(ctx, pgMark{}, t)
}

// dial is the driver's way out. After an error the driver dials once more by itself, in
// the background, to cancel its query: that outlives the test, and is refused.
func (t *pgTrace) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if ctx.Value(pgMark{}) != t {
		return nil, net.ErrClosed
	}
	inner, err := t.dialer.DialContext(phases.Dialing(ctx, t.phases), network, address)
	if err != nil {
		return nil, err
	}
	conn := newBoundedConn(inner)
	// What is written before connected is called asks for TLS.
	conn.opening = func() { t.phases.Begin(phases.TLS) }
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns = append(t.conns, conn)
	return conn, nil
}

// connected is called once TLS, where there is any, is agreed on but not yet done. It
// returns the connection with its errors: the driver closes it.
func (t *pgTrace) connected(ctx context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
	switch conn := conn.(type) {
	case *tls.Conn:
		if err := conn.HandshakeContext(ctx); err != nil {
			return conn, err
		}
	case *boundedConn:
		conn.opening = nil
	}
	t.phases.Begin(phaseLogin)
	return conn, nil
}

// last returns the connection that was opened last, or nil.
func (t *pgTrace) last() *boundedConn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.conns) == 0 {
		return nil
	}
	return t.conns[len(t.conns)-1]
}

// close closes every connection, whatever the driver still does with it.
func (t *pgTrace) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.conns {
		_ = c.Close()
	}
}
