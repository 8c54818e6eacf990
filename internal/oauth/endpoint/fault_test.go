package endpoint_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/endpoint"
	"strongroom/internal/outbound"
)

const goodToken = `{"access_token":"token-` + canary + `","refresh_token":"next-` + canary + `","expires_in":60}`

// hangUp closes the connection after writing raw bytes.
func hangUp(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, out, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = out.WriteString(raw)
		_ = out.Flush()
		_ = conn.Close()
	}
}

func gzipped(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/json")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, body)
		_ = z.Close()
	}
}

func TestWhatGoesWrongAtTheTokenEndpoint(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	half := goodToken[:len(goodToken)/2]
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, goodToken)
	_ = z.Close()
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		want   oauth.Outcome
		reason strongroom.StatusReason
		// rotates is the outcome where the provider replaces refresh tokens; 0: the same.
		rotates oauth.Outcome
	}{
		{"the connection is closed without an answer", hangUp(""), oauth.Transient, strongroom.ReasonUnreachable, oauth.Uncertain},
		{"the connection is closed in the header", hangUp("HTTP/1.1 200 OK\r\nConte"), oauth.Transient, strongroom.ReasonUnreachable, oauth.Uncertain},
		{"the answer is no HTTP", hangUp("220 " + canary + " ready\r\n"), oauth.Transient, strongroom.ReasonUnreachable, oauth.Uncertain},
		{"the answer is cut off", hangUp(head + "Content-Length: 500\r\n\r\n" + half), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
		{"the answer is cut off between chunks", hangUp(head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"acc\r\n"), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
		{"a compressed answer is cut off", hangUp(head + "Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + zipped.String()[:30]), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
		{"the answer is not compressed though it says so", hangUp(head + "Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + goodToken), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
		{"the answer is empty", json(""), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
		{"the answer is huge", json(`{"access_token":"t","x":"` + strings.Repeat("a", 1<<20) + `"}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
		{"the answer is huge once it is unpacked", gzipped(`{"access_token":"t","x":"` + strings.Repeat("a", 4<<20) + `"}`), oauth.Transient, strongroom.ReasonMalformedAnswer, oauth.Uncertain},
		{"a web page", says(200, "text/html", "<html>"+canary), oauth.Transient, strongroom.ReasonMalformedAnswer, 0},
		{"a redirect that repeats the request", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
		{"a redirect to a page", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, oauth.Misconfigured, strongroom.ReasonClientRejected, 0},
		{"a failure", says(500, "text/plain", canary), oauth.Transient, strongroom.ReasonProviderError, 0},
		{"a dead grant", says(400, "application/json", `{"error":"invalid_grant","error_description":"`+canary+`"}`), oauth.Dead, strongroom.ReasonInvalidGrant, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProvider(t, map[string]http.HandlerFunc{"/token": tc.answer, "/elsewhere": json(goodToken)})
			a := p.caller().Refresh(t.Context(), p.definition(), client(), value("refresh-"+canary))
			wantAnswer(t, a, tc.want, tc.reason)
			quiet(t, a.Cause, p.log)
			if tc.rotates != 0 {
				tc.want, tc.reason = tc.rotates, strongroom.ReasonAnswerLost
			}
			a = p.caller().Refresh(t.Context(), rotating(p.definition()), client(), value("refresh-"+canary))
			wantAnswer(t, a, tc.want, tc.reason)
			quiet(t, a.Cause, p.log)
			if p.asked("") != 2 || p.asked("/token") != 2 {
				t.Errorf("two attempts sent %d requests, %d of them to the token endpoint", p.asked(""), p.asked("/token"))
			}
		})
	}
}

func TestTokensThatArriveInUnusualWays(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for name, answer := range map[string]http.HandlerFunc{
		"compressed":              gzipped(goodToken),
		"until the end":           hangUp(head + "Connection: close\r\n\r\n" + goodToken),
		"whole, and then cut off": hangUp(head + "Content-Length: 500\r\n\r\n" + goodToken),
		"large":                   json(`{"access_token":"token-` + canary + `","x":"` + strings.Repeat("a", 200<<10) + `"}`),
		"in small pieces": func(w http.ResponseWriter, _ *http.Request) {
			for i := range goodToken {
				_, _ = io.WriteString(w, goodToken[i:i+1])
				w.(http.Flusher).Flush()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, map[string]http.HandlerFunc{"/token": answer})
			a := p.caller().Refresh(t.Context(), rotating(p.definition()), client(), value("refresh"))
			access := a.Token.AccessToken()
			if a.Outcome != oauth.Renewed || string(access.Reveal()) != "token-"+canary {
				t.Errorf("got %s: %v", a.Outcome, a.Cause)
			}
			p.only(t)
		})
	}
}

func TestACallerThatGivesUpAfterTheRequestWasReceived(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	p := newProvider(t, map[string]http.HandlerFunc{"/token": func(http.ResponseWriter, *http.Request) {
		close(reached)
		<-release
	}})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	a := p.caller().Refresh(ctx, rotating(p.definition()), client(), value("refresh"))
	wantAnswer(t, a, oauth.Uncertain, strongroom.ReasonAnswerLost)
	quiet(t, a.Cause, p.log)
}

func TestProvidersThatAreNotThere(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	plain := newProvider(t, map[string]http.HandlerFunc{})
	strange := httptest.NewUnstartedServer(http.NotFoundHandler())
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.StartTLS()
	defer strange.Close()
	guarded := outbound.New(outbound.Options{}).HTTPClient(outbound.HTTPOptions{})
	for _, tc := range []struct {
		name, address string
		client        *http.Client
		reason        strongroom.StatusReason
	}{
		{"nobody listens", gone.URL, plain.Client(), strongroom.ReasonUnreachable},
		{"a certificate of an authority that is not known", strange.URL, plain.Client(), strongroom.ReasonUnreachable},
		{"no TLS where there should be", strings.Replace(plain.URL, "http:", "https:", 1), plain.Client(), strongroom.ReasonUnreachable},
		{"a host name that cannot be", "http://" + canary + ".invalid", plain.Client(), strongroom.ReasonUnreachable},
		{"an address that the guard refuses", plain.URL, guarded, strongroom.ReasonBlockedAddress},
		{"no address", "", plain.Client(), strongroom.ReasonClientRejected},
		{"an address without a host", "/token", plain.Client(), strongroom.ReasonClientRejected},
		{"no address at all", "http://a b\x7f", plain.Client(), strongroom.ReasonClientRejected},
	} {
		t.Run(tc.name, func(t *testing.T) {
			def := rotating(plain.definition())
			def.TokenEndpoint = tc.address
			if tc.address != "" {
				def.TokenEndpoint += "/token?part=" + canary
			}
			c := endpoint.New(endpoint.Options{HTTP: tc.client, Clock: plain.clock.read})
			a := c.Refresh(t.Context(), def, client(), value("refresh-"+canary))
			wantAnswer(t, a, oauth.Transient, tc.reason)
			quiet(t, a.Cause, plain.log)
		})
	}
	if plain.asked("") != 0 {
		t.Errorf("the provider was asked %d times", plain.asked(""))
	}
}

// failing fails as a transport may: after reading the body or before, with the end of the
// request written or not.
func failing(err error, read bool, written error, told bool) transport {
	return func(r *http.Request) (*http.Response, error) {
		if read {
			_, _ = io.ReadAll(r.Body)
		}
		if trace := httptrace.ContextClientTrace(r.Context()); told {
			trace.WroteRequest(httptrace.WroteRequestInfo{Err: written})
		}
		return nil, err
	}
}

func TestWhetherARequestWasSent(t *testing.T) {
	broken := errors.New("write: broken pipe " + canary)
	for _, tc := range []struct {
		name      string
		transport transport
		want      oauth.Outcome
		reason    strongroom.StatusReason
	}{
		{"a time-out before anything was written", failing(context.DeadlineExceeded, false, nil, false), oauth.Transient, strongroom.ReasonTimeout},
		{"a time-out after all was written", failing(context.DeadlineExceeded, true, nil, true), oauth.Uncertain, strongroom.ReasonAnswerLost},
		{"a time-out while nobody knows what was written", failing(context.DeadlineExceeded, true, nil, false), oauth.Uncertain, strongroom.ReasonAnswerLost},
		{"a connection that broke before the end was written", failing(broken, true, broken, true), oauth.Transient, strongroom.ReasonUnreachable},
		{"a connection that broke before anything was written", failing(broken, false, broken, true), oauth.Transient, strongroom.ReasonUnreachable},
		{"a connection that broke afterwards", failing(&net.OpError{Op: "read", Err: broken}, true, nil, true), oauth.Uncertain, strongroom.ReasonAnswerLost},
	} {
		t.Run(tc.name, func(t *testing.T) {
			def := rotating((&provider{Server: &httptest.Server{URL: "http://127.0.0.1:1"}}).definition())
			a := over(tc.transport).Refresh(t.Context(), def, client(), value("refresh"))
			wantAnswer(t, a, tc.want, tc.reason)
			quiet(t, a.Cause, &safeBuffer{})
		})
	}
}

func TestEveryRequestHasADeadline(t *testing.T) {
	check := transport(func(r *http.Request) (*http.Response, error) {
		if until, ok := r.Context().Deadline(); !ok || time.Until(until) > time.Minute {
			t.Errorf("%s %s has no deadline, or a late one", r.Method, r.URL)
		}
		return nil, errors.New("not this time")
	})
	const at = "http://127.0.0.1:1"
	def := rotating((&provider{Server: &httptest.Server{URL: at}}).definition())
	def.RevocationEndpoint, def.UserinfoEndpoint, def.JWKSURI, def.Issuer, def.Discovery = at, at, at, at, at
	c, ctx := over(check), context.Background()
	c.Refresh(ctx, def, client(), value("r"))
	_ = c.Revoke(ctx, def, client(), value("r"), "refresh_token")
	_, _ = c.Email(ctx, def, value("a"))
	_, _ = c.Resolve(ctx, def)
	_, _ = c.VerifyIDToken(ctx, def, "client", value(unsigned), "")
}

func TestARequestsContentIsOverwrittenAndReadOnce(t *testing.T) {
	b := []byte("refresh_token=" + canary)
	c := endpoint.NewContent(b)
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Trim(string(b), "\x00") != "" {
		t.Errorf("closed, the content is %q", b)
	}
	if n, err := c.Read(make([]byte, 5)); n != 0 || err == nil {
		t.Errorf("closed, %d bytes are read, error %v", n, err)
	}
}

func wantAnswer(t *testing.T, got oauth.Answer, outcome oauth.Outcome, reason strongroom.StatusReason) {
	t.Helper()
	if got.Outcome != outcome || got.Reason != reason || (got.Cause == nil) != (outcome == oauth.Renewed) {
		t.Errorf("got %s (%s), want %s (%s); cause: %v", got.Outcome, got.Reason, outcome, reason, got.Cause)
	}
}
