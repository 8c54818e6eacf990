package health

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"strongroom"
	"strongroom/internal/policy"
	"strongroom/internal/schedule"
	"strongroom/internal/store"
)

const (
	// claimFor is how long tests are claimed: longer than one can take, with the renewal of
	// a token before it, so that others get it only when whoever claimed it is gone.
	claimFor = 2 * time.Minute
	// lookEvery is how often is looked for tests that are due.
	lookEvery = 10 * time.Second
	// putOff is how long a test is put off that cannot be made for a reason of our own.
	putOff = 10 * time.Minute
)

// due keeps count of the tests under way, for each provider, so that one whose servers do
// not answer does not keep the workers from the others.
type due struct {
	*Service
	// share is how many of one provider's may be under way. It is half of the workers:
	// schedule claims nothing while more than that are busy.
	share int

	mu   sync.Mutex
	busy map[string]int
}

// RunDue tests what is due until ctx ends, and returns when what was begun has ended.
// workers bounds how many at once.
func (s *Service) RunDue(ctx context.Context, workers int) {
	d := &due{Service: s, share: max(1, workers/2), busy: map[string]int{}}
	schedule.Job[store.DueCredential]{
		Name: "health", Claim: d.claim, Do: d.do, Workers: workers, PerSecond: s.PerSecond, Every: lookEvery, Log: s.Log,
	}.Run(ctx)
}

// claim claims the longest due, but for providers that have their share of the workers.
func (d *due) claim(ctx context.Context, limit int) (claims []store.DueCredential, more bool, err error) {
	now := d.Clock.Now()
	busy := d.underWay()
	err = d.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		for len(claims) < limit {
			full, room := d.full(busy)
			more = len(full) > 0
			// All that is found may be one provider's.
			asked := min(room, limit-len(claims))
			found, err := tx.ClaimChecks(now, now.Add(claimFor), asked, full)
			if err != nil {
				return nil, err
			}
			for _, c := range found {
				busy[c.Provider]++
			}
			claims = append(claims, found...)
			if len(found) < asked {
				break
			}
		}
		return nil, nil
	})
	if err != nil {
		return nil, false, err
	}
	for _, c := range claims {
		d.count(c.Provider, 1)
	}
	return claims, more, nil
}

// full returns the providers that have their share, and how much room there is for each of
// the others.
func (d *due) full(busy map[string]int) (full []string, room int) {
	room = d.share
	for provider, n := range busy {
		if n >= d.share {
			full = append(full, provider)
		} else {
			room = min(room, d.share-n)
		}
	}
	slices.Sort(full)
	return full, room
}

func (d *due) underWay() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.busy)
}

func (d *due) count(provider string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy[provider] += n
	if d.busy[provider] == 0 {
		delete(d.busy, provider)
	}
}

// do tests one. What could not be written comes due again when its claim ends.
func (d *due) do(ctx context.Context, claimed store.DueCredential) {
	defer d.count(claimed.Provider, -1)
	bounded, cancel := context.WithTimeout(ctx, pieceTime)
	defer cancel()
	if err := d.testDue(bounded, claimed); err != nil && ctx.Err() == nil {
		d.Log.Warn("a due test came to nothing; it is tried again", "credential_id", claimed.ID.String(), "organization_id", claimed.OrganizationID.String(), "error", err)
	}
}

// testDue tests a credential that is due. The error says that it could be neither tested
// nor put off.
func (s *Service) testDue(ctx context.Context, claimed store.DueCredential) error {
	caller := strongroom.Unattended(claimed.OrganizationID)
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionCredentialTest)
	c, err := s.Custody.Permit(ctx, caller, policy.TestCredential, event, claimed.ID)
	if strongroom.CodeOf(err) == strongroom.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	t, ok := s.testOf(c.Provider, c.Type)
	if !ok {
		return s.set(ctx, c, func(h strongroom.Health) strongroom.Health { return strongroom.Health{KnownHost: h.KnownHost} })
	}
	_, err = s.check(ctx, caller, event, c.ID, strongroom.CheckScheduled)
	if err != nil && ctx.Err() != nil {
		return err
	}
	switch code := strongroom.CodeOf(err); code {
	case "", strongroom.CodeNotFound, strongroom.CodeBadRequest:
		// It was tested, or has gone or changed since it was claimed.
		return nil
	case strongroom.CodeKeyUnavailable:
		next := strongroom.Timestamp(s.Clock.Now().Add(around(putOff, s.Jitter())))
		return s.set(ctx, c, func(h strongroom.Health) strongroom.Health {
			h.NextAt = &next
			return h
		})
	default:
		r, ok := unusable(code)
		if !ok {
			return err
		}
		// The refusal is on record already.
		return s.save(ctx, c, strongroom.Check{CheckResult: r, At: s.Clock.Now(), Trigger: strongroom.CheckScheduled, Version: c.Version}, t.every)
	}
}

// unusable is the result for a credential that could not be opened to be tested, and whose
// own fault that is; false: it is not.
func unusable(code strongroom.Code) (strongroom.CheckResult, bool) {
	r := strongroom.CheckResult{Phases: []strongroom.CheckPhase{}}
	switch code {
	case strongroom.CodeReauthorization:
		r.Code, r.Message = strongroom.CheckAuth, "The provider does not renew the tokens any more; connect the account again"
	case strongroom.CodeRefreshFailed:
		r.Code, r.Message = strongroom.CheckTimeout, "The token has ended and the provider could not be asked for a new one; it is tried again, and the credential says why"
	case strongroom.CodeInternal:
		r.Code, r.Message = strongroom.CheckProtocol, "The stored data does not open; store it again, or tell this service's operator, whose log says more"
	default:
		return r, false
	}
	return r, true
}

// set changes the health of a credential where there is no test to tell of; one that has
// changed or gone meanwhile is left as it is.
func (s *Service) set(ctx context.Context, c strongroom.Credential, change func(strongroom.Health) strongroom.Health) error {
	err := s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		h, err := tx.Health(c.OrganizationID, c.ID)
		if err != nil {
			return nil, err
		}
		return nil, tx.SetHealth(c.OrganizationID, c.ID, c.Version, change(h))
	})
	if errors.Is(err, store.ErrStale) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
