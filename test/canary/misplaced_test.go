package canary_test

import (
	"net/http"
	"net/url"
	"strings"

	"strongroom/internal/app/apptest"
)

// addresses are secrets in queries and paths.
func (s *spy) addresses() []abuse {
	x := url.QueryEscape(s.secret("x"))
	get := func(name, path string, status int) abuse {
		return abuse{name, apptest.Request{Method: http.MethodGet, Path: path, Token: s.admin}, status}
	}
	return []abuse{
		get("as a limit", credentials+"?limit="+x, 422),
		get("as a scope", credentials+"?scope="+x, 422),
		get("as a provider in the query", credentials+"?provider="+x, 400),
		get("as a parameter that nobody knows", credentials+"?password="+x, 200),
		get("as a parameter's name", credentials+"?"+x+"=1", 200),
		get("in a query that cannot be parsed", credentials+"?limit=%zz"+x, 400),
		get("as an action", "/api/audit/events?action="+x, 200),
		get("as a time", "/api/audit/events?since="+x, 422),
		get("as an id in the query", "/api/audit/events?credential_id="+x, 422),
		get("as an id", credentials+"/"+x, 400),
		get("as an id at the door", credentials+"/"+x+"/credentials", 400),
		get("as a provider in the path", credentials+"/provider/"+x, 400),
		get("as an account's id", "/api/service-accounts/"+x, 400),
		get("as a key's id", "/api/service-accounts/"+s.account+"/api-keys/"+x, 405),
		get("as a path that is not there", "/api/"+x, 404),
		get("as a path beside the API", "/"+x+"/"+x, 404),
		get("in a path that is not clean", "/api/../"+x, 404),
		get("with a key in the query", credentials+"?api_key="+s.key+"&access_token="+s.admin, 200),
		{"as a method", apptest.Request{Method: s.marker, Path: credentials, Token: s.admin}, 405},
		{"in an address that nobody may ask", apptest.Request{Method: http.MethodGet, Path: credentials + "/" + x + "?token=" + x}, 401},
	}
}

// headers are secrets in headers, where some belong and some do not.
func (s *spy) headers() []abuse {
	x := s.secret("x")
	get := func(name string, status int, header http.Header) abuse {
		return abuse{name, apptest.Request{Method: http.MethodGet, Path: "/api/profile/me", Header: header}, status}
	}
	mistyped := s.key[:len(s.key)-1] + "#"
	parts := strings.Split(s.admin, ".")
	everywhere := http.Header{"Authorization": {"Bearer " + s.admin}}
	for _, name := range []string{"X-Request-Id", "User-Agent", "Referer", "Origin", "Cookie", "Accept", "Accept-Encoding", "X-Forwarded-For", "Forwarded",
		"X-Organization-Id", "Tracestate", "Baggage", "If-None-Match", "Range", "X-Http-Method-Override", s.marker} {
		everywhere[name] = []string{x}
	}
	everywhere["Traceparent"] = []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	return []abuse{
		get("as a password", 401, http.Header{"Authorization": {"Basic " + x}}),
		get("as a token", 401, http.Header{"Authorization": {"Bearer " + x}}),
		get("as a scheme", 401, http.Header{"Authorization": {s.marker + " " + x}}),
		get("as an API key", 401, http.Header{"X-Api-Key": {x}}),
		get("an API key that is mistyped", 401, http.Header{"X-Api-Key": {mistyped}}),
		get("an API key with something behind it", 401, http.Header{"X-Api-Key": {s.key + "0"}}),
		get("an API key of another scheme", 401, http.Header{"Authorization": {"Basic " + s.key}}),
		get("a token that says something else than was signed", 401, http.Header{"Authorization": {"Bearer " + parts[0] + "." + parts[1] + "x." + parts[2]}}),
		get("a token and a key", 401, http.Header{"Authorization": {"Bearer " + s.admin}, "X-Api-Key": {s.key}}),
		get("two tokens", 401, http.Header{"Authorization": {"Bearer " + s.admin, "Bearer " + s.stranger}}),
		get("in every other header", 200, everywhere),
	}
}

// requests are what is no HTTP; each is answered, and the connection closed.
func (s *spy) requests() map[string]string {
	x := s.marker
	return map[string]string{
		"a line that is none":         x + "\r\n\r\n",
		"another version":             "GET /" + x + " HTTP/" + x + "\r\n\r\n",
		"a header that is none":       "GET / HTTP/1.1\r\nHost: a\r\n" + x + "\r\n\r\n",
		"a header's name that is bad": "GET / HTTP/1.1\r\nHost: a\r\n" + x + " x: " + x + "\r\n\r\n",
		"a host that is bad":          "GET / HTTP/1.1\r\nHost: " + x + "/ \r\n\r\n",
		"a length that is none":       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + x + "\r\n\r\n",
		"an encoding nobody knows":    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + x + "\r\n\r\n",
		"an expectation":              "GET / HTTP/1.1\r\nHost: a\r\nExpect: " + x + "\r\nConnection: close\r\n\r\n",
		"a header that is too large":  "GET / HTTP/1.1\r\nHost: a\r\nX-Filler: " + strings.Repeat(x, 4_000) + "\r\n\r\n",
		"a body that ends too soon":   "POST " + credentials + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: Bearer " + s.admin + "\r\nTransfer-Encoding: chunked\r\n\r\n" + "zz\r\n" + x,
	}
}
