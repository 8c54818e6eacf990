package seal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

const (
	organizationKeySize = 32
	// maxCachedKeys bounds the organization keys in memory, at some 200 bytes each.
	maxCachedKeys = 10_000
	// loadTimeout bounds one load: two queries and one call of the keeper.
	loadTimeout = 10 * time.Second
	// noVersion stands in a keyID for the key that an organization has not got yet.
	noVersion = 0
)

type keyID struct {
	organization uuid.UUID
	version      int64
}

// keyring has the organization keys in the clear. It asks the keeper once for each,
// however many callers want it.
type keyring struct {
	keepers Keepers
	keys    KeyStore
	clock   strongroom.Clock
	observe Observe

	mu    sync.Mutex
	cache *cache
	loads map[keyID]*load
	// sweeping tells that a timer is set that drops keys which nobody asks for any more.
	sweeping bool
}

// load is one key on its way; key and err are set when done is closed.
type load struct {
	done chan struct{}
	key  organizationKey
	err  error
}

func newKeyring(keeper Keeper, keys KeyStore, clock strongroom.Clock, observe Observe) *keyring {
	return &keyring{
		keepers: Keepers{keeper}, keys: keys, clock: clock, observe: observe,
		cache: newCache(maxCachedKeys), loads: map[keyID]*load{},
	}
}

// version returns one version of the organization's key. ErrUnknownKey.
func (r *keyring) version(ctx context.Context, organization uuid.UUID, version int64) (organizationKey, error) {
	if version < 1 {
		return organizationKey{}, ErrUnknownKey
	}
	return r.once(ctx, keyID{organization, version}, func(ctx context.Context) (organizationKey, error) {
		record, found, err := r.keys.OrganizationKey(ctx, organization, version)
		switch {
		case err != nil:
			return organizationKey{}, fmt.Errorf("load organization key: %w", err)
		case !found:
			return organizationKey{}, ErrUnknownKey
		}
		return r.unwrap(ctx, organization, record)
	})
}

// current returns the newest version, and makes the first where there is none. The
// store is always asked which is newest, since another process may have rotated it.
func (r *keyring) current(ctx context.Context, organization uuid.UUID) (organizationKey, error) {
	key, found, err := r.newest(ctx, organization)
	if err != nil || found {
		return key, err
	}
	return r.once(ctx, keyID{organization, noVersion}, func(ctx context.Context) (organizationKey, error) {
		return r.create(ctx, organization)
	})
}

func (r *keyring) newest(ctx context.Context, organization uuid.UUID) (organizationKey, bool, error) {
	record, found, err := r.keys.CurrentOrganizationKey(ctx, organization)
	if err != nil {
		return organizationKey{}, false, fmt.Errorf("load current organization key: %w", err)
	}
	if !found {
		return organizationKey{}, false, nil
	}
	key, err := r.once(ctx, keyID{organization, record.Version}, func(ctx context.Context) (organizationKey, error) {
		return r.unwrap(ctx, organization, record)
	})
	return key, true, err
}

// create makes version 1, or returns the one that somebody else made meanwhile.
func (r *keyring) create(ctx context.Context, organization uuid.UUID) (organizationKey, error) {
	if key, found, err := r.newest(ctx, organization); err != nil || found {
		return key, err
	}
	const first = 1
	plain := make([]byte, organizationKeySize)
	defer clear(plain)
	record, err := r.wrapNew(ctx, organization, first, plain)
	if err != nil {
		return organizationKey{}, err
	}
	created, err := r.keys.CreateOrganizationKey(ctx, record)
	if err != nil {
		return organizationKey{}, fmt.Errorf("store organization key: %w", err)
	}
	if created {
		return newOrganizationKey(first, plain)
	}
	key, found, err := r.newest(ctx, organization)
	if err == nil && !found {
		err = ErrUnknownKey
	}
	return key, err
}

