package main

import (
	"net/http"
	"slices"
)

// The ways an endpoint can behave. "Processed" means that what the request asks for
// is done: a token is rotated, say, whether or not the client ever hears of it.
const (
	modeNormal = "normal"
	// modeHold holds the request before it is processed; it is processed once released,
	// even if the client has gone.
	modeHold = "hold"
	// modeHoldAnswer holds the answer of a processed request.
	modeHoldAnswer = "hold_answer"
	// modeDropBefore closes the connection of a request that is not processed.
	modeDropBefore = "drop_before"
	// modeDropAfter closes the connection of a processed request.
	modeDropAfter = "drop_after"
	// modeCut sends half of the body of a processed request's answer.
	modeCut = "cut"
	// modeStatus answers what the behaviour says; not processed.
	modeStatus = "status"
	// modeHTML answers 200 with an HTML page; not processed.
	modeHTML = "html"
	// modeGarbled answers a processed request with 200 and what is not JSON.
	modeGarbled = "garbled"
	// modeRewrite changes members of the JSON that a processed request is answered with.
	modeRewrite = "rewrite"
)

var modes = []string{
	modeNormal, modeHold, modeHoldAnswer, modeDropBefore, modeDropAfter,
	modeCut, modeStatus, modeHTML, modeGarbled, modeRewrite,
}

// Bodies of the modes that make one up.
const (
	htmlBody    = "<!doctype html><html><head><title>Service unavailable</title></head><body><h1>We will be back soon</h1></body></html>"
	garbledBody = "\x1f\x8b\x00\xff{\"access_token\": \"garbled"
)

// behaviour is what POST /behaviour sets.
type behaviour struct {
	Mode string `json:"mode"`
	// Endpoint is the path it holds for; empty: /token.
	Endpoint string `json:"endpoint"`
	// GrantID limits it to the token requests of one grant, and goes before what is
	// set for all.
	GrantID string `json:"grant_id"`
	// Times is how many requests it holds for; 0: until another is set.
	Times int `json:"times"`

	// Status (default 503), Body, ContentType (default application/json) and Headers are for
	// the mode status.
	Status      int               `json:"status"`
	Body        string            `json:"body"`
	ContentType string            `json:"content_type"`
	Headers     map[string]string `json:"headers"`

	// Set and Remove are for the mode rewrite.
	Set    map[string]any `json:"set"`
	Remove []string       `json:"remove"`
}

// withDefaults fills in what is empty, and refuses what makes no sense.
func (b behaviour) withDefaults() (behaviour, error) {
	if b.Endpoint == "" {
		b.Endpoint = tokenPath
	}
	if b.Mode == modeStatus && b.Status == 0 {
		b.Status = http.StatusServiceUnavailable
	}
	if b.ContentType == "" {
		b.ContentType = "application/json"
	}
	switch {
	case !slices.Contains(modes, b.Mode):
		return b, refused("mode is none of those in the documentation")
	case b.Times < 0:
		return b, refused("times is 1 or more, or left out")
	case b.GrantID != "" && b.Endpoint != tokenPath:
		return b, refused("only requests to /token belong to a grant")
	case b.Mode == modeStatus && (b.Status < 200 || b.Status > 599):
		return b, refused("status is between 200 and 599")
	}
	return b, nil
}

// misbehaving answers as the behaviour in force says.
func (s *server) misbehaving(path string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, grantID := s.received(path, w, r)
		process := func() *answer {
			a := newAnswer()
			next(a, r)
			return a
		}
		b := s.faults.take(path, grantID)
		switch b.Mode {
		case modeHold:
			done := s.faults.hold(path, grantID, b.Mode)
			defer close(done)
			process().send(w)
		case modeHoldAnswer:
			a := process()
			done := s.faults.hold(path, grantID, b.Mode)
			defer close(done)
			a.send(w)
		case modeDropBefore:
			hangUp()
		case modeDropAfter:
			process()
			hangUp()
		case modeCut:
			process().cut(w)
		case modeStatus:
			b.made(b.Status, b.ContentType, b.Body).send(w)
		case modeHTML:
			b.made(http.StatusOK, "text/html; charset=utf-8", htmlBody).send(w)
		case modeGarbled:
			process()
			b.made(http.StatusOK, "application/json", garbledBody).send(w)
		case modeRewrite:
			a := process()
			a.rewrite(b.Set, b.Remove)
			a.send(w)
		default:
			process().send(w)
		}
	})
}

// made is an answer of the behaviour's own.
func (b behaviour) made(status int, contentType, body string) *answer {
	a := newAnswer()
	a.status = status
	a.header.Set("Content-Type", contentType)
	for name, value := range b.Headers {
		a.header.Set(name, value)
	}
	a.body.WriteString(body)
	return a
}
