package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// maxWait bounds a long poll.
const maxWait = 10 * time.Minute

// refused is an error of the test's: what it asks for makes no sense.
type refused string

// Error implements error.
func (r refused) Error() string { return string(r) }

// errNoGrant: there is no such grant.
var errNoGrant = errors.New("there is no such grant")

// control is what the test sees.
func (s *server) control() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /grants", called(s.makeGrants))
	mux.Handle("GET /grants/{id}", called(s.showGrant))
	mux.Handle("POST /grants/{id}/revoke", called(s.withdrawConsent))
	mux.Handle("POST /check", called(s.checkToken))
	mux.Handle("GET /stats", called(func(*http.Request, nothing) (any, error) { return s.stats.read(), nil }))
	mux.Handle("POST /reset-stats", called(func(*http.Request, nothing) (any, error) { s.stats.reset(); return nothing{}, nil }))
	mux.Handle("POST /behaviour", called(s.setBehaviour))
	mux.Handle("GET /held", called(s.showHeld))
	mux.Handle("POST /release", called(s.release))
	mux.Handle("POST /lifetimes", called(s.setLifetimes))
	mux.Handle("POST /rotation", called(s.setRotation))
	mux.Handle("POST /rotate-keys", called(s.rotateKeys))
	mux.Handle("POST /redirect-uris", called(s.addRedirectURIs))
	return mux
}

// nothing is a body that says nothing.
type nothing struct{}

// called turns a function of a JSON body into a handler. An empty body is an empty object;
// an unknown member is refused, for a typing mistake would otherwise set nothing.
func called[In any](f func(*http.Request, In) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in In
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&in)
		if err != nil && !errors.Is(err, io.EOF) {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		out, err := f(r, in)
		var refusal refused
		switch {
		case err == nil:
			writeJSON(w, http.StatusOK, out)
		case errors.Is(err, errNoGrant):
			writeJSON(w, http.StatusNotFound, map[string]string{"error": err.Error()})
		case errors.As(err, &refusal):
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		default:
			writeJSON(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		}
	})
}

func (s *server) setBehaviour(_ *http.Request, b behaviour) (any, error) {
	b, err := b.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, ok := s.endpoints()[b.Endpoint]; !ok {
		return nil, refused("there is no such endpoint")
	}
	if b.GrantID != "" && !s.store.has(b.GrantID) {
		return nil, errNoGrant
	}
	s.faults.set(b)
	return nothing{}, nil
}

func (s *server) showHeld(r *http.Request, _ nothing) (any, error) {
	count, err := number(r, "count", 1)
	if err != nil {
		return nil, err
	}
	seconds, err := number(r, "timeout_seconds", 0)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(time.Duration(seconds)*time.Second, maxWait))
	defer cancel()
	return map[string]any{"held": s.faults.waitHeld(ctx, r.URL.Query().Get("grant_id"), count)}, nil
}

func (s *server) release(r *http.Request, in struct {
	GrantID string `json:"grant_id"`
	Count   int    `json:"count"`
}) (any, error) {
	return map[string]int{"released": s.faults.release(r.Context(), in.GrantID, in.Count)}, nil
}

func (s *server) setLifetimes(_ *http.Request, in struct {
	AccessSeconds  int64 `json:"access_seconds"`
	RefreshSeconds int64 `json:"refresh_seconds"`
}) (any, error) {
	return nothing{}, s.settings.setLifetimes(in.AccessSeconds, in.RefreshSeconds)
}

func (s *server) setRotation(_ *http.Request, in struct {
	RefreshTokens string `json:"refresh_tokens"`
	AccessTokens  string `json:"access_tokens"`
}) (any, error) {
	return nothing{}, s.settings.setRotation(in.RefreshTokens, in.AccessTokens)
}

func (s *server) rotateKeys(_ *http.Request, in struct {
	Algorithm string `json:"algorithm"`
}) (any, error) {
	if err := s.keys.rotate(in.Algorithm); err != nil {
		return nil, err
	}
	return map[string]string{"kid": s.keys.current().KeyID}, nil
}

func (s *server) addRedirectURIs(_ *http.Request, in struct {
	Add []string `json:"add"`
}) (any, error) {
	return nothing{}, s.clients.allow(in.Add)
}
