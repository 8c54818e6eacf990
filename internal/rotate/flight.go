package rotate

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
	errPanicked = errors.New("the work on the rotation panicked")
	// errBusy: somebody else's work did not end in time.
	errBusy = errors.New("somebody else works on the rotation")
	// errLost: somebody else has taken the lease over.
	errLost = errors.New("the lease on the rotation is lost")
	// errMoved: the rotation is no longer as it was read.
	errMoved = errors.New("the rotation has moved on")
)

// flight is the one piece of work on a rotation in this process. It belongs to nobody who
// waits for it: it goes on when they are gone, and whatever becomes of it, it ends.
type flight struct {
	// done is closed when the flight has ended; err may be read then.
	done chan struct{}
	err  error
}

// join returns the flight under way, or begins one that does the work; own tells which.
func (s *Service) join(rotation uuid.UUID, work func(ctx context.Context) error) (f *flight, own bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.flights[rotation]; ok {
		return f, false, nil
	}
	if s.closed {
		return nil, false, errClosed
	}
	f = &flight{done: make(chan struct{}), err: errPanicked}
	s.flights[rotation] = f
	s.running.Add(1)
	go s.fly(f, rotation, work)
	return f, true, nil
}

// flightTime bounds a flight: it may wait for somebody else's lease to end, and work.
const flightTime = 2 * time.Minute

// fly runs a flight and frees its waiters whatever happens.
func (s *Service) fly(f *flight, rotation uuid.UUID, work func(ctx context.Context) error) {
	defer s.running.Done()
	defer func() {
		if recover() != nil {
			s.Log.Error("the work on a rotation panicked", "rotation_id", rotation.String(), "stack", stack.Here())
		}
		s.mu.Lock()
		delete(s.flights, rotation)
		s.mu.Unlock()
		close(f.done)
	}()
	ctx, cancel := context.WithTimeout(s.admitting, flightTime)
	defer cancel()
	f.err = work(ctx)
	switch {
	case f.err == nil, errors.Is(f.err, errLost), errors.Is(f.err, store.ErrNotFound), strongroom.CodeOf(f.err) == strongroom.CodeConflict:
	default:
		s.Log.Warn("the work on a rotation came to no end", "rotation_id", rotation.String(), "error", f.err)
	}
}

// wait waits for a flight's end.
func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// advance takes the steps of a rotation that can be taken now, here or together with whoever
// takes them. insist: somebody asks, so that a pause between two tries is cut short.
func (s *Service) advance(ctx context.Context, organization, id uuid.UUID, by strongroom.Caller, insist bool) error {
	f, _, err := s.join(id, func(ctx context.Context) error { return s.attempt(ctx, organization, id, by, insist) })
	if err != nil {
		return err
	}
	return f.wait(ctx)
}

// due tells whether there is a step to take now.
func due(now time.Time, r strongroom.Rotation, insist bool) bool {
	switch {
	case !r.State.Active() || r.State == strongroom.RotationStuck:
		return false
	case r.NextAt != nil && !r.NextAt.After(now):
		return true
	case r.State == strongroom.RotationPromoted:
		// Whoever insists does not cut the grace period short, but the pause after a try.
		return insist && r.Attempts > 0
	}
	return insist
}

// attempt waits until nobody else works on the rotation, and takes the steps that are due
// then. Where it has waited, somebody else's steps were as good.
func (s *Service) attempt(ctx context.Context, organization, id uuid.UUID, by strongroom.Caller, insist bool) error {
	for {
		r, waited, err := s.unleased(ctx, organization, id)
		if err != nil {
			return err
		}
		if waited && r.LeasedUntil == nil || !due(s.Clock.Now(), r.Rotation, insist) {
			return nil
		}
		t, err := s.lease(ctx, r, by)
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			return err
		}
		return t.run()
	}
}

// Pauses between looks at a rotation that somebody else works on.
const (
	firstPause = 25 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// unleased returns the rotation when nobody works on it.
func (s *Service) unleased(ctx context.Context, organization, id uuid.UUID) (r store.SealedRotation, waited bool, err error) {
	for wait := firstPause; ; wait = min(2*wait, maxPause) {
		if r, err = s.Store.Rotation(ctx, organization, id); err != nil || !leased(s.Clock.Now(), r) {
			return r, waited, err
		}
		waited = true
		if pause(ctx, wait) != nil {
			return r, waited, errBusy
		}
	}
}

func leased(now time.Time, r store.SealedRotation) bool {
	return r.LeasedUntil != nil && now.Before(*r.LeasedUntil)
}

// lease takes the right to work on the rotation as it was read. errMoved: it is not so any
// more.
func (s *Service) lease(ctx context.Context, r store.SealedRotation, by strongroom.Caller) (*turn, error) {
	return s.takeOver(ctx, r, by, s.Clock.Now())
}

// takeOver is lease as of a moment at which another lease may have ended.
func (s *Service) takeOver(ctx context.Context, r store.SealedRotation, by strongroom.Caller, as time.Time) (*turn, error) {
	until := s.Clock.Now().Add(s.Lease)
	if until.Before(as) {
		until = as
	}
	s.Reached("before lease")
	err := s.Audit.Commit(ctx, func(tx store.Tx) (_ []strongroom.Event, err error) {
		r.Fence, err = tx.LeaseRotation(r.OrganizationID, r.ID, r.Fence, as, until)
		return nil, err
	})
	switch {
	case errors.Is(err, store.ErrStale):
		return nil, errMoved
	case err != nil:
		return nil, err
	}
	s.Reached("after lease")
	r.LeasedUntil = &until
	return &turn{Service: s, r: r, by: by}, nil
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
