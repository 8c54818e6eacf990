package failure_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/bounded"
	"strongroom/internal/probe/failure"
)

const server = "The server at files.example.com:443"

func local() *outbound.Dialer {
	return outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Resolver: &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, io.ErrClosedPipe },
	}})
}

// get returns the error of a request.
func get(t *testing.T, d *outbound.Dialer, address string) error {
	t.Helper()
	client := d.HTTPClient(outbound.HTTPOptions{})
	t.Cleanup(client.CloseIdleConnections)
	response, err := client.Get(address + "/path?sig=canary")
	if err == nil {
		_ = response.Body.Close()
	}
	return err
}

func serveTLS(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// hangUp accepts connections and closes them, after so many bytes of an answer.
func hangUp(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func shut(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return "http://" + l.Addr().String()
}

func TestRealFailuresHaveACodeAndASentence(t *testing.T) {
	encrypted := serveTLS(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for name, c := range map[string]struct {
		err  error
		code strongroom.CheckCode
		says string
	}{
		"a blocked address":         {get(t, outbound.New(outbound.Options{}), plain.URL), strongroom.CheckBlockedAddress, "--allow-addresses"},
		"a name that is not known":  {get(t, local(), "https://nowhere.invalid"), strongroom.CheckDNS, "cannot be resolved"},
		"a port that is shut":       {get(t, local(), shut(t)), strongroom.CheckRefused, server + " refused the connection"},
		"an authority of nobody's":  {get(t, local(), encrypted.URL), strongroom.CheckTLS, server + " has a certificate that does not lead to a CA"},
		"plain HTTP in TLS's place": {get(t, local(), strings.Replace(plain.URL, "http:", "https:", 1)), strongroom.CheckTLS, "does not speak TLS"},
		"a hang-up":                 {get(t, local(), hangUp(t, "")), strongroom.CheckProtocol, server + " broke the connection off"},
		"a hang-up amid the header": {get(t, local(), hangUp(t, "HTTP/1.1 200 OK\r\nDate: x")), strongroom.CheckProtocol, "broke the connection off"},
	} {
		t.Run(name, func(t *testing.T) { want(t, c.err, c.code, c.says) })
	}
}

func TestOtherFailuresHaveACodeAndASentence(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code strongroom.CheckCode
		says string
	}{
		"the time is over":                  {context.DeadlineExceeded, strongroom.CheckTimeout, "did not answer in time"},
		"the test was given up":             {fmt.Errorf("x: %w", context.Canceled), strongroom.CheckTimeout, "given up"},
		"the certificate has expired":       {&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}, strongroom.CheckTLS, "has expired"},
		"the certificate is another name's": {&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "files.example.com"}}, strongroom.CheckTLS, "for another name"},
		"TLS failed otherwise":              {&net.OpError{Op: "remote error", Err: io.EOF}, strongroom.CheckTLS, "TLS 1.2"},
		"the dial failed for want of sense": {&net.OpError{Op: "dial", Err: &net.AddrError{}}, strongroom.CheckRefused, "refused"},
		"the answer is too long":            {&url.Error{Err: bounded.ErrTooMuch}, strongroom.CheckProtocol, "sent more than a test reads"},
		"the connection was reset":          {&net.OpError{Op: "read", Err: io.EOF}, strongroom.CheckProtocol, "broke the connection off"},
	} {
		t.Run(name, func(t *testing.T) { want(t, c.err, c.code, c.says) })
	}
}

func want(t *testing.T, err error, code strongroom.CheckCode, says string) {
	t.Helper()
	r, ok := failure.Connection(err, server)
	if !ok || r.Code != code || !strings.Contains(r.Message, says) {
		t.Errorf("%v is %v, %s: %q; want %s: %q", err, ok, r.Code, r.Message, code, says)
	}
	if r.Success || r.Phases != nil || r.Details != nil {
		t.Errorf("%+v has more than a code and a message", r)
	}
	if strings.Contains(r.Message, "canary") || strings.Contains(r.Message, "127.0.0") {
		t.Errorf("%q repeats the error", r.Message)
	}
}

func TestWhatIsNoConnectionsErrorIsToldApart(t *testing.T) {
	for name, err := range map[string]error{
		"none":                                nil,
		"an answer that is too short to read": io.ErrUnexpectedEOF,
		"an answer that is wrong":             errors.New("wrong"),
	} {
		t.Run(name, func(t *testing.T) {
			if r, ok := failure.Connection(err, server); ok || r.Code != "" || r.Message != "" {
				t.Errorf("%v is %v", err, r)
			}
		})
	}
}

func TestStatusesThatMeanTheSameEverywhereHaveASentence(t *testing.T) {
	for status, says := range map[int]string{
		429: server + " is asked too often (HTTP status 429)",
		500: server + " is out of order (HTTP status 500)",
		503: server + " is out of order (HTTP status 503)",
	} {
		if f := failure.Status(status, server); f == nil || f.Code != strongroom.CheckProtocol || !strings.Contains(f.Message, says) {
			t.Errorf("%d is %v, want %q", status, f, says)
		}
	}
	for _, status := range []int{200, 302, 400, 401, 403, 404, 428, 430, 499} {
		if f := failure.Status(status, server); f != nil {
			t.Errorf("%d is %v, want nothing", status, f)
		}
	}
}

func TestAnErrorThatIsNoFailureIsNotRepeated(t *testing.T) {
	known := &failure.Error{Code: strongroom.CheckAuth, Message: "The key is wrong"}
	if f := failure.Of(fmt.Errorf("x: %w", known)); f != known {
		t.Errorf("%v, want the one that is wrapped", f)
	}
	f := failure.Of(errors.New("canary"))
	if f.Code != strongroom.CheckProtocol || f.Message == "" || strings.Contains(f.Message, "canary") {
		t.Errorf("%s: %q", f.Code, f.Message)
	}
}

func TestAnErrorIsItsSentence(t *testing.T) {
	var err error = &failure.Error{Code: strongroom.CheckAuth, Message: "The key is wrong"}
	if err.Error() != "The key is wrong" {
		t.Errorf("%q", err)
	}
}
