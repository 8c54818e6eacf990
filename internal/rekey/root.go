package rekey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

const (
	// rootTries bounds how often keys are looked for that came or changed while the others
	// were rewrapped: each time only those are left.
	rootTries = 20
	// askedAtOnce is how many keys are at the key services at a time.
	askedAtOnce = 8
)

// Moved is what became of the keys that the root key wraps.
type Moved struct {
	From, To               string
	Organizations, Signing int
	// Remains says what the operator has to do so that the database's files hold nothing any
	// more that the old root key opens; empty: nothing.
	Remains string
}

// ErrMovedBefore says that the database has the new root key already.
var ErrMovedBefore = errors.New("the database has this root key already: set --root-key to it")

// RotateRoot has the next root key wrap everything that the one so far wraps.
func (s *Service) RotateRoot(ctx context.Context, caller strongroom.Caller, from, next seal.Keeper, progress Progress) (Moved, error) {
	if err := mayRekey(caller); err != nil {
		return Moved{}, err
	}
	moved := Moved{From: from.Fingerprint(), To: next.Fingerprint()}
	if moved.From == moved.To {
		return Moved{}, errors.New("the new root key is the one that the database has: name another")
	}
	known, err := s.Store.Installation(ctx)
	switch {
	case err != nil:
		return Moved{}, fmt.Errorf("the database cannot be read: %w", err)
	case known.RootFingerprint == moved.To:
		return Moved{}, ErrMovedBefore
	case known.RootFingerprint != moved.From:
		return Moved{}, fmt.Errorf("this is not the root key of this database: expected the key with fingerprint %s, found %s", known.RootFingerprint, moved.From)
	}
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionRootKeyRotate)
	event.Note = fmt.Sprintf("from %s to %s", moved.From, moved.To)
	r := rewrapping{from: from, next: next, done: map[string][]byte{}, progress: progress}
	for try := 1; ; try++ {
		move, err := r.all(ctx, s.Store)
		if err != nil {
			return Moved{}, s.failed(ctx, event, err)
		}
		moved.Organizations, moved.Signing = len(move.Organizations), len(move.Signing)
		err = s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
			done := event
			done.Time = strongroom.Timestamp(s.Clock.Now())
			done.Note += fmt.Sprintf(": %d organization keys, %d signing keys", moved.Organizations, moved.Signing)
			return []strongroom.Event{done}, tx.MoveRoot(move)
		})
		switch {
		case err == nil:
			moved.Remains, err = s.Store.Scrub(ctx)
			if err != nil {
				err = fmt.Errorf("the root key is replaced, and the database's files may still hold what the old one opens: %w", err)
			}
			return moved, err
		case !errors.Is(err, store.ErrStale) || try == rootTries:
			return Moved{}, s.failed(ctx, event, fmt.Errorf("nothing was replaced: %w", err))
		}
	}
}

// rewrapping is one replacement of the root key. What was rewrapped once is kept, by what it
// was: only what came or changed since goes to the key services again.
type rewrapping struct {
	from, next seal.Keeper
	progress   Progress

	mu   sync.Mutex
	done map[string][]byte
}

// all rewraps every key that the store has now.
func (r *rewrapping) all(ctx context.Context, s store.Store) (store.RootMove, error) {
	move := store.RootMove{From: r.from.Fingerprint(), To: r.next.Fingerprint()}
	keys, err := s.OrganizationKeys(ctx)
	if err != nil {
		return move, fmt.Errorf("the organizations' keys cannot be read: %w", err)
	}
	signing, err := s.SigningKeys(ctx)
	if err != nil {
		return move, fmt.Errorf("the audit signing keys cannot be read: %w", err)
	}
	move.Organizations, move.Signing = make([]store.Rewrapped, len(keys)), make([]store.Rewrapped, len(signing))
	work := make([]func(context.Context) error, 0, len(keys)+len(signing))
	for i, k := range keys {
		work = append(work, func(ctx context.Context) (err error) {
			move.Organizations[i] = store.Rewrapped{ID: k.OrganizationID, Version: k.Version, Old: k.Wrapped}
			move.Organizations[i].New, err = r.once(k.OrganizationID, k.Wrapped, func() ([]byte, error) {
				return seal.RewrapOrganizationKey(ctx, r.from, r.next, k)
			})
			if err != nil {
				err = fmt.Errorf("nothing was replaced: version %d of the key of organization %s: %w", k.Version, k.OrganizationID, err)
			}
			return err
		})
	}
	for i, k := range signing {
		work = append(work, func(ctx context.Context) (err error) {
			move.Signing[i] = store.Rewrapped{ID: k.ID, Old: k.WrappedPrivate}
			move.Signing[i].New, err = r.once(k.ID, k.WrappedPrivate, func() ([]byte, error) {
				return rewrapSigningKey(ctx, r.from, r.next, k)
			})
			if err != nil {
				err = fmt.Errorf("nothing was replaced: the audit signing key %s: %w", k.ID, err)
			}
			return err
		})
	}
	return move, atOnce(ctx, work, r.progress)
}

// once returns what was rewrapped before, or does it.
func (r *rewrapping) once(id uuid.UUID, wrapped []byte, rewrap func() ([]byte, error)) ([]byte, error) {
	name := string(append(bytes.Clone(id[:]), wrapped...))
	r.mu.Lock()
	done, ok := r.done[name]
	r.mu.Unlock()
	if ok {
		return done, nil
	}
	done, err := rewrap()
	if err == nil {
		r.mu.Lock()
		r.done[name] = done
		r.mu.Unlock()
	}
	return done, err
}

// atOnce does the work, some of it at a time, until it is done or a part of it fails.
func atOnce(ctx context.Context, work []func(context.Context) error, progress Progress) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var group sync.WaitGroup
	var mu sync.Mutex
	next, done := 0, 0
	for range min(askedAtOnce, len(work)) {
		group.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(work) {
					return
				}
				if err := work[i](ctx); err != nil {
					stop(err)
					return
				}
				mu.Lock()
				done++
				progress.tell(done, len(work))
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
