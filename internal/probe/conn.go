package probe

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// maxBytes bounds what one connection reads, in bytes. A test needs about 10 KiB, an SFTP
// message may have 256 KiB, and a rotation reads a file of 1 MiB.
const maxBytes = 2 << 20

var errTooMuch = errors.New("the server sent too much")

// boundedConn reads maxBytes at most, and remembers what the server began and ended with.
// It is safe for concurrent use: drivers read in goroutines of their own.
type boundedConn struct {
	net.Conn
	// opening, where it is not nil, is called before the first byte is written.
	opening func()

	mu   sync.Mutex
	left int
	read byte
	err  error
}

func newBoundedConn(c net.Conn) *boundedConn { return &boundedConn{Conn: c, left: maxBytes} }

func (c *boundedConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	left := c.left
	c.mu.Unlock()
	if left <= 0 {
		return 0, c.note(nil, errTooMuch)
	}
	n, err := c.Conn.Read(b[:min(len(b), left)])
	return n, c.note(b[:n], err)
}

func (c *boundedConn) Write(b []byte) (int, error) {
	if c.opening != nil {
		c.opening()
		c.opening = nil
	}
	return c.Conn.Write(b)
}

// note books what was read.
func (c *boundedConn) note(read []byte, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == maxBytes && len(read) > 0 {
		c.read = read[0]
	}
	c.left -= len(read)
	// The driver closes the connection whenever it gives up.
	if c.err == nil && !errors.Is(err, net.ErrClosed) {
		c.err = err
	}
	return err
}

// first returns the first byte that the server sent; 0 before.
func (c *boundedConn) first() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read
}

// broken returns the first error of a read, the end of the stream included.
func (c *boundedConn) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// watch makes whatever waits on the connection fail when the context ends, after the grace.
// The connection has no deadline of its own, so that whoever sees it time out finds the
// context ended. The returned function ends the watch.
func watch(ctx context.Context, c net.Conn, grace time.Duration) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now().Add(grace)) })
}
