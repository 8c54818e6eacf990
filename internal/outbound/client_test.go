package outbound_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strongroom/internal/outbound"
)

// serve starts a plain server on 127.0.0.1.
func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

// serveTLS starts an HTTPS server, changed by change, and returns the roots that vouch for it.
func serveTLS(t *testing.T, handler http.HandlerFunc, change func(*tls.Config)) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{}
	change(s.TLS)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, roots
}

func unchanged(*tls.Config) {}

// ask sends a request and returns the answer's status.
func ask(t *testing.T, c *http.Client, method, url string) (int, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func never(t *testing.T) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") }
}

func TestAServerOnThisMachineIsNotAsked(t *testing.T) {
	s := serve(t, never(t))
	_, err := ask(t, only().HTTPClient(outbound.HTTPOptions{}), http.MethodGet, s.URL+"/path?code=one-time")
	var blocked *outbound.BlockedError
	if !errors.Is(err, outbound.ErrBlocked) || !errors.As(err, &blocked) || outbound.Classify(err) != outbound.CodeBlockedAddress {
		t.Fatalf("%v, want ErrBlocked", err)
	}
	if strings.Contains(blocked.Error(), "path") || strings.Contains(blocked.Error(), "one-time") {
		t.Errorf("%q repeats the URL", blocked)
	}
}

func TestNoProxyIsAsked(t *testing.T) {
	transport := only().HTTPClient(outbound.HTTPOptions{}).Transport.(*http.Transport)
	if transport.Proxy != nil {
		t.Error("the client has a proxy")
	}
}

func TestARedirectIsTheAnswerUnlessAskedFor(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	status, err := ask(t, only("127.0.0.1").HTTPClient(outbound.HTTPOptions{}), http.MethodPost, s.URL)
	if err != nil || status != http.StatusFound {
		t.Errorf("%d, %v, want 302", status, err)
	}
}

func TestARedirectToABlockedAddressIsRefused(t *testing.T) {
	inside := listen(t)
	for _, host := range []string{"127.0.0.2", "[::1]", "[::ffff:127.0.0.2]", "[64:ff9b::7f00:1]", "0.0.0.0", "inside.example.com"} {
		t.Run(host, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://"+host+":"+inside.port+"/", http.StatusFound)
			})
			d := outbound.New(outbound.Options{
				Allow:    []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
				Resolver: (&names{answers: [][]string{{"127.0.0.2"}}}).resolver(),
			})
			_, err := ask(t, d.HTTPClient(outbound.HTTPOptions{Redirects: 3}), http.MethodGet, s.URL)
			if !errors.Is(err, outbound.ErrBlocked) {
				t.Errorf("%v, want ErrBlocked", err)
			}
			inside.wantShut(t)
		})
	}
}

func TestRedirectsAreFollowedAsFarAsAskedFor(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" {
			t.Errorf("the next server is told %q", r.Header.Get("Referer"))
		}
		if r.URL.Path == "/xxx" {
			return
		}
		http.Redirect(w, r, r.URL.Path+"x?code=one-time", http.StatusFound)
	})
	d := only("127.0.0.1")
	if status, err := ask(t, d.HTTPClient(outbound.HTTPOptions{Redirects: 3}), http.MethodGet, s.URL+"/"); err != nil || status != http.StatusOK {
		t.Errorf("three redirects of three: %d, %v", status, err)
	}
	if _, err := ask(t, d.HTTPClient(outbound.HTTPOptions{Redirects: 2}), http.MethodGet, s.URL+"/"); err == nil || !strings.Contains(err.Error(), "stopped after 2 redirects") {
		t.Errorf("three redirects of two: %v", err)
	}
}

func TestARedirectFromHTTPSToHTTPIsNotFollowed(t *testing.T) {
	plain := serve(t, never(t))
	s, roots := serveTLS(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain.URL, http.StatusFound) }, unchanged)
	_, err := ask(t, only("127.0.0.1").HTTPClient(outbound.HTTPOptions{Redirects: 3, RootCAs: roots}), http.MethodGet, s.URL)
	if err == nil || !strings.Contains(err.Error(), "from https to plain http") {
		t.Errorf("%v, want a refusal", err)
	}
}

