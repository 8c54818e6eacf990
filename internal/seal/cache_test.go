package seal

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
)

// TestKeysThatNobodyAsksForAreForgotten looks inside, where alone it can be seen.
func TestKeysThatNobodyAsksForAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newKeyring(nil, nil, time.Now, nil)
		r.cache.maxAge = time.Hour
		put := func() *cached {
			r.mu.Lock()
			defer r.mu.Unlock()
			id := keyID{uuid.New(), 1}
			r.cache.put(id, organizationKey{version: 1, prk: [32]byte{1}}, r.clock())
			r.sweep()
			return r.cache.entries[id].Value.(*cached)
		}
		first := put()
		<-time.After(40 * time.Minute)
		second := put()
		for _, c := range []struct {
			after     time.Duration
			kept      int
			forgotten *cached
		}{{19 * time.Minute, 2, nil}, {time.Minute, 1, first}, {40 * time.Minute, 0, second}} {
			<-time.After(c.after)
			synctest.Wait()
			r.mu.Lock()
			if len(r.cache.entries) != c.kept || r.cache.order.Len() != c.kept {
				t.Errorf("%d keys are kept, want %d", len(r.cache.entries), c.kept)
			}
			if c.forgotten != nil && c.forgotten.key.prk != [32]byte{} {
				t.Error("a key that was dropped was not overwritten")
			}
			r.mu.Unlock()
		}
		if r.sweeping {
			t.Error("a timer is set though no key is left")
		}
	})
}
