package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"strongroom/api"
	"strongroom/secret"
)

// Options say which service is asked, and as whom. They print as [redacted], and as JSON, logged
// say, they hold the URL alone.
type Options struct {
	// URL of the service, as https://strongroom.example.com. Its API is expected below /api;
	// where the operator has chosen another prefix, add it. The key is sent there: use https
	// wherever others share the network. Required.
	URL string
	// Key is the API key of an organization's service account, "saf_…". Required.
	Key string `json:"-"`
	// HTTP sends the requests; nil: a client of its own, which bounds every call by 40 s.
	// Redirects are not followed, whatever it says of them.
	HTTP *http.Client `json:"-"`
}

// Format writes [secret.Redacted] for every verb.
func (o Options) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, secret.Redacted) }

// defaultPrefix is where the API stands unless the URL says so.
const defaultPrefix = "/api"

// Client calls Strongroom as one service account. It is safe for concurrent use, and one
// for the whole program keeps its connections.
//
// Its methods return *Error where Strongroom answered with anything but a success, and
// other errors where no whole answer came; those of the context are found with errors.Is.
// Neither holds the key nor anything of a credential's data.
type Client struct {
	// base is what a credential's id is added to.
	base string
	key  secret.Value
	http *http.Client
}

// New returns a Client. It makes no request. The error says which option is missing or
// cannot be used, and repeats neither.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	switch {
	case o.URL == "":
		return nil, errors.New("client: the URL of Strongroom is missing")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("client: the URL must be as https://strongroom.example.com, without user, query and fragment")
	case o.Key == "":
		return nil, errors.New("client: the API key is missing")
	case strings.ContainsFunc(o.Key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("client: the API key holds white space or other characters that no key has")
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	if prefix == "" {
		prefix = defaultPrefix
	}
	sender := newHTTP()
	if o.HTTP != nil {
		given := *o.HTTP
		sender = &given
	}
	sender.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		base: u.Scheme + "://" + u.Host + prefix + "/integrations/credentials/",
		key:  secret.New([]byte(o.Key)),
		http: sender,
	}, nil
}

// Opened is what OpenIfChanged returns.
type Opened struct {
	// Data is the credential's, a JSON object; empty where NotModified. The receiver
	// destroys it.
	Data secret.Value
	// ETag stands for what was returned, for the next OpenIfChanged; it means nothing else.
	ETag string
	// NotModified says that what the given ETag stands for still holds.
	NotModified bool
}

// Open fetches the credential's decrypted data, a JSON object whose members the provider's
// schema names. An OAuth token in it is fresh. The fetch is on record before it is answered.
//
// Frequent codes of its *Error: "service_account_required" (the key is a user's token),
// "forbidden", "not_found", and for OAuth "reauthorization_required" (only a person who
// signs in again helps) and "refresh_failed" (the provider is away).
func (c *Client) Open(ctx context.Context, id string) (secret.Value, error) {
	opened, err := c.OpenIfChanged(ctx, id, "")
	return opened.Data, err
}

// OpenIfChanged is Open for a caller that still holds what an earlier call returned: with
// that one's ETag it is told whether there is something new. That is on record as well. An
// empty ETag fetches in any case.
func (c *Client) OpenIfChanged(ctx context.Context, id, etag string) (Opened, error) {
	a, err := c.call(ctx, request{method: http.MethodGet, id: id, action: "/credentials", etag: etag})
	if err != nil {
		return Opened{}, err
	}
	if a.status == http.StatusNotModified {
		return Opened{ETag: etag, NotModified: true}, nil
	}
	if !json.Valid(a.body) || !bytes.HasPrefix(bytes.TrimLeft(a.body, " \t\r\n"), []byte("{")) {
		clear(a.body)
		return Opened{}, errNoStrongroom
	}
	return Opened{Data: secret.New(a.body), ETag: a.etag}, nil
}

// Get fetches what may be known of the credential without opening it.
func (c *Client) Get(ctx context.Context, id string) (api.Credential, error) {
	return decoded[api.Credential](c.call(ctx, request{method: http.MethodGet, id: id}))
}

// Refresh has Strongroom renew an OAuth credential's token now, and returns what is known of
// it afterwards. It takes a grant to write. There is no need for it before Open, which
// returns a fresh token by itself.
func (c *Client) Refresh(ctx context.Context, id string) (api.Credential, error) {
	return decoded[api.Credential](c.call(ctx, request{method: http.MethodPost, id: id, action: "/refresh"}))
}

// Test has Strongroom use the credential for what it is for, and returns what it found. A
// test that fails is no error.
func (c *Client) Test(ctx context.Context, id string) (api.CredentialCheck, error) {
	return decoded[api.CredentialCheck](c.call(ctx, request{method: http.MethodPost, id: id, action: "/test"}))
}

func decoded[T any](a answer, err error) (out T, _ error) {
	if err != nil {
		return out, err
	}
	if json.Unmarshal(a.body, &out) != nil {
		var none T
		return none, errNoStrongroom
	}
	return out, nil
}
