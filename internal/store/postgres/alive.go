package postgres

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

// alive looks, without a round trip, whether an idle connection still stands. A server that
// has ended it has said so, or closed it; either can be read, and nothing else should be
// there to read.
//
// It looks past Go's own lock on reading: the driver may have left a reader of its own
// waiting on an idle connection, and would be waited for without end.
func alive(c net.Conn) bool {
	if encrypted, ok := c.(*tls.Conn); ok {
		c = encrypted.NetConn()
	}
	socket, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
	})
	return err == nil && quiet
}
