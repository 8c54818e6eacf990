package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"syscall"
)

// ErrBlocked is what errors.Is finds in the error of a connection that was refused
// because of its address.
var ErrBlocked = errors.New("blocked address")

// BlockedError says what sort of address was refused. It names neither the address, which
// is not for users where a name of the inside was resolved, nor anything of a URL; the
// errors of net and net/http that wrap it name both, and are for the operator's log at most.
type BlockedError struct {
	// Class is what the address is, with its article: "a private address".
	Class string
}

// Error says what is refused and who can change that.
func (e *BlockedError) Error() string {
	return e.Class + " is not connected to; the operator may allow it with --allow-addresses"
}

// Is makes the error ErrBlocked.
func (e *BlockedError) Is(target error) bool { return target == ErrBlocked }

// Code names the way in which a connection failed, as the contract does.
type Code string

// The ways in which a connection fails before anything was said over it.
const (
	// CodeDNS: the name could not be resolved, not even in time.
	CodeDNS Code = "dns"
	// CodeRefused: the machine or a network before it said no.
	CodeRefused Code = "refused"
	// CodeTimeout: nothing answered in time, to the connect or to what was sent.
	CodeTimeout Code = "timeout"
	// CodeTLS: the certificate or the handshake.
	CodeTLS Code = "tls"
	// CodeBlockedAddress: [Judge] refused the address.
	CodeBlockedAddress Code = "blocked_address"
)

// Classify names the failure of a connection or of an exchange over it; "" where it is
// none of these, as with nil, a cancelled context or a connection that broke off.
func Classify(err error) Code {
	var (
		dns   *net.DNSError
		phase *net.OpError
		errno syscall.Errno
	)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrBlocked):
		return CodeBlockedAddress
	case errors.Is(err, context.Canceled):
		return ""
	case errors.As(err, &dns):
		return CodeDNS
	case isTLS(err):
		return CodeTLS
	case isTimeout(err):
		return CodeTimeout
	case errors.As(err, &phase) && phase.Op == "dial" && errors.As(err, &errno):
		return CodeRefused
	}
	return ""
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// isTLS tells whether TLS failed on either side; a timeout of the handshake is none.
func isTLS(err error) bool {
	var (
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       *net.OpError
	)
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) ||
		// crypto/tls puts an alert into a net.OpError and marks it by its operation.
		errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error")
}
