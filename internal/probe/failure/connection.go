package failure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/bounded"
)

// Connection says why a connection, or an exchange over it, failed. server names the other
// side as a sentence begins ("The server at files.example.com:443"). It fills Code and
// Message alone, and is false where err is none of a connection's: nil, or that the other
// side answered and the answer is wrong.
func Connection(err error, server string) (strongroom.CheckResult, bool) {
	switch outbound.Classify(err) {
	case outbound.CodeBlockedAddress:
		return result(strongroom.CheckBlockedAddress, blocked(err))
	case outbound.CodeDNS:
		return result(strongroom.CheckDNS, "The host's name cannot be resolved; check it for a slip, and that it is known outside of your network")
	case outbound.CodeTimeout:
		return result(strongroom.CheckTimeout, server+" did not answer in time; check the host and the port, that a firewall lets this service in, and that it is not overloaded")
	case outbound.CodeTLS:
		return result(strongroom.CheckTLS, server+" "+insecure(err))
	}
	switch {
	case errors.Is(err, bounded.ErrTooMuch):
		return result(strongroom.CheckProtocol, server+" sent more than a test reads; check the host and the port")
	case errors.Is(err, context.Canceled):
		return result(strongroom.CheckTimeout, "The test was given up before it ended")
	case isDial(err):
		return result(strongroom.CheckRefused, server+" refused the connection; check the host and the port, and that a firewall lets this service in")
	case isBroken(err):
		return result(strongroom.CheckProtocol, server+" broke the connection off before it had answered; check the host and the port, and try again")
	}
	return strongroom.CheckResult{}, false
}

func result(code strongroom.CheckCode, message string) (strongroom.CheckResult, bool) {
	return strongroom.CheckResult{Code: code, Message: message}, true
}

func blocked(err error) string {
	class := "an address that is blocked"
	var address *outbound.BlockedError
	if errors.As(err, &address) {
		class = address.Class
	}
	return "The host is " + class + ", which is not connected to; the operator may allow it with --allow-addresses"
}

// insecure says what TLS failed of, as the rest of a sentence about the server.
func insecure(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		return "has a certificate that does not lead to a CA that is trusted; check that the host is the right one, and that its chain of certificates is whole"
	case errors.As(err, &name):
		return "has a certificate for another name; use the host that it names"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "has a certificate that has expired or is not valid yet; renew it there"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "does not speak TLS; check the host and the port"
	}
	return "and this service cannot agree on TLS; check that it offers TLS 1.2 or newer and that its certificate is sound"
}

func isDial(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && operation.Op == "dial"
}

// isBroken tells a connection that ended too early. An end of file counts only where the
// HTTP client reports it, since decoders report one of an answer that is there but too short.
func isBroken(err error) bool {
	var (
		operation *net.OpError
		exchange  *url.Error
	)
	return errors.As(err, &operation) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.As(err, &exchange) && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF))
}
