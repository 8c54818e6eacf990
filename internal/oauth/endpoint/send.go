package endpoint

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
)

// firstBuffer is what is made room for where an answer does not say how long it is.
const firstBuffer = 8 << 10

// post sends the form once, and returns the answer, whose body the caller clears.
// The error is an *Error.
func (c *Caller) post(ctx context.Context, def catalog.OAuth, client oauth.Client, address string, f form) (oauth.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	var unwritten atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(i httptrace.WroteRequestInfo) {
		unwritten.Store(i.Err != nil)
	}})
	request, body, err := newPost(ctx, def, client, address, f)
	if err != nil {
		return oauth.Response{}, err
	}
	response, err := c.send(request)
	var failed *Error
	if errors.As(err, &failed) {
		// That all was written is only told after the fact, and maybe too late for us: what
		// was begun counts as sent, unless it is known that its end was never written.
		failed.sent = body.begun() && !unwritten.Load()
	}
	return response, err
}

// send makes one request. The error is an *Error: there is no answer. An answer that
// breaks off is one, and says so.
func (c *Caller) send(request *http.Request) (oauth.Response, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return oauth.Response{}, explain(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := readBody(response.Body, response.ContentLength)
	return oauth.Response{
		Status: response.StatusCode, ContentType: response.Header.Get("Content-Type"), RetryAfter: response.Header.Get("Retry-After"),
		Body: body, Truncated: err != nil,
	}, nil
}

// readBody reads at most maxBody bytes, and leaves no other copy of them behind. length is
// what the answer says it is, or negative. With an error it returns what came before.
func readBody(r io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		length = firstBuffer
	}
	// One more, so that the end is seen without room for anything else.
	body := make([]byte, 0, min(length+1, maxBody))
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return body, err
		case len(body) == maxBody:
			return body, nil
		case len(body) == cap(body):
			grown := make([]byte, len(body), min(2*cap(body), maxBody))
			copy(grown, body)
			clear(body)
			body = grown
		}
	}
}

// get asks an address for a JSON document.
func (c *Caller) get(request *http.Request) ([]byte, error) {
	response, err := c.send(request)
	switch {
	case err != nil:
		return nil, err
	case response.Status == http.StatusTooManyRequests:
		return nil, &Error{Reason: strongroom.ReasonRateLimited, text: "the provider is asked too often"}
	case response.Status >= http.StatusInternalServerError:
		return nil, &Error{Reason: strongroom.ReasonProviderError, text: "the provider failed"}
	case response.Status != http.StatusOK:
		return nil, &Error{Reason: strongroom.ReasonClientRejected, text: "the provider does not answer the request at its address"}
	case response.Truncated:
		return nil, &Error{Reason: strongroom.ReasonUnreachable, text: "the provider's answer was cut off"}
	case len(response.Body) == maxBody:
		return nil, &Error{Reason: strongroom.ReasonMalformedAnswer, text: "the provider's answer is larger than is accepted"}
	}
	return response.Body, nil
}
