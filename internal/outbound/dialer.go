package outbound

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// connectTimeout is how long a look-up and a connect may take together unless told.
const connectTimeout = 10 * time.Second

// Options make a Dialer.
type Options struct {
	// Allow lists the ranges that are connected to though [Judge] refuses them. An IPv4
	// range is written as one, not as IPv4-mapped IPv6; a range covers its addresses with
	// a zone too.
	Allow []netip.Prefix
	// Timeout is how long the look-up and the connect may take together; default 10 s.
	Timeout time.Duration
	// Resolver looks names up; nil: net.DefaultResolver.
	Resolver *net.Resolver
}

// Dialer connects to public addresses and to those that the operator allows. It is safe for concurrent use.
type Dialer struct {
	allow []netip.Prefix
	net   net.Dialer
}

// New returns a Dialer. Without Allow it connects to public addresses alone.
func New(o Options) *Dialer {
	d := &Dialer{allow: slices.Clone(o.Allow)}
	d.net = net.Dialer{Timeout: cmp.Or(o.Timeout, connectTimeout), Resolver: o.Resolver, Control: d.control}
	return d
}

// errNetwork: a unix socket, say, is a door of this machine.
var errNetwork = errors.New("outbound connections are made over TCP alone")

// DialContext connects to a host and port over tcp, tcp4 or tcp6. A name with several
// addresses is tried on those that are not refused. Errors are those of [net.Dialer]; one
// that is ErrBlocked says that the address was refused.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
		return d.net.DialContext(ctx, network, address)
	}
	return nil, errNetwork
}

// control is called with the address that the socket is about to connect to.
func (d *Dialer) control(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		// An address without a host (":80") comes here too: the system takes it for its own.
		return &BlockedError{Class: classInvalid}
	}
	addr := target.Addr().Unmap()
	if d.allowed(addr.WithZone("")) {
		return nil
	}
	if class, blocked := Judge(addr); blocked {
		return &BlockedError{Class: class}
	}
	return nil
}

func (d *Dialer) allowed(addr netip.Addr) bool {
	return slices.ContainsFunc(d.allow, func(p netip.Prefix) bool { return p.Contains(addr) })
}
