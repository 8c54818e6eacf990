package refresh

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/gate"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

// Client is an OAuth client: who asks the provider.
type Client = oauth.Client

// Clients finds the OAuth client for a credential's provider: the one that issued names, or
// where it is empty the organization's own, and else the operator's. It is asked at every
// attempt, so that a client that was corrected is used at once. The error is
// store.ErrNotFound where there is none.
type Clients interface {
	Client(ctx context.Context, organization uuid.UUID, provider, issuedTo string) (Client, error)
}

// Endpoint speaks to a provider. Its methods make one request each and return when ctx ends.
type Endpoint interface {
	Resolve(ctx context.Context, def catalog.OAuth) (catalog.OAuth, error)
	Refresh(ctx context.Context, def catalog.OAuth, c Client, refreshToken secret.Value) oauth.Answer
	ClientCredentials(ctx context.Context, def catalog.OAuth, c Client, scopes []string) oauth.Answer
	Revoke(ctx context.Context, def catalog.OAuth, c Client, token secret.Value, hint string) error
}

// Sealer encrypts data bound to its credential.
type Sealer interface {
	Seal(ctx context.Context, b seal.Binding, plaintext secret.Value) ([]byte, error)
	Open(ctx context.Context, b seal.Binding, sealed []byte) (secret.Value, error)
}

// Reader reads how it stands with a credential's renewal, and what is due; store.Store has it.
type Reader interface {
	RenewalState(ctx context.Context, organization, id uuid.UUID) (store.RenewalState, error)
	DueRenewals(ctx context.Context, now time.Time) ([]string, error)
}

// DefaultTimeout bounds an exchange where Options do not.
const DefaultTimeout = 15 * time.Second

// DefaultLeaseMargin is how much longer than an exchange a lease lasts, where Options do
// not say: time enough for the end to be stored.
const DefaultLeaseMargin = 10 * time.Second

// flightMargin is how much longer than a lease a flight lasts: it may wait for its turn, or
// for somebody else's lease to end.
const flightMargin = 20 * time.Second

// Options is what a Service is made of. All but Timeout, LeaseMargin, Jitter and Observe are
// required.
type Options struct {
	Store    Reader
	Audit    audit.Recorder
	Sealer   Sealer
	Catalog  *catalog.Catalog
	Clients  Clients
	Endpoint Endpoint
	Gate     *gate.Gate
	Clock    strongroom.Clock
	Log      *slog.Logger
	// Timeout bounds an exchange; the lease lasts LeaseMargin longer. 0: the defaults.
	Timeout, LeaseMargin time.Duration
	// Jitter is a number from 0 to 1, each time another; nil: a random one.
	Jitter func() float64
	// Observe is told how each attempt ended; reason is empty where it went well.
	Observe func(provider string, reason strongroom.StatusReason, took time.Duration)
}

// Service renews tokens. It is safe for concurrent use.
type Service struct {
	Options

	mu      sync.Mutex
	flights map[uuid.UUID]*flight
	closed  bool
	running sync.WaitGroup
	// admitting ends when Close begins: what has not asked the provider yet gives up. asking
	// ends when Close has waited for the answers long enough, and living when it has for
	// their ends to be stored.
	admitting, asking, living stage
}

// stage is how long something goes on.
type stage struct {
	context.Context
	end context.CancelFunc
}

func newStage() (s stage) {
	s.Context, s.end = context.WithCancel(context.Background())
	return s
}

// New returns a Service; Close ends it.
func New(o Options) *Service {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.LeaseMargin <= 0 {
		o.LeaseMargin = DefaultLeaseMargin
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Observe == nil {
		o.Observe = func(string, strongroom.StatusReason, time.Duration) {}
	}
	return &Service{Options: o, flights: map[uuid.UUID]*flight{}, admitting: newStage(), asking: newStage(), living: newStage()}
}

// storeTime is what Close leaves to the ends of attempts, of the time it is given.
const storeTime = 3 * time.Second

// Close begins no new attempts and waits for those that have asked the provider, whose
// tokens would be lost otherwise. Shortly before ctx ends it waits for no answer any more,
// and when it ends for nothing; then its error is returned.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.admitting.end()
	defer s.asking.end()
	defer s.living.end()
	if deadline, ok := ctx.Deadline(); ok {
		defer time.AfterFunc(time.Until(deadline.Add(-storeTime)), s.asking.end).Stop()
	}
	ended := make(chan struct{})
	go func() { s.running.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
