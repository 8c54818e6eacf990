package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/identity"
)

// Authenticator turns what a request presents into a principal.
type Authenticator interface {
	Authenticate(ctx context.Context, p identity.Presented) (strongroom.Principal, error)
}

// Observer is told of every request, for metrics.
type Observer interface {
	// Request is told of a served request; route is a pattern, never a path.
	Request(method, route string, status int, took time.Duration)
	// InFlight is told when a request begins (+1) and ends (-1).
	InFlight(delta int)
	// AuthenticationFailed is told of a request whose credential was not accepted.
	AuthenticationFailed()
	// Limited is told of a request that was turned away by a limit.
	Limited(by string)
}

// ReadAhead is told which credential a request will open, before it is known whose.
type ReadAhead interface {
	Expect(ctx context.Context, credential uuid.UUID) context.Context
}

// Check is one thing that the service needs to do its work.
type Check struct {
	Name string
	// Ready returns an error that says to the operator what is wrong.
	Ready func(ctx context.Context) error
}

// Options is what the server is made of. All but ReadAhead, Tracer and
// TrustedProxies are required.
type Options struct {
	Credentials   strongroom.CredentialService
	Accounts      strongroom.ServiceAccountService
	OAuth         strongroom.OAuthService
	Connections   strongroom.ConnectionService
	Rotations     strongroom.RotationService
	Audit         strongroom.AuditService
	Catalog       *catalog.Catalog
	Authenticator Authenticator
	ReadAhead     ReadAhead
	Checks        []Check
	Metrics       http.Handler
	Observer      Observer
	Log           *slog.Logger
	Clock         strongroom.Clock
	// Tracer makes a span for every request; nil: none.
	Tracer trace.Tracer
	// Prefix is where the API stands, "/api" say.
	Prefix string
	// Version is the binary's, for the OpenAPI document.
	Version string
	// SecureCookies says that browsers come by https.
	SecureCookies bool
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	Limits         Limits
}

type server struct {
	Options
	limits   *limiter
	mux      *http.ServeMux
	registry huma.Registry
	document *huma.OpenAPI
}

// New returns the handler of every request.
func New(o Options) (http.Handler, error) {
	s := &server{Options: o, limits: newLimiter(o.Limits, o.Clock), mux: http.NewServeMux()}
	s.registry, s.document = newDocument(o.Version, o.Prefix)
	for _, op := range s.operations() {
		s.register(op)
	}
	s.openAnswers()
	if err := s.registerPages(); err != nil {
		return nil, err
	}
	return s.handler(), nil
}

// register serves an operation and puts it into the document.
func (s *server) register(op operation) {
	op.path = s.Prefix + op.path
	if op.body != nil {
		op.schema = s.registry.Schema(op.body, true, op.body.Name())
	}
	s.describe(op)
	pattern := op.path
	if op.pattern != "" {
		pattern = s.Prefix + op.pattern
	}
	s.mux.Handle(op.method+" "+pattern, s.serve(op))
}
