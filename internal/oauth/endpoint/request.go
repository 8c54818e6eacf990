package endpoint

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"sync"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/secret"
)

var errAddress = &Error{Reason: strongroom.ReasonClientRejected, text: "the provider's address in the definition is missing or wrong; correct it"}

// form is what is posted: parameters, and those that are secret, by name.
type form struct {
	parameters url.Values
	secrets    map[string]secret.Value
}

// newPost makes the one request of an exchange, with the client's authentication. The
// content is overwritten when the transport is done with it.
func newPost(ctx context.Context, def catalog.OAuth, c oauth.Client, address string, f form) (*http.Request, *content, error) {
	parameters := f.parameters
	for name, value := range f.secrets {
		parameters.Set(name, string(value.Reveal()))
	}
	basic := authenticate(def, c, parameters)
	encoded, contentType, err := encode(def, parameters)
	if err != nil {
		return nil, nil, err
	}
	// Of a body of this type net/http makes no GetBody, so that it cannot repeat the request.
	body := &content{bytes: encoded}
	request, err := newRequest(ctx, def, http.MethodPost, address, body)
	if err != nil {
		return nil, nil, err
	}
	request.ContentLength = int64(len(encoded))
	request.Header.Set("Content-Type", contentType)
	if basic != "" {
		request.Header.Set("Authorization", "Basic "+basic)
	}
	return request, body, nil
}

// newGet makes a request with an access token; an empty one is left out.
func newGet(ctx context.Context, def catalog.OAuth, address string, accessToken secret.Value) (*http.Request, error) {
	request, err := newRequest(ctx, def, http.MethodGet, address, nil)
	if err == nil && !accessToken.Empty() {
		request.Header.Set("Authorization", "Bearer "+string(accessToken.Reveal()))
	}
	return request, err
}

func newRequest(ctx context.Context, def catalog.OAuth, method, address string, body io.ReadCloser) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil || request.URL.Host == "" {
		return nil, errAddress
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", userAgent)
	for name, value := range def.Headers {
		request.Header.Set(name, value)
	}
	return request, nil
}

// authenticate adds the client to the parameters (RFC 6749, section 2.3.1), or returns it
// as credentials for the Authorization header. A public client sends its id alone.
func authenticate(def catalog.OAuth, c oauth.Client, parameters url.Values) (basic string) {
	public := c.Secret.Empty() || def.ClientAuthentication == catalog.AuthenticateNone
	if !public && def.ClientAuthentication == catalog.AuthenticateBasic {
		return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.ID) + ":" + url.QueryEscape(string(c.Secret.Reveal()))))
	}
	parameters.Set("client_id", c.ID)
	if !public {
		parameters.Set("client_secret", string(c.Secret.Reveal()))
	}
	return ""
}

// encode returns the parameters as the provider takes them.
func encode(def catalog.OAuth, parameters url.Values) (encoded []byte, contentType string, err error) {
	if !def.JSONRequest {
		return []byte(parameters.Encode()), "application/x-www-form-urlencoded", nil
	}
	members := make(map[string]string, len(parameters))
	for name := range parameters {
		members[name] = parameters.Get(name)
	}
	encoded, err = json.Marshal(members)
	return encoded, "application/json", err
}

// content is a request's body. Transports read and close it in goroutines of their own,
// and maybe later than the answer is there.
type content struct {
	mu     sync.Mutex
	bytes  []byte
	next   int
	closed bool
}

// Read hands out the content once.
func (c *content) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if c.next == len(c.bytes) {
		return 0, io.EOF
	}
	n := copy(p, c.bytes[c.next:])
	c.next += n
	return n, nil
}

// Close overwrites the content.
func (c *content) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.bytes)
	c.closed = true
	return nil
}

// begun tells whether any of the content was handed to the transport.
func (c *content) begun() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next > 0
}
