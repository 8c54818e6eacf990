package httpapi

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"strongroom"
)

// Limits bound what one client, and all of them together, may ask. A rate of 0 is no
// limit; its burst is twice the rate, and at least 10.
type Limits struct {
	// BodyBytes is the largest body that is read.
	BodyBytes int64
	// Concurrent is how many requests are served at once; more are answered 503.
	Concurrent int
	// UserRate and AccountRate are requests a second for each user and each service account.
	UserRate, AccountRate float64
	// AddressRate is requests a second for each address, whoever calls from it.
	AddressRate float64
	// FailureRate is how many requests with a bad credential a second each address is
	// answered 401; more are answered 429.
	FailureRate float64
}

// limiter keeps the Limits.
type limiter struct {
	users, accounts, addresses, failures *keyed
	// slots has room for as many as may be served at once.
	slots chan struct{}
}

func newLimiter(l Limits, clock strongroom.Clock) *limiter {
	return &limiter{
		users: newKeyed(l.UserRate, clock), accounts: newKeyed(l.AccountRate, clock),
		addresses: newKeyed(l.AddressRate, clock), failures: newKeyed(l.FailureRate, clock),
		slots: make(chan struct{}, l.Concurrent),
	}
}

// enter takes a slot; false: there is none. leave gives it back.
func (l *limiter) enter() bool {
	select {
	case l.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l *limiter) leave() { <-l.slots }

func (l *limiter) principal(p strongroom.Principal) time.Duration {
	if p.IsServiceAccount() {
		return l.accounts.wait(p.ID)
	}
	return l.users.wait(p.ID)
}

func (l *limiter) address(a netip.Addr) time.Duration { return l.addresses.wait(addressKey(a)) }

func (l *limiter) failed(a netip.Addr) time.Duration { return l.failures.wait(addressKey(a)) }

// addressKey groups IPv6 by /64: a single host has that many addresses.
func addressKey(a netip.Addr) uuid.UUID {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			a = p.Addr()
		}
	}
	return uuid.UUID(a.As16())
}

// maxKeys bounds a keyed limiter's memory; beyond it the longest unused key goes.
const maxKeys = 10_000

// keyed is one rate limiter for each key.
type keyed struct {
	rate  float64
	burst int
	clock strongroom.Clock

	mu     sync.Mutex
	byKey  map[uuid.UUID]*list.Element
	recent *list.List // of *bucket, the last used in front
}

type bucket struct {
	key     uuid.UUID
	limiter *rate.Limiter
}

func newKeyed(perSecond float64, clock strongroom.Clock) *keyed {
	return &keyed{
		rate: perSecond, burst: max(10, int(2*perSecond)), clock: clock,
		byKey: map[uuid.UUID]*list.Element{}, recent: list.New(),
	}
}

// wait takes one from the key's bucket and returns 0, or takes none and returns how long
// it takes until there is one.
func (k *keyed) wait(key uuid.UUID) time.Duration {
	if k.rate <= 0 {
		return 0
	}
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.byKey[key]
	if ok {
		k.recent.MoveToFront(e)
	} else {
		e = k.recent.PushFront(&bucket{key: key, limiter: rate.NewLimiter(rate.Limit(k.rate), k.burst)})
		k.byKey[key] = e
		if k.recent.Len() > maxKeys {
			oldest := k.recent.Back()
			delete(k.byKey, oldest.Value.(*bucket).key)
			k.recent.Remove(oldest)
		}
	}
	reservation := e.Value.(*bucket).limiter.ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay > 0 {
		reservation.CancelAt(now)
	}
	return delay
}

func errLimited(wait time.Duration) error {
	return strongroom.Unavailable(strongroom.CodeRateLimited, "Too many requests; come back after the time in Retry-After", wait)
}
