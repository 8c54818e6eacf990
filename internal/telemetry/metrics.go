package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"strongroom"
)

// Metrics are the service's own, in a registry of their own.
type Metrics struct {
	registry *prometheus.Registry

	requests     *prometheus.CounterVec
	requestTime  *prometheus.HistogramVec
	inFlight     prometheus.Gauge
	authFailures prometheus.Counter
	limited      *prometheus.CounterVec

	acts        *prometheus.CounterVec
	auditBatch  *prometheus.CounterVec
	auditEvents prometheus.Histogram
	auditTime   prometheus.Histogram
	storeTime   *prometheus.HistogramVec
	storeErrors *prometheus.CounterVec
	keyCalls    *prometheus.CounterVec
	keyTime     *prometheus.HistogramVec
	refreshes   *prometheus.CounterVec
	refreshTime *prometheus.HistogramVec
	checks      *prometheus.CounterVec
	checkTime   *prometheus.HistogramVec
	rotations   *prometheus.CounterVec
}

// New returns metrics that count from zero. version is the binary's.
func New(version string) *Metrics {
	m := &Metrics{
		registry:     prometheus.NewRegistry(),
		requests:     counters("http_requests_total", "Requests served.", "method", "route", "status"),
		requestTime:  histograms("http_request_duration_seconds", "How long requests took.", requestBuckets, "route"),
		inFlight:     prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "http_requests_in_flight", Help: "Requests being served."}),
		authFailures: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "authentication_failures_total", Help: "Requests whose credential was not accepted."}),
		limited:      counters("requests_limited_total", "Requests turned away by a limit.", "limit"),
		acts:         counters("acts_total", "Acts on record by outcome and error code: reads of secrets are credential.read.", "action", "outcome", "code"),
		auditBatch:   counters("audit_batches_total", "Commits of the audit log.", "result"),
		auditEvents:  prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: "audit_batch_events", Help: "Events a commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		auditTime:    prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: "audit_batch_duration_seconds", Help: "How long commits of the audit log took.", Buckets: requestBuckets}),
		storeTime:    histograms("store_operation_duration_seconds", "How long the database took.", requestBuckets, "operation"),
		storeErrors:  counters("store_errors_total", "Operations of the database that failed.", "operation"),
		keyCalls:     counters("key_service_calls_total", "Calls of the root key's keeper.", "operation", "result"),
		keyTime:      histograms("key_service_duration_seconds", "How long the keeper took.", requestBuckets, "operation"),
		refreshes:    counters("oauth_refreshes_total", "Attempts to renew a token; reason is empty for those that did.", "provider", "reason"),
		refreshTime:  histograms("oauth_refresh_duration_seconds", "How long attempts to renew a token took.", requestBuckets, "provider"),
		checks:       counters("checks_total", "Tests of connections; code is empty for those that went well.", "provider", "trigger", "code"),
		checkTime:    histograms("check_duration_seconds", "How long tests of connections took.", requestBuckets, "provider"),
		rotations:    counters("rotation_steps_total", "Steps of rotations by the state they led to; code says why one came to nothing.", "method", "state", "code"),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "The binary's version."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.requests, m.requestTime, m.inFlight, m.authFailures, m.limited, m.acts, m.auditBatch, m.auditEvents,
		m.auditTime, m.storeTime, m.storeErrors, m.keyCalls, m.keyTime, m.refreshes, m.refreshTime, m.checks, m.checkTime, m.rotations, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

const namespace = "strongroom"

// requestBuckets are in seconds, from what a cached read takes to what a client gives up at.
var requestBuckets = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// Handler serves the metrics in Prometheus' text form.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Request counts a served request; route is a pattern.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.requestTime.WithLabelValues(route).Observe(took.Seconds())
}

// InFlight counts requests up and down.
func (m *Metrics) InFlight(delta int) { m.inFlight.Add(float64(delta)) }

// AuthenticationFailed counts a request whose credential was not accepted.
func (m *Metrics) AuthenticationFailed() { m.authFailures.Inc() }

// Limited counts a request that was turned away.
func (m *Metrics) Limited(by string) { m.limited.WithLabelValues(by).Inc() }

// Act counts an act and how it ended; code is "" where it was allowed.
func (m *Metrics) Act(action strongroom.Action, outcome strongroom.Outcome, code strongroom.Code) {
	m.acts.WithLabelValues(string(action), string(outcome), string(code)).Inc()
}

// AuditBatch counts a commit of the audit log.
func (m *Metrics) AuditBatch(events int, took time.Duration, err error) {
	m.auditBatch.WithLabelValues(result(err)).Inc()
	m.auditEvents.Observe(float64(events))
	m.auditTime.Observe(took.Seconds())
}

// Store counts an operation of the database.
func (m *Metrics) Store(operation string, took time.Duration, err error) {
	m.storeTime.WithLabelValues(operation).Observe(took.Seconds())
	if err != nil {
		m.storeErrors.WithLabelValues(operation).Inc()
	}
}

// KeyService counts a call of the root key's keeper.
func (m *Metrics) KeyService(operation string, took time.Duration, err error) {
	m.keyCalls.WithLabelValues(operation, result(err)).Inc()
	m.keyTime.WithLabelValues(operation).Observe(took.Seconds())
}

// Refresh counts an attempt to renew a token; reason is "" where it was renewed.
func (m *Metrics) Refresh(provider string, reason strongroom.StatusReason, took time.Duration) {
	m.refreshes.WithLabelValues(provider, string(reason)).Inc()
	m.refreshTime.WithLabelValues(provider).Observe(took.Seconds())
}

// Check counts a test of a connection.
func (m *Metrics) Check(provider string, trigger strongroom.CheckTrigger, r strongroom.CheckResult, took time.Duration) {
	m.checks.WithLabelValues(provider, string(trigger), string(r.Code)).Inc()
	m.checkTime.WithLabelValues(provider).Observe(took.Seconds())
}

// Rotation counts a step of a rotation.
func (m *Metrics) Rotation(method string, state strongroom.RotationState, code strongroom.CheckCode) {
	m.rotations.WithLabelValues(method, string(state), string(code)).Inc()
}

func result(err error) string {
	if err != nil {
		return "failed"
	}
	return "ok"
}
