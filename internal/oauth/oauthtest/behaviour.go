package oauthtest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Mode is how an endpoint behaves. "Processed" means that what a request asks for is done
// (a refresh token rotated, say), whether or not the client ever hears of it.
type Mode string

// The modes.
const (
	// Normal processes and answers.
	Normal Mode = "normal"
	// Hold holds a request before it is processed. Once released it is processed and
	// answered, even if its client has gone.
	Hold Mode = "hold"
	// HoldAnswer processes a request and holds the answer.
	HoldAnswer Mode = "hold_answer"
	// DropBefore closes the connection of a request that is not processed.
	DropBefore Mode = "drop_before"
	// DropAfter processes a request and closes the connection.
	DropAfter Mode = "drop_after"
	// Cut processes a request, sends half of the answer's body and closes the connection.
	Cut Mode = "cut"
	// AnswerStatus does not process; it answers Status, Headers and Body.
	AnswerStatus Mode = "status"
	// AnswerHTML does not process; it answers 200 with an HTML page.
	AnswerHTML Mode = "html"
	// AnswerGarbled processes a request and answers 200 with what is not JSON.
	AnswerGarbled Mode = "garbled"
	// Rewrite processes a request and changes members of the JSON that it is answered with.
	Rewrite Mode = "rewrite"
)

// Behaviour is how an endpoint behaves from now on.
type Behaviour struct {
	Mode Mode `json:"mode"`
	// Endpoint is a path as TokenPath, which it is if empty.
	Endpoint string `json:"endpoint,omitempty"`
	// GrantID limits it to the token requests of one grant, and goes before what is set
	// for all: Normal for one grant exempts it.
	GrantID string `json:"grant_id,omitempty"`
	// Times is for how many requests; 0: until another Behaviour takes its place.
	Times int `json:"times,omitempty"`

	// Status (503 if 0), Headers, ContentType (application/json if empty) and Body are for
	// AnswerStatus.
	Status      int               `json:"status,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	ContentType string            `json:"content_type,omitempty"`
	Body        string            `json:"body,omitempty"`

	// Set and Remove are for Rewrite.
	Set    map[string]any `json:"set,omitempty"`
	Remove []string       `json:"remove,omitempty"`
}

// Behave sets how an endpoint behaves from now on. What is held already stays so.
func (s *Server) Behave(b Behaviour) {
	s.tb.Helper()
	s.call(http.MethodPost, "/behaviour", b, nil)
}

// HeldRequest is a request, or its answer, that waits for its release.
type HeldRequest struct {
	Endpoint string `json:"endpoint"`
	// GrantID is empty where the request names no grant.
	GrantID string `json:"grant_id"`
	Mode    Mode   `json:"mode"`
}

// WaitHeld waits until at least n requests are held, and returns all that are. The test
// fails where the context ends, or a minute passes, before that.
func (s *Server) WaitHeld(ctx context.Context, n int) []HeldRequest {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var out struct {
		Held []HeldRequest `json:"held"`
	}
	query := url.Values{"count": {fmt.Sprint(n)}, "timeout_seconds": {fmt.Sprint(int(patience.Seconds()))}}
	if err := s.try(ctx, http.MethodGet, "/held?"+query.Encode(), nothing{}, &out); err != nil {
		s.tb.Fatalf("waiting for %d held requests: %v", n, err)
	}
	if len(out.Held) < n {
		s.tb.Fatalf("%d requests are held, want %d", len(out.Held), n)
	}
	return out.Held
}

// Held returns what is held now.
func (s *Server) Held() []HeldRequest {
	s.tb.Helper()
	var out struct {
		Held []HeldRequest `json:"held"`
	}
	s.call(http.MethodGet, "/held?count=0", nothing{}, &out)
	return out.Held
}

// Release lets go everything that is held, and returns how many requests that was, once
// each has been processed. The behaviour that held them stays: the next is held again.
func (s *Server) Release() int {
	s.tb.Helper()
	return s.release(nothing{})
}

// ReleaseOldest is Release for the n that have been held longest.
func (s *Server) ReleaseOldest(n int) int {
	s.tb.Helper()
	return s.release(map[string]int{"count": n})
}

// ReleaseGrant is Release for the requests of one grant.
func (s *Server) ReleaseGrant(id string) int {
	s.tb.Helper()
	return s.release(map[string]string{"grant_id": id})
}

func (s *Server) release(in any) int {
	s.tb.Helper()
	var out struct {
		Released int `json:"released"`
	}
	s.call(http.MethodPost, "/release", in, &out)
	return out.Released
}
