// Package outbound makes every connection that the service opens to somebody else's
// machine, and judges the address first.
//
// It owns the guarded dialer, which HTTP, SSH and PostgreSQL share, the HTTP client on
// top of it, the names of the ways in which a connection fails, and which hosts are this
// machine. Hosts come from users (a server to test, a token endpoint), and the service
// stands where users do not: without a guard it would knock for them on the doors of its
// own network.
//
//	host name ─► resolver ─► address ─► socket ─► Judge ─► connect
//	                                                └─► BlockedError
//
// The judgement is made on the address that is about to be connected to, after the last
// look-up and once for every attempt, so that a name which changes its answer, a
// redirect, or a spelling that only some resolver understands leads nowhere else. What
// [Judge] refuses is connected to where the operator allows its range, and only there.
//
// It refuses networks other than TCP, proxies from the environment, and TLS before 1.2.
// It does not guard the resolver's own packets: the name servers are the operator's, and
// often stand on the private network. Nor can it know a NAT64 prefix of the operator's own
// choice (RFC 6052, section 2.2): a network that has one must not translate to its inside.
package outbound
