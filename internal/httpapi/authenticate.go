package httpapi

import (
	"net/http"
	"net/netip"
	"strings"

	"strongroom"
	"strongroom/internal/identity"
)

// authenticate finds out who calls and holds them to their limit. Those whose credential
// is not accepted are slowed down by their address; those whose is never wait for them.
func (s *server) authenticate(r *http.Request, x *exchange) error {
	principal, err := s.Authenticator.Authenticate(r.Context(), identity.Presented{
		Authorization: r.Header.Values("Authorization"),
		APIKey:        r.Header.Values("X-Api-Key"),
		Organization:  r.Header.Values("X-Organization-Id"),
	})
	if strongroom.CodeOf(err) == strongroom.CodeUnauthorized {
		s.Observer.AuthenticationFailed()
		if wait := s.limits.failed(x.address); wait > 0 {
			s.Observer.Limited("failed_authentication")
			return errLimited(wait)
		}
	}
	if err != nil {
		return err
	}
	x.caller = strongroom.Caller{Principal: principal, Address: x.address, RequestID: x.requestID}
	if wait := s.limits.principal(principal); wait > 0 {
		s.Observer.Limited("principal")
		return errLimited(wait)
	}
	return nil
}

// clientAddress returns where a request came from: the connection's other end or, behind
// proxies that the operator trusts, the last address in X-Forwarded-For that is not one
// of theirs. What stands before it anybody can have written.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := peer.Addr().Unmap().WithZone("")
	if len(trusted) == 0 {
		return address
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && contains(trusted, address); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = hop.Unmap().WithZone("")
	}
	return address
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
