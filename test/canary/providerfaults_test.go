package canary_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// fault is how a provider's answer goes wrong, with secrets in it.
type fault struct {
	name string
	// status is what a read answers whose renewal ended so; 0: 503.
	status int
	answer func(x *wire)
}

// faults are the ways in which the answer to a request with secrets goes wrong.
var faults = []fault{
	{name: "a failure whose JSON repeats the request", answer: func(x *wire) {
		x.json(http.StatusInternalServerError, map[string]any{"error": "server_error", "error_description": x.echo, "request": x.form})
	}},
	{name: "a failure whose text repeats the request", answer: func(x *wire) { x.answer(http.StatusBadGateway, "text/plain", x.echo) }},
	{name: "a web page that repeats the request", answer: func(x *wire) {
		x.answer(http.StatusOK, "text/html; charset=utf-8", "<!doctype html><title>"+x.echo+"</title><p>"+url.QueryEscape(x.echo))
	}},
	{name: "a failure that is a web page", answer: func(x *wire) { x.answer(http.StatusServiceUnavailable, "text/html", "<pre>"+x.echo) }},
	{name: "garbled JSON", answer: func(x *wire) {
		x.answer(http.StatusOK, "application/json", "\x1f\x8b\x00\xff"+string(x.process().body))
	}},
	{name: "JSON of another type", answer: func(x *wire) { x.json(http.StatusOK, map[string]any{"access_token": map[string]any{"value": x.echo}}) }},
	{name: "tokens twice", answer: func(x *wire) {
		body := string(x.process().body)
		x.answer(http.StatusOK, "application/json", strings.TrimSuffix(strings.TrimSpace(body), "}")+","+strings.TrimPrefix(body, "{"))
	}},
	{name: "an access token that is none", answer: func(x *wire) {
		x.process()
		x.json(http.StatusOK, map[string]any{"access_token": x.echo + "\n" + x.tap.newest(), "refresh_token": x.echo})
	}},
	{name: "half of the tokens", answer: func(x *wire) {
		body := string(x.process().body)
		x.raw(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:len(body)/2]))
	}},
	{name: "no answer", answer: func(*wire) { panic(http.ErrAbortHandler) }},
	{name: "no answer to what was done", answer: func(x *wire) {
		x.process()
		panic(http.ErrAbortHandler)
	}},
	{name: "a redirect with tokens", answer: func(x *wire) {
		a := x.process()
		x.w.Header().Set("Location", x.tap.url+"/token?"+url.Values{"access_token": {string(a.body)}, "echo": {x.echo}}.Encode())
		x.answer(http.StatusFound, "text/html", string(a.body))
	}},
	{name: "a redirect that cannot be parsed", answer: func(x *wire) {
		x.w.Header().Set("Location", "http://%zz/"+url.QueryEscape(x.echo))
		x.answer(http.StatusTemporaryRedirect, "text/html", x.echo)
	}},
	{name: "an end of the grant whose description repeats the request", status: http.StatusConflict, answer: func(x *wire) {
		x.json(http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "the token " + x.echo + " has ended", "error_uri": "https://provider.example/?" + x.echo})
	}},
	{name: "an error whose code is the request", answer: func(x *wire) {
		x.json(http.StatusBadRequest, map[string]any{"error": x.echo, "error_description": x.echo})
	}},
	{name: "an error whose code is an object", answer: func(x *wire) {
		x.json(http.StatusBadRequest, map[string]any{"error": map[string]any{"code": x.echo, "message": x.echo}})
	}},
	{name: "a success that states an error", answer: func(x *wire) { x.json(http.StatusOK, map[string]any{"ok": false, "error": x.echo}) }},
	{name: "a client that is refused", answer: func(x *wire) {
		x.w.Header().Set("WWW-Authenticate", `Basic realm="`+oneLine(x.echo)+`"`)
		x.json(http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": x.echo})
	}},
	{name: "headers that repeat the request", answer: func(x *wire) {
		for _, name := range []string{"Retry-After", "Content-Type", "Set-Cookie", "Warning", "X-Request-Id"} {
			x.w.Header().Set(name, oneLine(x.echo))
		}
		x.w.WriteHeader(http.StatusTooManyRequests)
	}},
	{name: "a status line that is none", answer: func(x *wire) { x.raw("HTTP/1.1 " + oneLine(x.echo) + "\r\n\r\n") }},
	{name: "no HTTP", answer: func(x *wire) { x.raw(oneLine(x.echo) + "\r\n\r\n") }},
	{name: "a header that is none", answer: func(x *wire) { x.raw("HTTP/1.1 200 OK\r\n" + oneLine(x.echo) + "\r\n\r\n") }},
	{name: "a length that is none", answer: func(x *wire) { x.raw("HTTP/1.1 200 OK\r\nContent-Length: " + oneLine(x.echo) + "\r\n\r\n") }},
}

// overlong is an answer with more behind it than it says that it has.
var overlong = fault{name: "more bytes than the answer says", answer: func(x *wire) {
	x.raw("HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" + oneLine(x.echo))
}}

// broken is what an endpoint that gives out no tokens answers.
var broken = []fault{
	{name: "a failure that repeats secrets", answer: func(x *wire) { x.answer(http.StatusInternalServerError, "text/plain", x.echo) }},
	{name: "JSON that repeats secrets in place of what is asked for", answer: func(x *wire) {
		x.json(http.StatusOK, map[string]any{"email": x.echo, "issuer": x.echo, "keys": x.echo, "error": x.echo})
	}},
	{name: "garbled secrets", answer: func(x *wire) { x.answer(http.StatusOK, "application/json", "{"+x.echo) }},
	{name: "a redirect to secrets", answer: func(x *wire) {
		x.w.Header().Set("Location", x.tap.url+"/?"+url.QueryEscape(x.echo))
		x.answer(http.StatusFound, "text/plain", x.echo)
	}},
}

func oneLine(text string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(text) }
