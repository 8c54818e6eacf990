package connect

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/endpoint"
	"strongroom/internal/oauth/gate"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

// Endpoint speaks to a provider. Its methods return when ctx ends.
type Endpoint interface {
	Resolve(ctx context.Context, def catalog.OAuth) (catalog.OAuth, error)
	Exchange(ctx context.Context, def catalog.OAuth, c oauth.Client, code, verifier secret.Value, redirectURI string) oauth.Answer
	Email(ctx context.Context, def catalog.OAuth, accessToken secret.Value) (string, error)
	VerifyIDToken(ctx context.Context, def catalog.OAuth, clientID string, idToken secret.Value, nonce string) (endpoint.Claims, error)
}

// Credentials stores what a connection brings; custody.Service has it.
type Credentials interface {
	Create(ctx context.Context, caller strongroom.Caller, n strongroom.NewCredential) (strongroom.Credential, error)
	Reconnect(ctx context.Context, caller strongroom.Caller, id uuid.UUID, clientID string, merge func(old secret.Value) (secret.Value, error)) (strongroom.Credential, error)
}

// Store is what this package reads of the database.
type Store interface {
	store.OAuth
	Credential(ctx context.Context, organization, id uuid.UUID) (strongroom.Credential, error)
}

// Sealer encrypts what a flow has to remember, and clients' secrets.
type Sealer interface {
	Seal(ctx context.Context, b seal.Binding, plaintext secret.Value) ([]byte, error)
	Open(ctx context.Context, b seal.Binding, sealed []byte) (secret.Value, error)
}

// Limits of a connection.
const (
	// flowLifetime is how long a person may take at the provider.
	flowLifetime = 10 * time.Minute
	// maxFlows is how many connections a user may have under way.
	maxFlows = 20
	// callbackTime bounds what a callback does: the exchange, keys, userinfo, storing.
	callbackTime = 25 * time.Second
	// exchangeTime bounds the exchange of the code.
	exchangeTime = 15 * time.Second
)

// Options is what a Service is made of. All but Observe are required.
type Options struct {
	Store       Store
	Audit       audit.Recorder
	Sealer      Sealer
	Catalog     *catalog.Catalog
	Credentials Credentials
	Endpoint    Endpoint
	Gate        *gate.Gate
	Clients     *Clients
	// PublicURL is where browsers reach this service, without a path; empty: connections
	// cannot be begun.
	PublicURL string
	// Redirects are where browsers may be sent in the end.
	Redirects Redirects
	Clock     strongroom.Clock
	Log       *slog.Logger
	// Observe is told how each recorded act ended, for metrics; nil: nobody is.
	Observe func(action strongroom.Action, outcome strongroom.Outcome, code strongroom.Code)
}

// Service implements strongroom.OAuthService.
type Service struct {
	Options
}

var _ strongroom.OAuthService = (*Service)(nil)

// New returns the authority over connections.
func New(o Options) *Service {
	if o.Observe == nil {
		o.Observe = func(strongroom.Action, strongroom.Outcome, strongroom.Code) {}
	}
	return &Service{Options: o}
}

// refuse puts on record that an act was denied, and returns why; where that cannot be
// recorded, it returns that.
func (s *Service) refuse(ctx context.Context, e strongroom.Event, cause error) error {
	e = e.Denied(cause)
	if err := s.Audit.Record(ctx, e); err != nil {
		return audit.Unrecorded(err)
	}
	s.Observe(e.Action, e.Outcome, e.Reason)
	return cause
}
