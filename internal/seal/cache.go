package seal

import (
	"container/list"
	"time"
)

// cache keeps the most recently used organization keys, each up to a maximum age. It hands
// out copies, so that it may overwrite what it drops while others still use theirs. It is
// for use under the keyring's lock.
type cache struct {
	size int
	// maxAge is how old a key may become; 0: any age.
	maxAge  time.Duration
	order   *list.List // of *cached, most recently used first
	entries map[keyID]*list.Element
}

type cached struct {
	id  keyID
	key organizationKey
	// since is when the keeper unwrapped the key; renew is when it is to be asked again.
	since, renew time.Time
}

func newCache(size int) *cache {
	return &cache{size: size, order: list.New(), entries: map[keyID]*list.Element{}}
}

// What part of the maximum age a key is used for before it is renewed, and between two
// attempts to: with some sixteen attempts in the second half, a key service that is away
// for less than that half is not noticed.
const (
	renewAfter = 2
	renewAgain = 32
)

// get returns the key, and whether it is time to renew it: true once for each attempt.
func (c *cache) get(id keyID, now time.Time) (key organizationKey, renew, found bool) {
	e, found := c.entries[id]
	if !found {
		return organizationKey{}, false, false
	}
	entry := e.Value.(*cached)
	if c.expired(entry, now) {
		c.drop(e)
		return organizationKey{}, false, false
	}
	c.order.MoveToFront(e)
	if c.maxAge > 0 && !now.Before(entry.renew) {
		entry.renew, renew = now.Add(c.maxAge/renewAgain), true
	}
	return entry.key, renew, true
}

// put adds a key, in the place of one of the same id, and drops the one that was used
// longest ago where that is one too many.
func (c *cache) put(id keyID, key organizationKey, now time.Time) {
	c.remove(id)
	c.entries[id] = c.order.PushFront(&cached{id: id, key: key, since: now, renew: now.Add(c.maxAge / renewAfter)})
	if c.order.Len() > c.size {
		c.drop(c.order.Back())
	}
}

func (c *cache) remove(id keyID) {
	if e, found := c.entries[id]; found {
		c.drop(e)
	}
}

// expire drops what is too old, and returns when the next key will be; false where there
// is none.
func (c *cache) expire(now time.Time) (next time.Duration, any bool) {
	for e := c.order.Front(); e != nil; {
		entry, following := e.Value.(*cached), e.Next()
		if c.expired(entry, now) {
			c.drop(e)
		} else if left := entry.since.Add(c.maxAge).Sub(now); !any || left < next {
			next, any = left, true
		}
		e = following
	}
	return next, any
}

func (c *cache) expired(entry *cached, now time.Time) bool {
	return c.maxAge > 0 && now.Sub(entry.since) >= c.maxAge
}

func (c *cache) drop(e *list.Element) {
	dropped := c.order.Remove(e).(*cached)
	delete(c.entries, dropped.id)
	clear(dropped.key.prk[:])
}
