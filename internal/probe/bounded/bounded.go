package bounded

import (
	"errors"
	"io"
	"net/http"
)

// Limit is how much of one answer is read, in bytes. A test needs a few KiB.
const Limit = 1 << 20

// ErrTooMuch says that there is more than Limit.
var ErrTooMuch = errors.New("the answer is too long")

// Reader returns one that reads Limit bytes of r, and ErrTooMuch where there are more.
func Reader(r io.Reader) io.Reader { return &reader{r, Limit} }

type reader struct {
	inner io.Reader
	left  int
}

func (r *reader) Read(b []byte) (int, error) {
	if r.left <= 0 {
		return r.atLimit(b)
	}
	n, err := r.inner.Read(b[:min(len(b), r.left)])
	r.left -= n
	return n, err
}

// atLimit tells an answer that ends here from one that goes on.
func (r *reader) atLimit(b []byte) (int, error) {
	n, err := r.inner.Read(b[:min(len(b), 1)])
	if n > 0 {
		return 0, ErrTooMuch
	}
	return 0, err
}

// Client bounds the bodies of a client's answers, counted as they are once decompressed,
// and returns it.
func Client(c *http.Client) *http.Client {
	c.Transport = &transport{c.Transport}
	return c
}

type transport struct{ inner http.RoundTripper }

// RoundTrip sends the request as it is.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.inner.RoundTrip(r)
	if err == nil {
		response.Body = &body{Reader(response.Body), response.Body}
	}
	return response, err
}

// CloseIdleConnections is what http.Client looks for.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.inner.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type body struct {
	io.Reader
	io.Closer
}