// wrapNew fills plain with a new key, and returns what is to be stored of it: wrapped by the
// root key that the database knows.
func (r *keyring) wrapNew(ctx context.Context, organization uuid.UUID, version int64, plain []byte) (record strongroom.OrganizationKey, err error) {
	root, err := r.keys.RootFingerprint(ctx)
	if err != nil {
		return record, fmt.Errorf("load the root key's fingerprint: %w", err)
	}
	keeper := r.keepers[0]
	if root != "" {
		if keeper, err = r.keepers.For(root); err != nil {
			return record, err
		}
	}
	if _, err := rand.Read(plain); err != nil {
		return record, fmt.Errorf("generate organization key: %w", err)
	}
	began := r.clock()
	wrapped, err := keeper.Wrap(ctx, plain, organizationAssociated(organization, version))
	r.observe("wrap", r.clock().Sub(began), err)
	if err != nil {
		return record, keeperError("wrap organization key", err)
	}
	return strongroom.OrganizationKey{
		OrganizationID: organization, Version: version, Wrapped: wrapped, RootFingerprint: keeper.Fingerprint(), CreatedAt: r.clock.Now(),
	}, nil
}

// unwrap has the keeper open a stored key: the one whose root key wrapped it, and no other. The organization is the one that was asked
// for: a row that is another's does not unwrap.
func (r *keyring) unwrap(ctx context.Context, organization uuid.UUID, record strongroom.OrganizationKey) (organizationKey, error) {
	keeper, err := r.keepers.For(record.RootFingerprint)
	if err != nil {
		return organizationKey{}, err
	}
	began := r.clock()
	plain, err := keeper.Unwrap(ctx, record.Wrapped, organizationAssociated(organization, record.Version))
	r.observe("unwrap", r.clock().Sub(began), err)
	defer clear(plain)
	if err != nil {
		return organizationKey{}, keeperError("unwrap organization key", err)
	}
	if len(plain) != organizationKeySize {
		return organizationKey{}, fmt.Errorf("unwrap organization key: %w", ErrTampered)
	}
	return newOrganizationKey(record.Version, plain)
}

func keeperError(doing string, err error) error {
	if errors.Is(err, ErrTampered) || errors.Is(err, ErrKeeper) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, ErrKeeper, err)
}

// once returns the cached key, or the result of the one load that is under way for all
// who wait. The load is nobody's own: it goes on when the caller who began it is gone.
//
// A cached key that is due for renewal is returned at once, and renewed behind the
// caller's back.
func (r *keyring) once(ctx context.Context, id keyID, fetch func(context.Context) (organizationKey, error)) (organizationKey, error) {
	r.mu.Lock()
	key, renew, found := r.cache.get(id, r.clock())
	if found && !renew {
		r.mu.Unlock()
		return key, nil
	}
	l, running := r.loads[id]
	if !running {
		l = &load{done: make(chan struct{})}
		r.loads[id] = l
		go r.run(context.WithoutCancel(ctx), id, l, fetch)
	}
	r.mu.Unlock()
	if found {
		return key, nil
	}
	select {
	case <-l.done:
		return l.key, l.err
	case <-ctx.Done():
		return organizationKey{}, fmt.Errorf("%w: gave up waiting for the organization's key: %w", ErrKeeper, ctx.Err())
	}
}

// run ends the load whatever fetch does, a panic included, so that nobody waits for ever.
func (r *keyring) run(ctx context.Context, id keyID, l *load, fetch func(context.Context) (organizationKey, error)) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	l.err = fmt.Errorf("%w: it ended without an answer", ErrKeeper)
	defer func() {
		if p := recover(); p != nil {
			// The type alone: nobody knows what the value holds.
			l.err = fmt.Errorf("%w: it panicked with a %T", ErrKeeper, p)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case l.err == nil:
			r.cache.put(keyID{id.organization, l.key.version}, l.key, r.clock())
			r.sweep()
		case isRefusal(l.err):
			r.cache.remove(id)
		}
		delete(r.loads, id)
		close(l.done)
	}()
	l.key, l.err = fetch(ctx)
}

// isRefusal tells whether a renewal was answered with no. That is believed at once, so that
// a root key which is disabled takes effect; from a service that does not answer, or a
// store, nothing follows.
func isRefusal(err error) bool {
	for _, no := range []error{ErrRefused, ErrTampered, ErrUnknownKey, ErrWrongRoot} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// sweep has keys dropped at their maximum age though nobody asks for them. It is for use
// under the lock.
func (r *keyring) sweep() {
	if r.sweeping || r.cache.maxAge == 0 {
		return
	}
	next, any := r.cache.expire(r.clock())
	if !any {
		return
	}
	r.sweeping = true
	time.AfterFunc(next, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sweeping = false
		r.sweep()
	})
}
