package apptest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Client calls a running service as its users and programs do.
type Client struct {
	T   testing.TB
	URL string
	// JWTSecret signs the tokens of UserToken.
	JWTSecret []byte
}

// Answer is a response, read whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Request is one call of the API. Path stands under the service's URL.
type Request struct {
	Method, Path string
	// Token goes into Authorization: Bearer, Key into X-API-Key; empty ones are not sent.
	Token, Key string
	// Body is sent as JSON, unless it is a string or []byte, which are sent as they are.
	Body   any
	Header http.Header
}

// Do sends a request and reads the answer.
func (c *Client) Do(r Request) Answer {
	c.T.Helper()
	a, err := c.Try(r)
	if err != nil {
		c.T.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return a
}

// Try sends a request; an error means that no whole answer came.
func (c *Client) Try(r Request) (Answer, error) {
	var body io.Reader
	switch b := r.Body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return Answer{}, err
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequest(r.Method, c.URL+r.Path, body)
	if err != nil {
		return Answer{}, err
	}
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	if r.Key != "" {
		req.Header.Set("X-API-Key", r.Key)
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	return Answer{Status: res.StatusCode, Header: res.Header, Body: read}, err
}

// Into decodes the body and returns the answer itself.
func (a Answer) Into(t testing.TB, v any) Answer {
	t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		t.Fatalf("the body does not decode: %v\n%s", err, a.Body)
	}
	return a
}

// Want fails the test unless the answer has the status.
func (a Answer) Want(t testing.TB, status int) Answer {
	t.Helper()
	if a.Status != status {
		t.Fatalf("answered %d, want %d\n%s", a.Status, status, a.Body)
	}
	return a
}

// WantError fails the test unless the answer is the error envelope with status and code.
func (a Answer) WantError(t testing.TB, status int, code string) Answer {
	t.Helper()
	a.Want(t, status)
	var e struct {
		Error *struct {
			Message string
			Code    string
			Details json.RawMessage
		}
		RequestID string `json:"request_id"`
	}
	a.Into(t, &e)
	switch {
	case e.Error == nil || e.Error.Message == "" || e.Error.Details == nil:
		t.Fatalf("this is not the error envelope: %s", a.Body)
	case e.Error.Code != code:
		t.Fatalf("error code %s, want %s\n%s", e.Error.Code, code, a.Body)
	case e.RequestID == "" || e.RequestID != a.Header.Get("X-Request-ID"):
		t.Fatalf("request_id %q is not the header's %q", e.RequestID, a.Header.Get("X-Request-ID"))
	case !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json"):
		t.Fatalf("content type %q, want application/json", a.Header.Get("Content-Type"))
	}
	return a
}
