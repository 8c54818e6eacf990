package keyservice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"strongroom/internal/outbound"
	"strongroom/internal/seal"
)

const (
	// exchangeTimeout is how long one exchange may take, finding credentials included.
	exchangeTimeout = 5 * time.Second
	// maxAnswer bounds an answer's body, in bytes; the longest that is used has about 6,000.
	maxAnswer = 64 << 10
)

// caller makes the calls of one key service.
type caller struct {
	// service is its name for people.
	service string
	http    *http.Client
	// authorize adds credentials to a request with this body.
	authorize func(ctx context.Context, r *http.Request, body []byte) error
	// judge says what an error answer means; nil where it is not in the service's own form.
	judge func(status int, body []byte, decrypting bool) error
}

// exchange is one call: a POST of JSON, or a GET where there is nothing to send.
type exchange struct {
	url    string
	header http.Header
	in     any
	// decrypting tells that what the service may find fault with is the ciphertext.
	decrypting bool
}

// Close implements seal.Service.
func (c *caller) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// do sends one request and decodes its answer into out.
func (c *caller) do(ctx context.Context, e exchange, out any) error {
	limited, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	status, body, err := c.send(limited, e)
	if ctx.Err() != nil {
		// Whoever asked is gone: this says nothing about the service.
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	defer clear(body)
	if status == http.StatusOK {
		if err := json.Unmarshal(body, out); err != nil {
			return c.away("its answer is not that of " + c.service)
		}
		return nil
	}
	passing := status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
	err = c.judge(status, body, e.decrypting)
	if err != nil && (!passing || errors.Is(err, seal.ErrTampered)) {
		return err
	}
	return c.away(fmt.Sprintf("it answers with status %d", status))
}

func (c *caller) send(ctx context.Context, e exchange) (int, []byte, error) {
	r, body, err := e.request(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer clear(body)
	if err := c.authorize(ctx, r, body); err != nil {
		return 0, nil, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, nil, c.away(failure(err))
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil, c.away(failure(err))
	}
	return answer.StatusCode, got, nil
}

func (e exchange) request(ctx context.Context) (*http.Request, []byte, error) {
	method, body := http.MethodGet, []byte(nil)
	if e.in != nil {
		var err error
		if body, err = json.Marshal(e.in); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", seal.ErrKeeper, err)
		}
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, e.url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: its address cannot be used", seal.ErrKeeper)
	}
	for name, values := range e.header {
		r.Header[name] = values
	}
	if body != nil && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, body, nil
}

// away is the error where the service cannot be asked for now.
func (c *caller) away(why string) error {
	return fmt.Errorf("%w: %s is out of reach: %s", seal.ErrKeeper, c.service, why)
}

// refused is the error where the service says no.
func (c *caller) refused(why string) error {
	return fmt.Errorf("%w: %s %w: %s", seal.ErrKeeper, c.service, seal.ErrRefused, why)
}

// noCredentials is the error where there are none to ask with. The status is that of the
// answer of whoever gives them, 0 where there was none. Nothing of the cause is repeated:
// libraries put answers and parts of keys into it.
func (c *caller) noCredentials(status int, cause error) error {
	const missing = "no credentials could be had for it"
	switch {
	case status >= 500 || status == http.StatusTooManyRequests:
		return c.away(fmt.Sprintf("%s: whoever gives them answers with status %d", missing, status))
	case status > 0:
		return c.refused(fmt.Sprintf("%s: whoever gives them answers with status %d", missing, status))
	case outbound.Classify(cause) != "" || errors.Is(cause, errLong) || errors.Is(cause, context.Canceled):
		return c.away(missing + ": " + failure(cause))
	}
	return c.refused(missing + "; look at its environment variables, files, or the identity of the instance")
}

// failure says how an exchange failed, without the URL or anything that was sent.
func failure(err error) string {
	if errors.Is(err, errLong) {
		return errLong.Error()
	}
	switch outbound.Classify(err) {
	case outbound.CodeDNS:
		return "its name cannot be resolved"
	case outbound.CodeRefused:
		return "the connection is refused"
	case outbound.CodeTimeout:
		return "nothing answers in time"
	case outbound.CodeTLS:
		return "TLS fails, or its certificate is not believed"
	}
	return "the connection breaks off"
}

var errLong = fmt.Errorf("its answer is longer than %d KiB", maxAnswer>>10)

// bounded ends answers that are too long, for the platforms' libraries too.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err == nil {
		answer.Body = &boundedBody{ReadCloser: answer.Body, left: maxAnswer}
	}
	return answer, err
}

// CloseIdleConnections lets http.Client's own reach the connections.
func (b bounded) CloseIdleConnections() {
	if c, ok := b.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errLong
	}
	return n, err
}

// word returns an error code of a service's answer where it is one plain word.
func word(code string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
	}
	if code == "" || len(code) > 64 || strings.ContainsFunc(code, func(r rune) bool { return !plain(r) }) {
		return ""
	}
	return code
}
