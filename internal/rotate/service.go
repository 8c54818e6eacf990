package rotate

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
	"strongroom/internal/custody"
	"strongroom/internal/policy"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

// Custody is the authority over the credentials that are rotated; *custody.Service is one.
type Custody interface {
	Lend(ctx context.Context, caller strongroom.Caller, action policy.Action, event strongroom.Event, id uuid.UUID) (strongroom.Credential, secret.Value, error)
	Permit(ctx context.Context, caller strongroom.Caller, action policy.Action, event strongroom.Event, id uuid.UUID) (strongroom.Credential, error)
	Promote(ctx context.Context, caller strongroom.Caller, id uuid.UUID, from int64, data secret.Value,
		also func(tx store.Tx, promoted strongroom.Credential) ([]strongroom.Event, error)) (strongroom.Credential, error)
}

// Far speaks to the far end; far.Far does. Each method can be called again with the same
// effect, and returns when ctx ends. A result without a phase "operation" says that nothing
// was changed.
type Far interface {
	// SetPassword gives the role, which data signs in as, a new password.
	SetPassword(ctx context.Context, data secret.Value, role string, newPassword secret.Value) strongroom.CheckResult
	TestPostgreSQL(ctx context.Context, data secret.Value) strongroom.CheckResult
	// AddKey lets the public key sign in beside those that may.
	AddKey(ctx context.Context, data secret.Value, knownHost, public, comment string) strongroom.CheckResult
	// RemoveKey takes the old one out, and refuses to where the new one is not there.
	RemoveKey(ctx context.Context, data secret.Value, knownHost, oldPublic, newPublic string) strongroom.CheckResult
	TestSFTP(ctx context.Context, data secret.Value, knownHost string) strongroom.CheckResult
}

// Sealer encrypts data bound to its record.
type Sealer interface {
	Seal(ctx context.Context, b seal.Binding, plaintext secret.Value) ([]byte, error)
	Open(ctx context.Context, b seal.Binding, sealed []byte) (secret.Value, error)
}

const (
	// DefaultLease is how long somebody works on a rotation before others take them for
	// gone, where Options do not say.
	DefaultLease = 45 * time.Second
	// wordTime bounds one word to the far end.
	wordTime = 15 * time.Second
)

// Options is what a Service is made of. All but Jitter, Reached, Observe, Lease and Grace
// are required.
type Options struct {
	Store   store.Rotations
	Audit   audit.Recorder
	Custody Custody
	Sealer  Sealer
	Catalog *catalog.Catalog
	Far     Far
	Clock   strongroom.Clock
	Log     *slog.Logger
	// Jitter is a number from 0 to 1, each time another; nil: a random one.
	Jitter func() float64
	// Reached is told before and after every durable write and every word to the far end:
	// "before lease", "after lease" and so on.
	Reached func(step string)
	// Observe is told of each state that a rotation has come to, for metrics; code is empty
	// where nothing went wrong.
	Observe func(method string, state strongroom.RotationState, code strongroom.CheckCode)
	// Lease bounds how long one process works on a rotation without a durable write; 0:
	// DefaultLease.
	Lease time.Duration
	// Grace is that of a credential whose policy names none; 0:
	// strongroom.DefaultRotationGrace.
	Grace time.Duration
}

// Service rotates. It is safe for concurrent use.
type Service struct {
	Options

	mu      sync.Mutex
	flights map[uuid.UUID]*flight
	looks   map[uuid.UUID]*look
	numbers uint64
	closed  bool
	running sync.WaitGroup
	// admitting ends when Close begins: what has told the far end nothing yet gives up.
	// telling ends when Close has waited long enough for the far end, and living when it has
	// for what came of it to be stored.
	admitting, telling, living stage
}

var (
	_ strongroom.RotationService = (*Service)(nil)
	_ custody.Settler            = (*Service)(nil)
)

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
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Reached == nil {
		o.Reached = func(string) {}
	}
	if o.Observe == nil {
		o.Observe = func(string, strongroom.RotationState, strongroom.CheckCode) {}
	}
	if o.Lease <= 0 {
		o.Lease = DefaultLease
	}
	if o.Grace <= 0 {
		o.Grace = strongroom.DefaultRotationGrace
	}
	return &Service{
		Options: o, flights: map[uuid.UUID]*flight{}, looks: map[uuid.UUID]*look{},
		admitting: newStage(), telling: newStage(), living: newStage(),
	}
}

// storeTime is what Close leaves to the writes, of the time it is given.
const storeTime = 3 * time.Second

// Close begins nothing new and waits for those that have told the far end something, so that
// what came of it is stored. Shortly before ctx ends it waits for no answer any more, and
// when it ends for nothing; then its error is returned. What is left undone goes on in
// whichever process comes next.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.admitting.end()
	defer s.telling.end()
	defer s.living.end()
	if deadline, ok := ctx.Deadline(); ok {
		defer time.AfterFunc(time.Until(deadline.Add(-storeTime)), s.telling.end).Stop()
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
