package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"path"
	"time"

	"github.com/oklog/ulid/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"strongroom"
	"strongroom/internal/stack"
)

// handler wraps the mux in what every request goes through.
func (s *server) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{requestID: ulid.Make().String(), began: s.Clock(), address: clientAddress(r, s.TrustedProxies)}
		ctx := context.WithValue(r.Context(), exchangeKey{}, x)
		ctx, span := s.startSpan(ctx, r)
		rec := &recorder{ResponseWriter: w}
		w.Header().Set("X-Request-Id", x.requestID)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		s.Observer.InFlight(1)
		defer func() {
			if recover() != nil {
				s.recovered(rec, x)
			}
			s.Observer.InFlight(-1)
			s.finish(ctx, r, rec, x, span)
		}()
		s.admit(rec, r.WithContext(ctx), x)
	})
}

// admit holds the request to the limits that need not know who calls.
func (s *server) admit(w http.ResponseWriter, r *http.Request, x *exchange) {
	if s.vital(r) {
		s.route(w, r, x)
		return
	}
	if wait := s.limits.address(x.address); wait > 0 {
		s.Observer.Limited("address")
		writeError(w, x, errLimited(wait))
		return
	}
	if !s.limits.enter() {
		s.Observer.Limited("concurrency")
		writeError(w, x, strongroom.Unavailable(strongroom.CodeOverloaded, "Too many requests are being served; try again", time.Second))
		return
	}
	defer s.limits.leave()
	s.route(w, r, x)
}

// vital requests are answered however busy the service is: without them, whoever watches
// would take a busy replica for a dead one.
func (s *server) vital(r *http.Request) bool {
	switch r.URL.Path {
	case "/healthz", "/readyz", "/metrics":
		return true
	}
	return false
}

// route hands the request to the mux, and answers by itself what the mux would answer in
// plain text: an unclean path, no such route, no such method.
func (s *server) route(w http.ResponseWriter, r *http.Request, x *exchange) {
	p := r.URL.Path
	if r.Method == http.MethodConnect || p == "" || p[0] != '/' || p != "/" && path.Clean(p) != p {
		writeError(w, x, errNoRoute())
		return
	}
	mw := muxWriter{ResponseWriter: w, x: x}
	s.mux.ServeHTTP(&mw, r)
	switch {
	case !mw.refused:
	case mw.status == http.StatusMethodNotAllowed:
		// The mux has set the Allow header (RFC 9110, section 10.2.1).
		writeError(w, x, strongroom.Errorf(strongroom.CodeMethodNotAllowed, "This path does not take that method; see the Allow header"))
	default:
		writeError(w, x, errNoRoute())
	}
}

// muxWriter passes on what our handlers write, and holds back what the mux itself does.
type muxWriter struct {
	http.ResponseWriter
	x       *exchange
	refused bool
	status  int
}

func (w *muxWriter) WriteHeader(status int) {
	if !w.x.reached {
		w.refused, w.status = true, status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *muxWriter) Write(b []byte) (int, error) {
	if !w.x.reached {
		w.refused = true
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *muxWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func errNoRoute() error {
	return strongroom.Errorf(strongroom.CodeNotFound, "There is nothing at this path; /docs lists what there is")
}

// recovered answers for a handler that panicked. What it panicked with is not logged: it
// may hold anything; the stack, which holds no values, is.
func (s *server) recovered(w *recorder, x *exchange) {
	s.Log.Error("a request panicked", "request_id", x.requestID, "route", x.route, "stack", stack.Here())
	if w.status == 0 {
		writeError(w, x, strongroom.Errorf(strongroom.CodeInternal, "Something went wrong here; the request id finds it in the operator's log"))
	}
}

// finish writes the request's one log line, metrics and span.
func (s *server) finish(ctx context.Context, r *http.Request, rec *recorder, x *exchange, span trace.Span) {
	took := s.Clock().Sub(x.began)
	route := x.route
	if route == "" {
		route = "none"
	}
	method := knownMethod(r.Method)
	s.Observer.Request(method, route, rec.status, took)
	level := slog.LevelInfo
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs, slog.String("request_id", x.requestID), slog.String("method", method), slog.String("route", route),
		slog.Int("status", rec.status), slog.Float64("duration_ms", milliseconds(took)), slog.String("address", x.address.String()))
	if x.caller.Kind != "" {
		attrs = append(attrs, slog.String("principal_kind", string(x.caller.Kind)),
			slog.String("principal_id", x.caller.ID.String()), slog.String("organization_id", x.caller.OrganizationID.String()))
	}
	if x.err != nil {
		attrs = append(attrs, slog.String("code", string(x.err.Code)))
		if rec.status >= http.StatusInternalServerError {
			level = slog.LevelError
			attrs = append(attrs, slog.String("error", x.err.Error()))
		}
	}
	s.Log.LogAttrs(ctx, level, "request", attrs...)
	if span != nil {
		endSpan(span, method, route, rec.status, x)
	}
}

func (s *server) startSpan(ctx context.Context, r *http.Request) (context.Context, trace.Span) {
	if s.Tracer == nil {
		return ctx, nil
	}
	return s.Tracer.Start(ctx, "HTTP "+knownMethod(r.Method), trace.WithSpanKind(trace.SpanKindServer))
}

func endSpan(span trace.Span, method, route string, status int, x *exchange) {
	span.SetName(method + " " + route)
	span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status), attribute.String("strongroom.request_id", x.requestID))
	if x.caller.Kind != "" {
		span.SetAttributes(attribute.String("strongroom.principal_kind", string(x.caller.Kind)),
			attribute.String("strongroom.principal_id", x.caller.ID.String()))
	}
	if x.err != nil && status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, string(x.err.Code))
	}
	span.End()
}

// knownMethod keeps labels few: a method may be any word a client thinks of.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}
