package outbound_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"strongroom/internal/outbound"
)

// only returns a dialer that connects to these addresses beside public ones.
func only(addresses ...string) *outbound.Dialer {
	var allow []netip.Prefix
	for _, a := range addresses {
		addr := netip.MustParseAddr(a)
		allow = append(allow, netip.PrefixFrom(addr, addr.BitLen()))
	}
	return outbound.New(outbound.Options{Allow: allow})
}

// door is a listener that must stay shut, or be opened once.
type door struct {
	port string
	// knocked has room for the first connection.
	knocked chan struct{}
}

// listen opens a door on every loopback address, and closes it with the test.
func listen(t *testing.T) *door {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{knocked: make(chan struct{}, 1)}
	if _, d.port, err = net.SplitHostPort(l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
			select {
			case d.knocked <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return d
}

// wantBlocked connects and fails the test unless the address is refused.
func wantBlocked(t *testing.T, d *outbound.Dialer, network, address string) error {
	t.Helper()
	conn, err := d.DialContext(context.Background(), network, address)
	if err == nil {
		_ = conn.Close()
		t.Fatalf("%s: connected", address)
	}
	if !errors.Is(err, outbound.ErrBlocked) || outbound.Classify(err) != outbound.CodeBlockedAddress {
		t.Errorf("%s: %v, want ErrBlocked", address, err)
	}
	return err
}

// wantShut fails the test where somebody came through the door.
func (d *door) wantShut(t *testing.T) {
	t.Helper()
	select {
	case <-d.knocked:
		t.Error("the listener was connected to")
	default:
	}
}

// names answers DNS queries for IPv4 addresses. Every name has the same answers: the
// first query the first one, and so on; the last one stays.
type names struct {
	mu      sync.Mutex
	answers [][]string
}

// resolver returns one that asks n, over a pipe, in DNS's form for streams (RFC 1035,
// section 4.2.2).
func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go n.serve(theirs)
		return ours, nil
	}}
}

func (n *names) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer := n.answer(query)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// answer makes a message of the query's id and question (RFC 1035, section 4.1).
func (n *names) answer(query []byte) []byte {
	const header, typeA = 12, 1
	end := header
	for query[end] != 0 {
		end += 1 + int(query[end])
	}
	end += 5
	var found []string
	if binary.BigEndian.Uint16(query[end-4:]) == typeA {
		found = n.next()
	}
	message := slices.Concat(query[:2], []byte{0x81, 0x80, 0, 1, 0, byte(len(found)), 0, 0, 0, 0}, query[header:end])
	for _, a := range found {
		addr := netip.MustParseAddr(a).As4()
		message = slices.Concat(message, []byte{0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4}, addr[:])
	}
	return message
}

func (n *names) next() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	found := n.answers[0]
	if len(n.answers) > 1 {
		n.answers = n.answers[1:]
	}
	return found
}
