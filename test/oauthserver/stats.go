package main

import (
	"maps"
	"net/http"
	"sync"
)

// figures are what GET /stats answers.
type figures struct {
	// Exchanges are the token requests that were granted, by grant type; the answer may have
	// been lost on its way.
	Exchanges map[string]int `json:"exchanges"`
	// Failures are the token requests that were processed and refused.
	Failures      int `json:"failures"`
	ReuseDetected int `json:"reuse_detected"`
	// InFlight are the token requests that were begun and have not ended, held ones among them.
	InFlight    int `json:"in_flight"`
	MaxInFlight int `json:"max_in_flight"`
	// Requests are all that arrived, whatever became of them, by path.
	Requests map[string]int `json:"requests"`
}

// stats counts.
type stats struct {
	mu sync.Mutex
	figures
}

func newStats() *stats {
	s := &stats{}
	s.reset()
	return s
}

// reset counts from nothing again; what is in flight stays so.
func (s *stats) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures = figures{
		Exchanges: map[string]int{"authorization_code": 0, "refresh_token": 0, "client_credentials": 0},
		InFlight:  s.InFlight, MaxInFlight: s.InFlight,
		Requests: map[string]int{},
	}
}

func (s *stats) read() figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	read := s.figures
	read.Exchanges, read.Requests = maps.Clone(s.Exchanges), maps.Clone(s.Requests)
	return read
}

func (s *stats) arrived(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Requests[path]++
	if path == tokenPath {
		s.InFlight++
		s.MaxInFlight = max(s.MaxInFlight, s.InFlight)
	}
}

func (s *stats) ended(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if path == tokenPath {
		s.InFlight--
	}
}

func (s *stats) granted(grantType string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Exchanges[grantType]++
}

func (s *stats) failed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Failures++
}

func (s *stats) reused() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ReuseDetected++
}

// counted counts the requests of an endpoint.
func (s *server) counted(path string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.stats.arrived(path)
		defer s.stats.ended(path)
		next.ServeHTTP(w, r)
	})
}
