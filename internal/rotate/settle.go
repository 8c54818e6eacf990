package rotate

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/policy"
	"strongroom/internal/stack"
	"strongroom/internal/store"
)

const (
	// settlePatience is how long a reader waits for whoever works on the rotation before it
	// asks the far end itself: they may be gone.
	settlePatience = 2 * time.Second
	// lookPace is how often the far end is asked at most, however many readers wait.
	lookPace = time.Second
)

// Settle implements custody.Settler.
func (s *Service) Settle(ctx context.Context, organization, id uuid.UUID) error {
	impatient := s.Clock.Now().Add(settlePatience)
	for wait := firstPause; ; wait = min(2*wait, maxPause) {
		r, err := s.Store.ActiveRotation(ctx, organization, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err != nil:
			return err
		case !doubtful(r.Rotation):
			return nil
		}
		if now := s.Clock.Now(); !leased(now, r) || now.After(impatient) {
			return s.lookFor(ctx, r)
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// look is one question to the far end, shared by all who came before it was asked.
type look struct {
	began time.Time
	// number is its place among all that came and all that was asked.
	number uint64
	// done is closed when there is an answer, gone when the next look may begin.
	done, gone chan struct{}
}

// lookFor waits for a look that began when its caller was here already: one before may have
// missed what the far end was told since.
func (s *Service) lookFor(ctx context.Context, r store.SealedRotation) error {
	s.mu.Lock()
	s.numbers++
	came := s.numbers
	s.mu.Unlock()
	for {
		l, err := s.joinLook(r)
		if err != nil {
			return err
		}
		until := l.gone
		if l.number > came {
			until = l.done
		}
		select {
		case <-until:
			if until == l.done {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		if now, err := s.Store.Rotation(ctx, r.OrganizationID, r.ID); err != nil || !doubtful(now.Rotation) {
			return err
		}
	}
}

func (s *Service) joinLook(r store.SealedRotation) (*look, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.looks[r.ID]; ok {
		return l, nil
	}
	if s.closed {
		return nil, errClosed
	}
	s.numbers++
	l := &look{began: s.Clock.Now(), number: s.numbers, done: make(chan struct{}), gone: make(chan struct{})}
	s.looks[r.ID] = l
	s.running.Add(1)
	go s.look(l, r)
	return l, nil
}

// look asks the far end, and keeps the next look waiting for a while.
func (s *Service) look(l *look, r store.SealedRotation) {
	defer s.running.Done()
	defer func() {
		s.mu.Lock()
		delete(s.looks, r.ID)
		s.mu.Unlock()
		close(l.gone)
	}()
	s.ask(l, r)
	_ = pause(s.admitting, l.began.Add(lookPace).Sub(s.Clock.Now()))
}

func (s *Service) ask(l *look, r store.SealedRotation) {
	defer close(l.done)
	defer func() {
		if recover() != nil {
			s.Log.Error("the work on a rotation panicked", "rotation_id", r.ID.String(), "stack", stack.Here())
		}
	}()
	ctx, cancel := context.WithTimeout(s.admitting, wordTime)
	defer cancel()
	if err := s.rollForward(ctx, r); err != nil && !errors.Is(err, errLost) && s.admitting.Err() == nil {
		s.Log.Warn("which secret opens a credential cannot be found out", "rotation_id", r.ID.String(), "credential_id", r.CredentialID.String(), "error", err)
	}
}

// rollForward promotes the new secret where it opens the far end, whoever holds the lease;
// where it does not, everything is left to them.
//
// To take the lease of somebody who may be at work is safe here, and only here. The far end
// has the new secret, and all that a rival can still tell it is the same one. Whatever the
// rival writes is refused by the fence, and its promotion by the credential's version too.
func (s *Service) rollForward(ctx context.Context, r store.SealedRotation) error {
	by := strongroom.Unattended(r.OrganizationID)
	r, err := s.Store.Rotation(ctx, r.OrganizationID, r.ID)
	if err != nil || !doubtful(r.Rotation) {
		return err
	}
	opens, err := s.newOneOpens(ctx, r, by)
	if err != nil || !opens {
		return err
	}
	as := s.Clock.Now()
	if leased(as, r) {
		as = *r.LeasedUntil
	}
	t, err := s.takeOver(ctx, r, by, as)
	if errors.Is(err, errMoved) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.run()
}

// newOneOpens tells whether the new secret, in the data as they are now, opens the far end.
func (s *Service) newOneOpens(ctx context.Context, r store.SealedRotation, by strongroom.Caller) (bool, error) {
	t := &turn{Service: s, r: r, by: by}
	defer t.forget()
	var err error
	if t.c, t.data, err = s.Custody.Lend(ctx, by, policy.RotateCredential, s.eventOf(by, r.CredentialID), r.CredentialID); err != nil {
		return false, err
	}
	if t.kept, err = s.recall(ctx, r); err != nil {
		return false, err
	}
	w := ways[r.Method]
	next, err := w.next(t.data, t.kept)
	if err != nil {
		return false, err
	}
	defer next.Destroy()
	s.Reached("before look")
	tried := w.try(ctx, t, next)
	s.Reached("after look")
	return w.works(tried), nil
}
