package health

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

// slotRetryAfter is when a place is likely to be free again: most tests take a second or two.
const slotRetryAfter = 5 * time.Second

// slots bound the tests on demand: each holds a connection to somebody else's server, and
// one organization must not keep the others from theirs.
type slots struct {
	most, mostEach int

	mu    sync.Mutex
	all   int
	taken map[uuid.UUID]int
}

// take returns what gives the place back, or a CodeRateLimited.
func (s *slots) take(organization uuid.UUID) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= s.most || s.taken[organization] >= s.mostEach {
		return nil, strongroom.Unavailable(strongroom.CodeRateLimited, "Too many tests are under way; try again when some have ended", slotRetryAfter)
	}
	s.all++
	s.taken[organization]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.taken[organization]--; s.taken[organization] == 0 {
			delete(s.taken, organization)
		}
	}, nil
}
