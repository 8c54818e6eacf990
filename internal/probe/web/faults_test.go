package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/web"
)

// needJSON are the tests that read an answer's body.
var needJSON = []string{"graph", "client secret", "userinfo"}

func TestAnswersThatNoTestTakes(t *testing.T) {
	// These have words of their own for an answer, and tests of those.
	apart := map[string][]string{"a refusal without end": {"client secret"}, "a prohibition as a page": {"graph", "client secret"}}
	page := "<!DOCTYPE html><title>" + canary + "</title>"
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		code   strongroom.CheckCode
		text   string
	}{
		"a redirect":              {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/"+canary, http.StatusFound) }, strongroom.CheckProtocol, "redirects to another address (HTTP status 302)"},
		"a redirect without aim":  {says(308, "text/plain", canary), strongroom.CheckProtocol, "redirects to another address (HTTP status 308)"},
		"too many requests":       {says(429, "application/json", `{"error":"`+canary+`"}`), strongroom.CheckProtocol, "is asked too often (HTTP status 429)"},
		"a failure":               {says(500, "text/html", page), strongroom.CheckProtocol, "is out of order (HTTP status 500)"},
		"an overload":             {says(503, "text/html", page), strongroom.CheckProtocol, "is out of order (HTTP status 503)"},
		"a refusal as a page":     {says(401, "text/html", page), strongroom.CheckAuth, "refused"},
		"a status of no meaning":  {says(418, "text/html", page), strongroom.CheckProtocol, "status 418"},
		"a refusal without end":   {says(401, "text/html", strings.Repeat(canary, 100_000)), strongroom.CheckAuth, "refused"},
		"a prohibition as a page": {says(403, "text/html", page), strongroom.CheckPermission, "(HTTP status 403)"},
	} {
		for kind, test := range exchanges {
			if slices.Contains(apart[name], kind) {
				continue
			}
			t.Run(name+" to "+kind, func(t *testing.T) {
				s := newServer(t, tc.answer)
				wantFailure(t, test(background, t, s), tc.code, tc.text)
				if s.asked() != 1 {
					t.Errorf("the server was asked %d times", s.asked())
				}
			})
		}
	}
}

func TestBodiesThatAreNoAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		// text is of the message, and login of that of the request for a token.
		text, login string
	}{
		"a web page":              {says(200, "text/html", "\n<html>"+canary), "a web page in place of JSON", "not Microsoft Entra"},
		"nothing":                 {states(200, ""), "something else than is expected", "not Microsoft Entra"},
		"a list":                  {states(200, `["`+canary+`"]`), "something else than is expected", "not Microsoft Entra"},
		"null":                    {states(200, `null`), "something else than is expected", "not Microsoft Entra"},
		"half an object":          {states(200, `{"id":"`+canary), "something else than is expected", "not Microsoft Entra"},
		"more than is accepted":   {states(200, `{"id":"`+strings.Repeat(canary, 100_000)+`"}`), "sent more than a test reads", "sent more than a test reads"},
		"a body without end":      {flood, "sent more than a test reads", "sent more than a test reads"},
		"less than was announced": {cut, "broke", "broke"},
	} {
		for _, kind := range needJSON {
			t.Run(name+" to "+kind, func(t *testing.T) {
				want := tc.text
				if kind == "client secret" {
					want = tc.login
				}
				wantFailure(t, exchanges[kind](background, t, newServer(t, tc.answer)), strongroom.CheckProtocol, want)
			})
		}
	}
}

// flood sends for as long as anybody reads.
func flood(w http.ResponseWriter, _ *http.Request) {
	_, err := io.WriteString(w, `{"id":"`)
	for err == nil {
		_, err = io.WriteString(w, strings.Repeat(canary, 1000))
	}
}

// cut ends in the middle of a body.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"id":"`+canary)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func TestBodiesThatAreCutOffWithoutHTTP2(t *testing.T) {
	s := &server{Server: httptest.NewTLSServer(http.HandlerFunc(cut))}
	defer s.Close()
	for _, kind := range needJSON {
		wantFailure(t, exchanges[kind](background, t, s), strongroom.CheckProtocol, "broke its answer off in the middle")
	}
}

