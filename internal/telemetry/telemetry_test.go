package telemetry_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/telemetry"
)

func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestEveryPromiseIsCounted(t *testing.T) {
	m := telemetry.New("v1.2.3")
	m.Request("GET", "/api/x/{id}", 200, time.Millisecond)
	m.InFlight(1)
	m.AuthenticationFailed()
	m.Limited("address")
	m.Act(strongroom.ActionCredentialRead, strongroom.OutcomeAllowed, "")
	m.Act(strongroom.ActionCredentialRead, strongroom.OutcomeDenied, strongroom.CodeServiceAccountRequired)
	m.AuditBatch(3, time.Millisecond, nil)
	m.AuditBatch(1, time.Millisecond, errors.New("disk"))
	m.Store("write", time.Millisecond, errors.New("disk"))
	m.KeyService("unwrap", time.Millisecond, nil)
	got := scrape(t, m)
	for _, want := range []string{
		`strongroom_http_requests_total{method="GET",route="/api/x/{id}",status="200"} 1`,
		`strongroom_http_requests_in_flight 1`,
		`strongroom_authentication_failures_total 1`,
		`strongroom_requests_limited_total{limit="address"} 1`,
		`strongroom_acts_total{action="credential.read",code="",outcome="allowed"} 1`,
		`strongroom_acts_total{action="credential.read",code="service_account_required",outcome="denied"} 1`,
		`strongroom_audit_batches_total{result="ok"} 1`,
		`strongroom_audit_batches_total{result="failed"} 1`,
		`strongroom_audit_batch_events_sum 4`,
		`strongroom_store_errors_total{operation="write"} 1`,
		`strongroom_key_service_calls_total{operation="unwrap",result="ok"} 1`,
		`strongroom_build_info{version="v1.2.3"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func TestSpansAreSentToTheEndpointBeforeTheEnd(t *testing.T) {
	received := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		received <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	tracer, stop, err := telemetry.StartTracing(t.Context(), collector.Client(), collector.URL, "v1")
	if err != nil {
		t.Fatal(err)
	}
	_, span := tracer.Start(t.Context(), "GET /api/x/{id}")
	span.End()
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-received; !strings.Contains(got, "/v1/traces") || !strings.Contains(got, "GET /api/x/{id}") {
		t.Errorf("the collector got %q", got)
	}
}

func TestCredentialsAreCountedByStateOnceAMinute(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	asked, broken := 0, error(nil)
	m := telemetry.New("v1")
	m.ObserveStates(&telemetry.States{
		Clock: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Count: func(context.Context) ([]strongroom.HealthCount, error) {
			asked++
			return []strongroom.HealthCount{
				{Provider: "sftp", Status: strongroom.StatusActive, Health: strongroom.HealthFailing, Count: 3},
				{Provider: "google", Status: strongroom.StatusNeedsReauth, Count: 2},
			}, broken
		},
	})
	for range 3 {
		text := scrape(t, m)
		for _, want := range []string{
			`strongroom_credentials{health="failing",provider="sftp",status="active"} 3`,
			`strongroom_credentials{health="unknown",provider="google",status="needs_reauth"} 2`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the metrics lack %s", want)
			}
		}
	}
	if asked != 1 {
		t.Errorf("counted %d times for three looks within a minute", asked)
	}
	now, broken = now.Add(time.Minute), errors.New("the database is away")
	if text := scrape(t, m); asked != 2 || strings.Contains(text, "strongroom_credentials{") {
		t.Errorf("after a minute, with the database away: counted %d times; metrics:\n%s", asked, text)
	}
}
