package outbound_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"strongroom/internal/outbound"
)

func TestFailuresAreNamed(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for name, c := range map[string]struct {
		err  error
		want outbound.Code
	}{
		"no failure":                         {nil, ""},
		"a refused address":                  {dial(&outbound.BlockedError{Class: "a private address"}), outbound.CodeBlockedAddress},
		"an unknown name":                    {dial(&net.DNSError{IsNotFound: true}), outbound.CodeDNS},
		"a name server that does not answer": {dial(&net.DNSError{IsTimeout: true}), outbound.CodeDNS},
		"a closed port":                      {dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), outbound.CodeRefused},
		"no way to the host":                 {dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), outbound.CodeRefused},
		"no way to the network":              {dial(os.NewSyscallError("connect", syscall.ENETUNREACH)), outbound.CodeRefused},
		"a connect that the system gave up":  {dial(os.NewSyscallError("connect", syscall.ETIMEDOUT)), outbound.CodeTimeout},
		"a deadline":                         {fmt.Errorf("asking: %w", context.DeadlineExceeded), outbound.CodeTimeout},
		"a read's deadline":                  {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, outbound.CodeTimeout},
		"a certificate":                      {fmt.Errorf("connecting: %w", &tls.CertificateVerificationError{Err: io.EOF}), outbound.CodeTLS},
		"an answer that is no TLS":           {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, outbound.CodeTLS},
		"a cancelled context":                {fmt.Errorf("asking: %w", context.Canceled), ""},
		"a connection that breaks off":       {&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, ""},
		"the end of a stream":                {io.ErrUnexpectedEOF, ""},
		"something else":                     {errors.New("else"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := outbound.Classify(c.err); got != c.want {
				t.Errorf("%v is %q, want %q", c.err, got, c.want)
			}
		})
	}
}

func TestAClosedPortIsNamedRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = ask(t, only("127.0.0.1").HTTPClient(outbound.HTTPOptions{}), http.MethodGet, "http://"+address)
	if got := outbound.Classify(err); got != outbound.CodeRefused {
		t.Errorf("%v is %q, want refused", err, got)
	}
}
