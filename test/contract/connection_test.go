package contract_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// connection speaks to the service byte by byte.
type connection struct {
	t    testing.TB
	conn *net.TCPConn
	read *bufio.Reader
}

func (s *scene) dial(t testing.TB) *connection {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &connection{t: t, conn: c.(*net.TCPConn), read: bufio.NewReader(c)}
}

func (c *connection) write(text string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *connection) closeWrite() {
	c.t.Helper()
	if err := c.conn.CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

// line reads one line, without its end.
func (c *connection) line() string {
	c.t.Helper()
	line, err := c.read.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimRight(line, "\r\n")
}

// response reads the head of a response.
func (c *connection) response() *http.Response {
	c.t.Helper()
	res, err := http.ReadResponse(c.read, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = res.Body.Close() })
	return res
}
