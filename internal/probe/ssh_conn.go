package probe

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// maxSSHBytes bounds what one connection reads. A test needs about 10 KiB, and an SFTP
// message may be 256 KiB.
const maxSSHBytes = 1 << 20

var errTooMuch = errors.New("the server sent too much")

// boundedConn reads maxSSHBytes at most, and remembers that the server broke it.
type boundedConn struct {
	net.Conn
	// left is the reading goroutine's own; the driver has one at a time.
	left int

	mu  sync.Mutex
	err error
}

func (c *boundedConn) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, c.note(errTooMuch)
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, c.note(err)
}

func (c *boundedConn) note(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The driver closes the connection whenever it gives up.
	if c.err == nil && !errors.Is(err, net.ErrClosed) {
		c.err = err
	}
	return err
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
