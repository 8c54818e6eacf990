package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody bounds an answer, in bytes: twice what a credential may have by default.
const maxBody = 2 << 20

var (
	errID           = errors.New("client: the credential's id must be a UUID")
	errTooLarge     = errors.New("client: the answer is larger than 2 MiB; check that the URL is Strongroom's")
	errNoStrongroom = errors.New("client: the answer is not what Strongroom sends; check the URL, and what stands between")
)

// request is one call about a credential.
type request struct {
	method, id string
	// action follows the id in the path.
	action string
	// etag is sent as If-None-Match; empty: it is not.
	etag string
}

// answer is a success, read whole.
type answer struct {
	status int
	etag   string
	body   []byte
}

// call makes a request and, where it only reads, makes it again when it is told to.
func (c *Client) call(ctx context.Context, r request) (answer, error) {
	const letters = "0123456789abcdefABCDEF-"
	if r.id == "" || strings.Trim(r.id, letters) != "" {
		return answer{}, errID
	}
	if r.method != http.MethodGet {
		return c.send(ctx, r)
	}
	return again(ctx, func() (answer, error) { return c.send(ctx, r) })
}

// send makes a request once. Errors are as the Client's methods say.
func (c *Client) send(ctx context.Context, r request) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.id+r.action, nil)
	if err != nil {
		return answer{}, fmt.Errorf("client: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	// Taken for keys as X-API-Key is; and who sends a user's token by mistake is told so.
	req.Header.Set("Authorization", "Bearer "+string(c.key.Reveal()))
	if r.etag != "" {
		req.Header.Set("If-None-Match", r.etag)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("client: Strongroom did not answer: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := readAll(res)
	switch {
	case err != nil:
		return answer{}, err
	case res.StatusCode == http.StatusOK, res.StatusCode == http.StatusNotModified && r.etag != "":
		return answer{status: res.StatusCode, etag: res.Header.Get("ETag"), body: body}, nil
	}
	return answer{}, newError(res, body)
}

// readAll reads the body. What was read of one that breaks off or is too large is
// overwritten: it may be half a secret.
func readAll(res *http.Response) ([]byte, error) {
	var b bytes.Buffer
	if res.ContentLength > 0 && res.ContentLength <= maxBody {
		// One allocation, so that growing leaves no copies behind.
		b.Grow(int(res.ContentLength) + bytes.MinRead)
	}
	n, err := b.ReadFrom(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		clear(b.Bytes())
		return nil, fmt.Errorf("client: Strongroom's answer breaks off: %w", err)
	case n > maxBody:
		clear(b.Bytes())
		return nil, errTooLarge
	}
	return b.Bytes(), nil
}
