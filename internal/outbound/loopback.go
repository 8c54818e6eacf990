package outbound

import "net/netip"

// IsLoopbackHost tells whether a URL's host, without port and brackets, is this machine:
// localhost or a loopback address, but no other name, whatever it resolves to. To such a
// host a secret may go over plain HTTP; whether it is connected to at all is for the Dialer
// to say.
func IsLoopbackHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
