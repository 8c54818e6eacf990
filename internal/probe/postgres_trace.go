package probe

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"strongroom"
	"strongroom/internal/outbound"
)

// The phases of a PostgreSQL test.
const (
	pgConnect   = "connect"
	pgTLS       = "tls"
	pgLogin     = "login"
	pgOperation = "operation"
)

// maxPGBytes bounds what one connection reads, in bytes. A test needs about 2 KiB.
const maxPGBytes = 1 << 20

// pgTrace opens a test's connections, times its phases and closes what is left open.
type pgTrace struct {
	clock  strongroom.Clock
	dialer *outbound.Dialer

	mu     sync.Mutex
	phases []Phase
	now    string
	since  time.Time
	conns  []*pgConn
}

func newPGTrace(clock strongroom.Clock, dialer *outbound.Dialer) *pgTrace {
	return &pgTrace{clock: clock, dialer: dialer}
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
	t.begin(pgConnect)
	inner, err := t.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := &pgConn{Conn: inner}
	conn.left.Store(maxPGBytes)
	t.mu.Lock()
	t.conns = append(t.conns, conn)
	t.mu.Unlock()
	// A plain connection goes on to connected at once, before anything can go wrong.
	t.begin(pgTLS)
	return conn, nil
}

// connected is called once TLS, where there is any, is agreed on but not yet done. It
// returns the connection with its errors: the driver closes it.
func (t *pgTrace) connected(ctx context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
	if encrypted, ok := conn.(*tls.Conn); ok {
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return conn, err
		}
		t.begin(pgLogin)
		return conn, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// There was no TLS: what has begun is the login.
	t.now = pgLogin
	return conn, nil
}

// begin ends the present phase and starts another, or goes on with one.
func (t *pgTrace) begin(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop()
	t.now = name
}

// end ends the present phase and returns all that were begun.
func (t *pgTrace) end() []Phase {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop()
	return t.phases
}

// stop books the time since the last call on the present phase. The caller holds mu.
func (t *pgTrace) stop() {
	now := t.clock()
	took := now.Sub(t.since)
	t.since = now
	if t.now == "" {
		return
	}
	for i := range t.phases {
		if t.phases[i].Name == t.now {
			t.phases[i].Took += took
			return
		}
	}
	t.phases = append(t.phases, Phase{Name: t.now, Took: took})
}

// phase returns the name of the present phase; "" before the first.
func (t *pgTrace) phase() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

// last returns the connection that was opened last, or nil.
func (t *pgTrace) last() *pgConn {
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

// pgConn reads maxPGBytes at most and remembers the first byte. The driver reads in
// goroutines of its own, too.
type pgConn struct {
	net.Conn
	left atomic.Int64
	// first is the first byte that the server sent; 0 before.
	first atomic.Uint32
}

func (c *pgConn) Read(b []byte) (int, error) {
	left := c.left.Load()
	if left <= 0 {
		return 0, errPGTooMuch
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), left)])
	c.left.Add(int64(-n))
	if n > 0 {
		c.first.CompareAndSwap(0, uint32(b[0]))
	}
	return n, err
}
