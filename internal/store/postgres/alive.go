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
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}
