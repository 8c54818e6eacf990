package rekey

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

// Sealer makes organization keys and re-seals records.
type Sealer interface {
	NewOrganizationKey(ctx context.Context, organization uuid.UUID, version int64) (strongroom.OrganizationKey, error)
	Reseal(ctx context.Context, b seal.Binding, sealed []byte, keyVersion int64) ([]byte, error)
}

// Options is what a Service is made of. All but Batch are required.
type Options struct {
	Store  store.Store
	Audit  audit.Recorder
	Sealer Sealer
	Clock  strongroom.Clock
	// Batch is how many records one transaction re-seals; 0: 100.
	Batch int
}

// Service is the authority over keys: for the operator's command line.
type Service struct {
	Options
}

const defaultBatch = 100

// New returns the authority over the keys in o.Store.
func New(o Options) *Service {
	if o.Batch <= 0 {
		o.Batch = defaultBatch
	}
	return &Service{Options: o}
}

// Progress is told how many of how many are done; nil: nobody is.
type Progress func(done, total int)

func (p Progress) tell(done, total int) {
	if p != nil {
		p(done, total)
	}
}

// errOperator refuses anybody but the operator's command line.
var errOperator = strongroom.Errorf(strongroom.CodeForbidden, "Only the operator's command line replaces and destroys keys")

func mayRekey(caller strongroom.Caller) error {
	if caller.Kind != strongroom.KindOperator {
		return errOperator
	}
	return nil
}

// endTimeout bounds putting the end of an act on record, whose caller may have given up.
const endTimeout = 10 * time.Second

// failed puts on record that an act could not be done, and returns why.
func (s *Service) failed(ctx context.Context, e strongroom.Event, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := s.Audit.Record(ctx, e.Failed(cause)); err != nil {
		return fmt.Errorf("%w; and that could not be put on record: %w", cause, err)
	}
	return cause
}
