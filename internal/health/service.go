package health

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/policy"
	"strongroom/internal/store"
	"strongroom/secret"
)

// Subject is what a Tester tests.
type Subject struct {
	// Provider is the provider's id.
	Provider string
	Type     strongroom.CredentialType
	// Data is a JSON object that fits the schema of provider and type. It is destroyed when
	// the test has ended.
	Data secret.Value
	// KnownHost is the SSH host key that an earlier test saw, as a line of known_hosts;
	// empty: there is none.
	KnownHost string
	// LookOnly asks for a test that changes nothing at the server, because nobody asked.
	LookOnly bool
}

// Tester tests a connection and returns soon after ctx has ended. Its result holds no
// secret. A detail "known_host" of a test that went well is kept, and is the next Subject's.
type Tester func(ctx context.Context, s Subject) strongroom.CheckResult

// Custody is what a Service needs of the authority over credentials; custody.Service has it.
type Custody interface {
	Get(ctx context.Context, caller strongroom.Caller, id uuid.UUID) (strongroom.Credential, error)
	Permit(ctx context.Context, caller strongroom.Caller, action policy.Action, event strongroom.Event, id uuid.UUID) (strongroom.Credential, error)
	Lend(ctx context.Context, caller strongroom.Caller, action policy.Action, event strongroom.Event, id uuid.UUID) (strongroom.Credential, secret.Value, error)
}

// How many tests on demand there are at once, where Options do not say.
const (
	DefaultConcurrent      = 64
	DefaultPerOrganization = 8
)

// Options is what a Service is made of. All down to Log are required.
type Options struct {
	Store   store.Checks
	Audit   audit.Recorder
	Custody Custody
	Catalog *catalog.Catalog
	// Testers are those of the tests that definitions name. What has none is not tested.
	Testers map[catalog.Test]Tester
	Clock   strongroom.Clock
	Log     *slog.Logger
	// Jitter is a number from 0 to 1, each time another; nil: a random one.
	Jitter func() float64
	// Observe is told of each test, for metrics; nil: nobody is.
	Observe func(provider string, trigger strongroom.CheckTrigger, r strongroom.CheckResult, took time.Duration)
	// Every replaces the interval of every definition; 0: the definition's.
	Every time.Duration
	// PerSecond is how many scheduled tests are begun a second at most; 0: no limit.
	PerSecond int
	// Concurrent and PerOrganization bound the tests on demand at once; 0: the defaults.
	Concurrent, PerOrganization int
}

// Service implements strongroom.ConnectionService. It is safe for concurrent use.
type Service struct {
	Options
	slots slots
}

var _ strongroom.ConnectionService = (*Service)(nil)

// New returns a Service.
func New(o Options) *Service {
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Observe == nil {
		o.Observe = func(string, strongroom.CheckTrigger, strongroom.CheckResult, time.Duration) {}
	}
	if o.Concurrent <= 0 {
		o.Concurrent = DefaultConcurrent
	}
	if o.PerOrganization <= 0 {
		o.PerOrganization = DefaultPerOrganization
	}
	return &Service{Options: o, slots: slots{most: o.Concurrent, mostEach: o.PerOrganization, taken: map[uuid.UUID]int{}}}
}

// test is how credentials of a provider and type are tested.
type test struct {
	provider catalog.Provider
	tester   Tester
	every    time.Duration
}

// testOf returns false where there is no test.
func (s *Service) testOf(provider string, t strongroom.CredentialType) (test, bool) {
	p, ok := s.Catalog.Provider(provider)
	if !ok {
		return test{}, false
	}
	h, ok := p.TestOf(t)
	if !ok || s.Testers[h.Test] == nil {
		return test{}, false
	}
	if s.Every > 0 {
		h.Every = s.Every
	}
	return test{provider: p, tester: s.Testers[h.Test], every: h.Every}, true
}

func errNoTest() error {
	return strongroom.Errorf(strongroom.CodeBadRequest, "There is no test for credentials of this provider and type")
}
