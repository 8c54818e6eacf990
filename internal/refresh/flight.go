package refresh

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/stack"
	"strongroom/internal/store"
)

var (
	errClosed   = errors.New("the service is closing")
	errPanicked = errors.New("the attempt panicked")
	// errBusy: somebody else's attempt did not end in time.
	errBusy = errors.New("another attempt has not ended")
)

// flight is the one attempt at a credential in this process. It belongs to nobody who
// waits for it: it goes on when they are gone, and whatever becomes of it, it ends.
type flight struct {
	// done is closed when the flight has ended; the rest may be read then.
	done chan struct{}
	// attempted says that the provider was asked, here or elsewhere, while it lasted.
	attempted bool
	// dead says that the grant is: nobody is asked about it again.
	dead bool
	err  error
}

// want says what makes a renewal due.
type want struct {
	// force: somebody asks for it, whatever the clock says.
	force bool
	// ahead: nobody asks; it is made when it is due, and not only when the token is stale.
	ahead bool
}

// due tells whether there is something to do.
func (w want) due(now time.Time, c strongroom.Credential) bool {
	switch {
	case c.Status == strongroom.StatusNeedsReauth:
		return false
	case w.force:
		return true
	case w.ahead:
		return c.Renewal.NextAt != nil && !c.Renewal.NextAt.After(now)
	}
	return staleForRead(now, c)
}

// Renew implements custody.Renewer.
func (s *Service) Renew(ctx context.Context, organization, id uuid.UUID, force bool) error {
	return s.renew(ctx, organization, id, want{force: force})
}

func (s *Service) renew(ctx context.Context, organization, id uuid.UUID, w want) error {
	for {
		f, err := s.join(organization, id, w)
		if err != nil {
			return err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		// A flight that found nothing due does not serve somebody who insists, unless there
		// is nothing to be had at all.
		if f.err != nil || f.attempted || f.dead || !w.force {
			return f.err
		}
	}
}

// join returns the flight under way, or begins one.
func (s *Service) join(organization, id uuid.UUID, w want) (*flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.flights[id]; ok {
		return f, nil
	}
	if s.closed {
		return nil, errClosed
	}
	f := &flight{done: make(chan struct{}), err: errPanicked}
	s.flights[id] = f
	s.running.Add(1)
	go s.fly(f, organization, id, w)
	return f, nil
}

// fly runs a flight and frees its waiters whatever happens.
func (s *Service) fly(f *flight, organization, id uuid.UUID, w want) {
	defer s.running.Done()
	defer func() {
		if recover() != nil {
			s.Log.Error("a renewal panicked", "credential_id", id.String(), "stack", stack.Here())
		}
		s.mu.Lock()
		delete(s.flights, id)
		s.mu.Unlock()
		close(f.done)
	}()
	ctx, cancel := context.WithTimeout(s.admitting, s.Timeout+s.LeaseMargin+flightMargin)
	defer cancel()
	f.attempted, f.dead, f.err = s.attempt(ctx, organization, id, w)
	if f.err != nil && !errors.Is(f.err, store.ErrNotFound) {
		s.Log.Warn("a renewal came to no end", "credential_id", id.String(), "error", f.err)
	}
}

// Pauses between looks at a credential that another process renews.
const (
	firstLook = 25 * time.Millisecond
	maxLook   = 250 * time.Millisecond
)

// attempt reads how it stands, and makes an attempt where one is due and nobody else's is
// under way. After every wait it reads anew.
//
// ctx ends, at the latest, when the service closes; an attempt that has asked the provider
// goes on.
func (s *Service) attempt(ctx context.Context, organization, id uuid.UUID, w want) (attempted, dead bool, err error) {
	look, waitedAt := firstLook, int64(-1)
	for {
		state, err := s.Store.RenewalState(ctx, organization, id)
		if err != nil {
			return false, false, err
		}
		now := s.Clock.Now()
		if leased := state.LeasedUntil; leased != nil && now.Before(*leased) {
			waitedAt = state.Fence
			if err := pause(ctx, look); err != nil {
				return false, false, errBusy
			}
			look = min(2*look, maxLook)
			continue
		}
		// Somebody else's attempt has ended while this one waited: its outcome is this one's.
		if waitedAt >= 0 && state.LeasedUntil == nil || !w.due(now, state.Credential) {
			return waitedAt >= 0, state.Status == strongroom.StatusNeedsReauth, nil
		}
		err = s.make(ctx, state)
		if !errors.Is(err, errMoved) {
			return true, false, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
