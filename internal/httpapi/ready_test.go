package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"strongroom/api"
	"strongroom/internal/catalog"
	"strongroom/internal/httpapi"
	"strongroom/internal/telemetry"
)

// readyScene is a server with one check that a test decides the outcome of.
type readyScene struct {
	handler http.Handler
	now     time.Time
	err     error
	looks   int
}

func newReadyScene(t *testing.T) *readyScene {
	t.Helper()
	s := &readyScene{now: time.Unix(1000, 0)}
	known, err := catalog.Load("")
	if err != nil {
		t.Fatal(err)
	}
	metrics := telemetry.New("test")
	s.handler, err = httpapi.New(httpapi.Options{
		Catalog: known, Metrics: metrics.Handler(), Observer: metrics, Log: slog.New(slog.DiscardHandler),
		Clock: func() time.Time { return s.now }, Tracer: noop.NewTracerProvider().Tracer("test"), Prefix: "/api",
		Limits: httpapi.Limits{BodyBytes: 1 << 20, Concurrent: 8},
		Checks: []httpapi.Check{{Name: "database", Ready: func(context.Context) error { s.looks++; return s.err }}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *readyScene) ask(t *testing.T) (int, api.Health) {
	t.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	var health api.Health
	if err := json.Unmarshal(w.Body.Bytes(), &health); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return w.Code, health
}

func TestNotReadySaysWhyAndWhen(t *testing.T) {
	s := newReadyScene(t)
	s.err = errors.New("the disk is full: free some space")
	status, health := s.ask(t)
	if status != http.StatusServiceUnavailable || health.Status != "unavailable" || *health.Checks[0].Reason != s.err.Error() {
		t.Errorf("answered %d %+v", status, health)
	}
	s.err, s.now = nil, s.now.Add(time.Second)
	if status, health := s.ask(t); status != http.StatusOK || health.Checks[0].Reason != nil {
		t.Errorf("once it is well: answered %d %+v", status, health)
	}
}

func TestAskingOftenDoesNotLookOften(t *testing.T) {
	s := newReadyScene(t)
	for range 100 {
		s.ask(t)
	}
	if s.looks != 1 {
		t.Errorf("looked %d times within a second, want once", s.looks)
	}
	s.now = s.now.Add(time.Second)
	s.ask(t)
	if s.looks != 2 {
		t.Errorf("looked %d times after a second, want twice", s.looks)
	}
}
