package refresh

import (
	"context"
	"slices"
	"sync"
	"time"

	"strongroom"
	"strongroom/internal/schedule"
	"strongroom/internal/store"
)

const (
	// claimFor is how long renewals are claimed: longer than one can take, so that others
	// get them only when whoever claimed them is gone.
	claimFor = 2 * time.Minute
	// lookEvery is how often is looked for renewals that are due.
	lookEvery = 5 * time.Second
)

// ahead keeps count of what is claimed, for each provider, so that one that is slow or
// holds back does not keep the workers from the others.
type ahead struct {
	*Service
	workers int
	// providers are those whose tokens are kept fresh, with how many of each may be under
	// way; next is whose turn it is to be asked for first.
	providers []share
	next      int

	mu   sync.Mutex
	busy map[string]int
}

// share is how much of the workers a provider may take.
type share struct {
	provider string
	limit    int
}

// RunAhead renews what is due, ahead of its end, until ctx ends. workers bounds how many at
// once.
func (s *Service) RunAhead(ctx context.Context, workers int) {
	a := &ahead{Service: s, workers: workers, busy: map[string]int{}, providers: s.shares(workers)}
	schedule.Job[store.DueRenewal]{
		Name: "refresh", Claim: a.claim, Do: a.do, Workers: workers, Every: lookEvery, Log: s.Log,
	}.Run(ctx)
}

// shares leaves half of the workers for others, however much of one provider's is due: a
// job claims nothing while more than half of them are busy.
func (s *Service) shares(workers int) (all []share) {
	for _, e := range s.Catalog.Entries() {
		p, _ := s.Catalog.Provider(e.Provider)
		if p.OAuth == nil {
			continue
		}
		limit := max(1, workers/2)
		if p.OAuth.Limits.Concurrent > 0 {
			limit = min(limit, p.OAuth.Limits.Concurrent)
		}
		all = append(all, share{p.Provider, limit})
	}
	return all
}

// claim claims for every provider what there is room for, another one first each time. It asks
// before whether there is anything: a claim holds up whatever else is to be recorded.
func (a *ahead) claim(ctx context.Context, limit int) (claims []store.DueRenewal, more bool, err error) {
	if len(a.providers) == 0 {
		return nil, false, nil
	}
	now := a.Clock.Now()
	waiting, err := a.Store.DueRenewals(ctx, now)
	if err != nil || len(waiting) == 0 {
		return nil, false, err
	}
	a.next++
	err = a.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		for i := range a.providers {
			p := a.providers[(a.next+i)%len(a.providers)]
			if !slices.Contains(waiting, p.provider) {
				continue
			}
			room := min(p.limit-a.underWay(p.provider), limit-len(claims))
			if room <= 0 {
				more = true
				continue
			}
			due, err := tx.ClaimRenewals(now, now.Add(claimFor), p.provider, room)
			if err != nil {
				return nil, err
			}
			more = more || len(due) == room
			claims = append(claims, due...)
		}
		return nil, nil
	})
	if err != nil {
		return nil, false, err
	}
	for _, c := range claims {
		a.count(c.Provider, 1)
	}
	return claims, more, nil
}

func (a *ahead) underWay(provider string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.busy[provider]
}

func (a *ahead) do(ctx context.Context, c store.DueRenewal) {
	defer a.count(c.Provider, -1)
	// What came of it is on the credential and in the log.
	_ = a.renew(ctx, c.OrganizationID, c.ID, want{ahead: true})
}

func (a *ahead) count(provider string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy[provider] += n
	if a.busy[provider] == 0 {
		delete(a.busy, provider)
	}
}