func TestABodyIsNotSentOn(t *testing.T) {
	other := serve(t, never(t))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	if _, err := ask(t, only("127.0.0.1").HTTPClient(outbound.HTTPOptions{Redirects: 3}), http.MethodPost, s.URL); err == nil {
		t.Error("the redirect was followed")
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	ok := func(http.ResponseWriter, *http.Request) {}
	modern, roots := serveTLS(t, ok, unchanged)
	old, oldRoots := serveTLS(t, ok, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	mutual, mutualRoots := serveTLS(t, ok, func(c *tls.Config) { c.MaxVersion, c.ClientAuth = tls.VersionTLS12, tls.RequireAnyClientCert })
	plain := serve(t, ok)
	named := strings.Replace(modern.URL, "127.0.0.1", "localhost", 1)
	for name, c := range map[string]struct {
		url   string
		roots *x509.CertPool
	}{
		"nobody vouches for the certificate":   {modern.URL, nil},
		"somebody else vouches for it":         {modern.URL, x509.NewCertPool()},
		"the certificate is another host's":    {named, roots},
		"the server speaks TLS 1.1 at most":    {old.URL, oldRoots},
		"the server wants a certificate of us": {mutual.URL, mutualRoots},
		"the server speaks plain HTTP":         {strings.Replace(plain.URL, "http:", "https:", 1), nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(t, only("127.0.0.1", "::1").HTTPClient(outbound.HTTPOptions{RootCAs: c.roots}), http.MethodGet, c.url)
			if got := outbound.Classify(err); got != outbound.CodeTLS {
				t.Errorf("%v is %q, want tls", err, got)
			}
		})
	}
	status, err := ask(t, only("127.0.0.1").HTTPClient(outbound.HTTPOptions{RootCAs: roots}), http.MethodGet, modern.URL)
	if err != nil || status != http.StatusOK {
		t.Errorf("the certificate is good: %d, %v", status, err)
	}
}

func TestHTTP2IsSpokenWhereTheServerDoes(t *testing.T) {
	s, roots := serveTLS(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("asked in %s", r.Proto)
		}
	}, unchanged)
	if _, err := ask(t, only("127.0.0.1").HTTPClient(outbound.HTTPOptions{RootCAs: roots}), http.MethodGet, s.URL); err != nil {
		t.Error(err)
	}
}

func TestAnAnswerThatNeverComesEndsAtTheDeadline(t *testing.T) {
	silent := func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go silent(conn)
		}
	}()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			c := only("127.0.0.1").HTTPClient(outbound.HTTPOptions{Timeout: 20 * time.Millisecond})
			_, err := ask(t, c, http.MethodGet, scheme+"://"+l.Addr().String())
			if got := outbound.Classify(err); got != outbound.CodeTimeout {
				t.Errorf("%v is %q, want timeout", err, got)
			}
			c.Timeout = 0
			if scheme == "http" {
				_, err = ask(t, c, http.MethodGet, scheme+"://"+l.Addr().String())
				if got := outbound.Classify(err); got != outbound.CodeTimeout {
					t.Errorf("with the client's own deadline dropped: %v is %q, want timeout", err, got)
				}
			}
		})
	}
}

func TestABodyThatNeverEndsEndsAtTheDeadline(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("{"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	response, err := only("127.0.0.1").HTTPClient(outbound.HTTPOptions{Timeout: 500 * time.Millisecond}).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.ReadAll(response.Body); outbound.Classify(err) != outbound.CodeTimeout {
		t.Errorf("%v is %q, want timeout", err, outbound.Classify(err))
	}
}

func TestAHeaderThatIsTooLargeIsAnError(t *testing.T) {
	for name, start := range map[string]func(http.HandlerFunc) (*httptest.Server, *x509.CertPool){
		"HTTP/1.1": func(h http.HandlerFunc) (*httptest.Server, *x509.CertPool) { return serve(t, h), nil },
		"HTTP/2":   func(h http.HandlerFunc) (*httptest.Server, *x509.CertPool) { return serveTLS(t, h, unchanged) },
	} {
		t.Run(name, func(t *testing.T) {
			s, roots := start(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", 100<<10)) })
			if _, err := ask(t, only("127.0.0.1").HTTPClient(outbound.HTTPOptions{RootCAs: roots}), http.MethodGet, s.URL); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}
