package seal

import "container/list"

// cache keeps the most recently used organization keys. It hands out copies, so that
// it may overwrite what it drops while others still use theirs. It is for use under
// the keyring's lock.
type cache struct {
	size    int
	order   *list.List // of *cached, most recently used first
	entries map[keyID]*list.Element
}

type cached struct {
	id  keyID
	key organizationKey
}

func newCache(size int) *cache {
	return &cache{size: size, order: list.New(), entries: map[keyID]*list.Element{}}
}

func (c *cache) get(id keyID) (organizationKey, bool) {
	e, found := c.entries[id]
	if !found {
		return organizationKey{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).key, true
}

// put adds a key and drops the one that was used longest ago where that is one too many.
func (c *cache) put(id keyID, key organizationKey) {
	if _, found := c.entries[id]; found {
		return
	}
	c.entries[id] = c.order.PushFront(&cached{id, key})
	if c.order.Len() <= c.size {
		return
	}
	last := c.order.Back()
	dropped := c.order.Remove(last).(*cached)
	delete(c.entries, dropped.id)
	clear(dropped.key.prk[:])
}
