package postgrestest

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands between a client and a server, sees what goes by, and may cut it.
type Proxy struct {
	// Address is where it listens.
	Address string

	target  string
	flights atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]bool
	// cutting ends each connection with its next query: that reaches the server, and its
	// answer does not come back. refusing ends them at once.
	cutting, refusing bool
}

// NewProxy stands before the server at the host and port until the test ends.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{Address: l.Addr().String(), target: target, conns: map[net.Conn]bool{}}
	tb.Cleanup(func() {
		_ = l.Close()
		p.Drop()
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

// Flights counts the round trips so far: how often the server has said that it is ready for
// the next query. Signing in is one.
func (p *Proxy) Flights() int64 { return p.flights.Load() }

// Cut makes the answers of all connections get lost from now on, or come again.
func (p *Proxy) Cut(cutting bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutting = cutting
}

// Refuse ends every connection, and takes no other until it is told to.
func (p *Proxy) Refuse(refusing bool) {
	p.mu.Lock()
	p.refusing = refusing
	p.mu.Unlock()
	if refusing {
		p.Drop()
	}
}

// Drop ends every connection.
func (p *Proxy) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.register(client, server) {
		return
	}
	defer p.unregister(client, server)
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	p.answers(server, client)
}

// answers passes on what the server says, message by message: a letter, the length of what
// follows, itself included.
func (p *Proxy) answers(server io.Reader, client io.Writer) {
	var head [5]byte
	for {
		if _, err := io.ReadFull(server, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		if p.isCutting() {
			return
		}
		if head[0] == 'Z' {
			p.flights.Add(1)
		}
		if _, err := client.Write(append(head[:], body...)); err != nil {
			return
		}
	}
}

func (p *Proxy) isCutting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cutting
}

func (p *Proxy) register(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refusing {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

func (p *Proxy) unregister(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}