func TestServersThatHangUp(t *testing.T) {
	for kind, test := range exchanges {
		t.Run(kind, func(t *testing.T) {
			s := newServer(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			r := test(background, t, s)
			wantFailure(t, r, strongroom.CheckProtocol, "")
			if len(r.Phases) < 2 || r.Phases[0].Name != "connect" || r.Phases[1].Name != "tls" {
				t.Errorf("the phases are %v", r.Phases)
			}
		})
	}
}

func TestServersThatNeverEnd(t *testing.T) {
	for name, before := range map[string]http.HandlerFunc{
		"that say nothing":        nil,
		"that stop in the middle": states(200, `{"id":"`),
	} {
		for kind, test := range exchanges {
			if before != nil && kind == "api" {
				continue // a status is all that it wants
			}
			t.Run(name+" to "+kind, func(t *testing.T) {
				h, asked := hold(before)
				s := newServer(t, h)
				ctx, cancel := context.WithCancel(background)
				defer cancel()
				go func() { <-asked; cancel() }()
				wantFailure(t, test(ctx, t, s), strongroom.CheckTimeout, "given up")
			})
		}
	}
}

func TestATestWhoseTimeIsOver(t *testing.T) {
	s := newServer(t, states(200, `{"id":"1"}`))
	ctx, cancel := context.WithDeadline(background, time.Unix(1, 0))
	defer cancel()
	for _, test := range exchanges {
		wantFailure(t, test(ctx, t, s), strongroom.CheckTimeout, "did not answer in time")
	}
}

var everyKind = []string{"graph", "client secret", "userinfo", "api"}

// probes makes tests of the kinds with a prober that is not the server's usual one.
func probes(t *testing.T, p *web.Prober, address string, kinds ...string) map[string]strongroom.CheckResult {
	t.Helper()
	data := object{"access_token": token, "api_key": token, "test_url": address + "/me"}.value(t)
	made := map[string]strongroom.CheckResult{}
	for _, kind := range kinds {
		switch kind {
		case "graph":
			made[kind] = p.Graph(background, "microsoft", "oauth2", data)
		case "client secret":
			made[kind] = p.ClientSecret(background, application.value(t))
		case "userinfo":
			made[kind] = p.UserInfo(background, catalog.OAuth{UserinfoEndpoint: address + "/me"}, data)
		case "api":
			made[kind] = p.API(background, "api_key", data)
		}
	}
	return made
}

func TestAddressesThatAreNotCalled(t *testing.T) {
	s := newServer(t, states(200, `{"id":"1"}`))
	for _, r := range probes(t, proberOf(s), s.URL, everyKind...) {
		wantFailure(t, r, strongroom.CheckBlockedAddress, "a loopback address")
		wantPhases(t, r, "connect")
	}
	if s.asked() != 0 {
		t.Error("the server was asked")
	}
}

func TestCertificatesThatAreNotTrusted(t *testing.T) {
	s := newServer(t, states(200, `{"id":"1"}`))
	stranger := &server{Server: httptest.NewUnstartedServer(nil)}
	stranger.URL = s.URL
	for _, r := range probes(t, proberOf(stranger, "127.0.0.0/8"), s.URL, everyKind...) {
		wantFailure(t, r, strongroom.CheckTLS, "does not lead to a CA that is trusted")
		wantPhases(t, r, "connect", "tls")
	}
	if s.asked() != 0 {
		t.Error("the server was asked")
	}
}

func TestServersThatAreNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := &server{Server: httptest.NewUnstartedServer(nil)}
	nobody.URL = "https://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range probes(t, proberOf(nobody, "127.0.0.0/8"), nobody.URL, everyKind...) {
		wantFailure(t, r, strongroom.CheckRefused, "refused the connection")
	}
}

