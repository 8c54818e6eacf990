package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/failure"
	"strongroom/secret"
)

const userAgent = "strongroom"

var (
	errAddress = &failure.Error{Code: strongroom.CheckProtocol, Message: "The address that is to be requested is none; correct it to one that begins with https://"}
	errPlain   = &failure.Error{Code: strongroom.CheckTLS, Message: "The address begins with http://, and the secret would go over the network unencrypted; use one that begins with https://"}
	errHeader  = &failure.Error{Code: strongroom.CheckProtocol, Message: "The header is not one that a key can be sent in; name another, such as X-API-Key"}
	errText    = &failure.Error{Code: strongroom.CheckAuth, Message: "The key or token holds characters that no header can carry, such as line breaks; store it again without them"}
)

// newRequest makes a GET request, and refuses an address to which no secret may go.
func newRequest(ctx context.Context, address string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	switch {
	case err != nil, request.URL.Hostname() == "", request.URL.User != nil:
		return nil, errAddress
	case request.URL.Scheme == "http" && !outbound.IsLoopbackHost(request.URL.Hostname()):
		return nil, errPlain
	case request.URL.Scheme != "http" && request.URL.Scheme != "https":
		return nil, errAddress
	}
	request.Header.Set("User-Agent", userAgent)
	return request, nil
}

// newQuestion makes a request for JSON with a bearer token (RFC 6750, section 2.1).
func newQuestion(ctx context.Context, address string, token secret.Value) (*http.Request, error) {
	request, err := newRequest(ctx, address)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	return request, setHeader(request, "Authorization", "Bearer", token)
}

// setHeader puts a secret into a header, behind a prefix where there is one.
func setHeader(request *http.Request, name, prefix string, value secret.Value) error {
	content := string(value.Reveal())
	if prefix != "" {
		content = prefix + " " + content
	}
	switch {
	case !canCarry(name):
		return errHeader
	case strings.ContainsFunc(content, func(r rune) bool { return r < ' ' || r > '~' }):
		return errText
	}
	request.Header.Set(name, content)
	return nil
}

// setQuery adds a secret to the query, which is otherwise left as it was written.
func setQuery(request *http.Request, name string, value secret.Value) {
	query := url.QueryEscape(name) + "=" + url.QueryEscape(string(value.Reveal()))
	if request.URL.RawQuery != "" {
		query = request.URL.RawQuery + "&" + query
	}
	request.URL.RawQuery = query
}

// setBasic adds a user name and a password (RFC 7617).
func setBasic(request *http.Request, user string, password secret.Value) {
	request.SetBasicAuth(user, string(password.Reveal()))
}

// framing are the headers that say how a message travels. A key in one of them is dropped
// on the way, or breaks the message.
var framing = map[string]bool{
	"Connection": true, "Content-Length": true, "Expect": true, "Host": true, "Keep-Alive": true, "Proxy-Connection": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// canCarry tells whether a header has a name (RFC 9110, section 5.6.2) and gets through.
func canCarry(name string) bool {
	return name != "" && !framing[http.CanonicalHeaderKey(name)] && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}
