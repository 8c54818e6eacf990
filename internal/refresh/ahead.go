package refresh

import (
	"context"
	"sync"
	"time"

	"strongroom"
	"strongroom/internal/schedule"
	"strongroom/internal/store"
)

const (
	// claimFor is how long claimed renewals are put off: longer than one can take, so
	// that they come due again only when whoever claimed them is gone.
	claimFor = 2 * time.Minute
	// lookEvery is how often is looked for renewals that are due.
	lookEvery = 5 * time.Second
)

// DefaultWorkers is how many renewals ahead of need are made at once.
const DefaultWorkers = 32

// claim is a renewal that this process has claimed.
type claim struct {
	store.DueRenewal
	until time.Time
}

// ahead keeps count of what is claimed, for each provider, so that one that is slow or
// holds back does not keep the workers from the others.
type ahead struct {
	*Service
	workers int

	mu   sync.Mutex
	busy map[string]int
}

// RunAhead renews what is due, ahead of its end, until ctx ends. workers bounds how many at
// once.
func (s *Service) RunAhead(ctx context.Context, workers int) {
	a := &ahead{Service: s, workers: workers, busy: map[string]int{}}
	schedule.Job[claim]{
		Name: "refresh", Claim: a.claim, Do: a.do, Workers: workers, Every: lookEvery, Log: s.Log,
	}.Run(ctx)
}

func (a *ahead) claim(ctx context.Context, limit int) (claims []claim, more bool, err error) {
	now := a.Clock.Now()
	until := strongroom.Timestamp(now.Add(claimFor))
	full := a.full()
	var due []store.DueRenewal
	err = a.Audit.Commit(ctx, func(tx store.Tx) (_ []strongroom.Event, err error) {
		due, err = tx.ClaimRenewals(now, until, limit, full)
		return nil, err
	})
	if err != nil {
		return nil, false, err
	}
	claims = make([]claim, len(due))
	for i, d := range due {
		claims[i] = claim{d, until}
		a.count(d.Provider, 1)
	}
	return claims, len(full) > 0, nil
}

func (a *ahead) do(ctx context.Context, c claim) {
	defer a.count(c.Provider, -1)
	// What came of it is on the credential and in the log.
	_ = a.renew(ctx, c.OrganizationID, c.ID, want{claimed: c.until})
}

func (a *ahead) count(provider string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy[provider] += n
	if a.busy[provider] == 0 {
		delete(a.busy, provider)
	}
}

// full names the providers that have as much under way as they are asked at once, or as
// would leave no worker for another.
func (a *ahead) full() (providers []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, n := range a.busy {
		limit := max(1, a.workers/2)
		if p, ok := a.Catalog.Provider(name); ok && p.OAuth != nil && p.OAuth.Limits.Concurrent > 0 {
			limit = min(limit, p.OAuth.Limits.Concurrent)
		}
		if n >= limit {
			providers = append(providers, name)
		}
	}
	return providers
}