func TestServersThatSpeakNoTLSOrNoHTTP(t *testing.T) {
	plain := &server{Server: httptest.NewServer(states(200, `{"id":"1"}`))}
	defer plain.Close()
	plain.URL = strings.Replace(plain.URL, "http://", "https://", 1)
	for _, r := range probes(t, proberOf(plain, "127.0.0.0/8"), plain.URL, everyKind...) {
		wantFailure(t, r, strongroom.CheckTLS, "does not speak TLS")
	}
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
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, "220 "+canary+" ESMTP\r\n")
			_ = conn.Close()
		}
	}()
	stranger := &server{Server: httptest.NewUnstartedServer(nil)}
	stranger.URL = "http://" + l.Addr().String()
	for kind, r := range probes(t, proberOf(stranger, "127.0.0.0/8"), stranger.URL, everyKind...) {
		want := "did not answer as a web server does"
		if kind == "client secret" {
			want = "What answered is not Microsoft Entra"
		}
		wantFailure(t, r, strongroom.CheckProtocol, want)
	}
}

// deaf is a resolver that nobody answers; it hands the questions on.
func deaf(questions chan<- []byte) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			b := make([]byte, 512)
			n, _ := far.Read(b)
			select {
			case questions <- b[:n]:
			default:
			}
			_ = far.Close()
		}()
		return near, nil
	}}
}

func TestNamesThatCannotBeResolved(t *testing.T) {
	for kind, name := range map[string]string{
		"graph": "\x05graph\x09microsoft\x03com", "client secret": "\x05login\x0fmicrosoftonline\x03com",
		"userinfo": "\x03api\x07example\x03com", "api": "\x03api\x07example\x03com",
	} {
		t.Run(kind, func(t *testing.T) {
			questions := make(chan []byte, 1)
			p := web.New(outbound.New(outbound.Options{Resolver: deaf(questions)}), time.Now, web.Options{})
			r := probes(t, p, "https://api.example.com", kind)[kind]
			wantFailure(t, r, strongroom.CheckDNS, "cannot be resolved")
			wantPhases(t, r, "dns")
			if asked := <-questions; !strings.Contains(string(asked), name) {
				t.Errorf("asked for %q", asked)
			}
		})
	}
}

func TestAddressesOfMicrosoftThatAreNone(t *testing.T) {
	for _, o := range []web.Options{
		{Graph: "graph.microsoft.com", Authority: "https://login.example.com"},
		{Graph: "https://graph.example.com", Authority: "login.example.com"},
	} {
		p := web.New(outbound.New(outbound.Options{}), time.Now, o)
		wantFailure(t, p.ClientSecret(background, application.value(t)), strongroom.CheckProtocol, "correct it")
	}
}

// TestPlainHTTPCarriesNoSecret: but to this machine, where the guard lets it.
func TestPlainHTTPCarriesNoSecret(t *testing.T) {
	far := &server{Server: httptest.NewUnstartedServer(nil)}
	far.URL = "http://api.example.com"
	for _, r := range probes(t, proberOf(far, "0.0.0.0/0"), far.URL, everyKind...) {
		wantFailure(t, r, strongroom.CheckTLS, "use one that begins with https://")
		wantPhases(t, r)
	}
	near := &server{}
	near.Server = httptest.NewServer(near.record(states(200, `{"id":"1","token_type":"Bearer","access_token":"`+token+`"}`)))
	defer near.Close()
	for _, r := range probes(t, proberOf(near, "127.0.0.0/8"), near.URL, everyKind...) {
		wantSuccessful(t, r)
	}
	before := near.asked()
	for _, r := range probes(t, proberOf(near), near.URL, everyKind...) {
		wantFailure(t, r, strongroom.CheckBlockedAddress, "a loopback address")
	}
	if near.asked() != before {
		t.Error("the server was asked past the guard")
	}
}

func wantSuccessful(t *testing.T, r strongroom.CheckResult) {
	t.Helper()
	quiet(t, r)
	if !r.Success {
		t.Errorf("got %q, %q", r.Code, r.Message)
	}
}

// TestRedirectsDoNotCarryTheSecret: whether elsewhere or on the same host.
func TestRedirectsDoNotCarryTheSecret(t *testing.T) {
	other := newServer(t, states(200, `{"id":"1"}`))
	for _, status := range []int{301, 302, 303, 307, 308} {
		for kind, test := range exchanges {
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/"+canary, status) })
			wantFailure(t, test(background, t, s), strongroom.CheckProtocol, "redirects to another address")
			if s.asked() != 1 {
				t.Errorf("%s: the server was asked %d times", kind, s.asked())
			}
		}
	}
	if other.asked() != 0 {
		t.Error("a redirect was followed")
	}
}
