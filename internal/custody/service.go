package custody

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/policy"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

// Sealer encrypts data bound to its credential.
type Sealer interface {
	Seal(ctx context.Context, b seal.Binding, plaintext secret.Value) ([]byte, error)
	Open(ctx context.Context, b seal.Binding, sealed []byte) (secret.Value, error)
}

// Options is what a Service is made of. All but Renewer, Settler, Jitter and Observe are required.
type Options struct {
	Store   store.Credentials
	Audit   audit.Recorder
	Sealer  Sealer
	Catalog *catalog.Catalog
	Clock   strongroom.Clock
	Limits  store.CredentialLimits
	// Renewer keeps OAuth tokens fresh; nil: nobody does.
	Renewer Renewer
	// Settler finds out which secret opens a credential whose rotation is in doubt; nil:
	// nobody does.
	Settler Settler
	// Jitter is a number from 0 to 1, each time another; nil: a random one.
	Jitter func() float64
	// Observe is told how each recorded act ended, for metrics; nil: nobody is.
	Observe func(action strongroom.Action, outcome strongroom.Outcome, code strongroom.Code)
}

// Service implements strongroom.CredentialService.
type Service struct {
	Options
}

var _ strongroom.CredentialService = (*Service)(nil)

// New returns the authority over the credentials in o.Store.
func New(o Options) *Service {
	if o.Observe == nil {
		o.Observe = func(strongroom.Action, strongroom.Outcome, strongroom.Code) {}
	}
	if o.Renewer == nil {
		o.Renewer = noRenewer{}
	}
	if o.Settler == nil {
		o.Settler = noSettler{}
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	return &Service{Options: o}
}

// List implements strongroom.CredentialService.
func (s *Service) List(ctx context.Context, caller strongroom.Caller, q strongroom.CredentialQuery) ([]strongroom.Credential, error) {
	filter := store.CredentialFilter{Page: q.Page}
	action := policy.ListCredentials
	if q.WholeOrganization {
		action = policy.ListAllCredentials
	} else if caller.Kind == strongroom.KindUser {
		filter.Owner = &caller.ID
	}
	now := s.Clock.Now()
	if err := policy.Decide(caller, action, nil, now); err != nil {
		return nil, err
	}
	if q.Provider != "" {
		p, ok := s.Catalog.Provider(q.Provider)
		if !ok {
			return nil, strongroom.Errorf(strongroom.CodeInvalidProvider, "There is no such provider; the catalog lists those there are")
		}
		filter.Provider = p.Provider
	}
	if reach := policy.Scope(caller, now); !reach.All {
		filter.Within = &store.Within{CredentialIDs: reach.CredentialIDs, Providers: reach.Providers}
	}
	list, err := s.Store.ListCredentials(ctx, caller.OrganizationID, filter)
	return list, store.Explain(err, "Credential")
}

// Get implements strongroom.CredentialService.
func (s *Service) Get(ctx context.Context, caller strongroom.Caller, id uuid.UUID) (strongroom.Credential, error) {
	now := s.Clock.Now()
	if err := policy.Decide(caller, policy.ViewCredential, nil, now); err != nil {
		return strongroom.Credential{}, err
	}
	c, err := s.Store.Credential(ctx, caller.OrganizationID, id)
	if err != nil {
		return strongroom.Credential{}, store.Explain(err, "Credential")
	}
	if err := policy.Decide(caller, policy.ViewCredential, &c, now); err != nil {
		return strongroom.Credential{}, err
	}
	return c, nil
}

// decideOn asks policy before and after the credential is looked up, so that who may do
// nothing of the kind does not learn what is there.
func (s *Service) decideOn(ctx context.Context, caller strongroom.Caller, action policy.Action, id uuid.UUID, now time.Time) (strongroom.Credential, error) {
	if err := policy.Decide(caller, action, nil, now); err != nil {
		return strongroom.Credential{}, err
	}
	c, err := s.Store.Credential(ctx, caller.OrganizationID, id)
	if err != nil {
		return strongroom.Credential{}, store.Explain(err, "Credential")
	}
	return c, policy.Decide(caller, action, &c, now)
}

// refuse puts on record that an act was denied or failed, and returns why; where that
// cannot be recorded, it returns that.
func (s *Service) refuse(ctx context.Context, e strongroom.Event, cause error) error {
	if denial(cause) {
		e = e.Denied(cause)
	} else {
		e = e.Failed(cause)
	}
	if err := s.Audit.Record(ctx, e); err != nil {
		return s.unrecorded(e, err)
	}
	s.Observe(e.Action, e.Outcome, e.Reason)
	return cause
}

// unrecorded is the answer where the audit log cannot be written.
func (s *Service) unrecorded(e strongroom.Event, err error) error {
	answer := audit.Unrecorded(err)
	s.Observe(e.Action, strongroom.OutcomeFailed, strongroom.CodeOf(answer))
	return answer
}

// keyRetryAfter is what a client waits before it asks again.
const keyRetryAfter = 2 * time.Second

// denial tells a refusal that the caller earned from a failure that is ours.
func denial(err error) bool {
	switch strongroom.CodeOf(err) {
	case strongroom.CodeForbidden, strongroom.CodeServiceAccountRequired, strongroom.CodeUserAccountRequired,
		strongroom.CodeNotFound, strongroom.CodeCredentialLimit, strongroom.CodeConflict, strongroom.CodeOrganizationErased:
		return true
	}
	return false
}

// ExplainSeal turns a failure of encryption into an answer, a *strongroom.Error; one that
// is an answer already is returned as it is.
func ExplainSeal(err error) error {
	var known *strongroom.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, seal.ErrKeeper), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return strongroom.Unavailable(strongroom.CodeKeyUnavailable, "The key service cannot be reached; try again", keyRetryAfter).Because(err)
	case errors.Is(err, seal.ErrWrongRoot):
		return strongroom.Unavailable(strongroom.CodeKeyUnavailable, "This server has not got the root key that this record needs; the operator's log says which", keyRetryAfter).Because(err)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrErased), errors.Is(err, store.ErrOtherRoot):
		return store.Explain(err, "Key")
	default:
		return strongroom.Errorf(strongroom.CodeInternal, "This record does not open; the operator's log says why").Because(err)
	}
}
