package refresh_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ahead runs the background's renewals with so many workers until the test ends.
func (s *scene) ahead(workers int) {
	ctx, stop := context.WithCancel(s.Context())
	ended := make(chan struct{})
	go func() {
		s.RunAhead(ctx, workers)
		close(ended)
	}()
	s.Cleanup(func() { stop(); <-ended })
}

func TestWhatMovedAfterItWasClaimedIsNotRenewed(t *testing.T) {
	run(t, func(s *scene) {
		id := s.create("quick")
		s.reader.hook = once(func() { s.replace(id, "other", time.Hour) })
		s.ahead(2)
		synctest.Wait()
		s.wantRequests()
		s.wantRenewed(id, 2, "other")
	})
}

func TestWhatIsClaimedIsRenewedOnceByManyProcesses(t *testing.T) {
	run(t, func(s *scene) {
		for range 20 {
			s.create("quick")
		}
		s.ahead(4)
		s.ahead(4)
		// Five looks by each.
		<-time.After(30 * time.Second)
		synctest.Wait()
		if n := len(s.provider.requests()); n != 20 {
			t.Errorf("the provider was asked %d times, want 20", n)
		}
	})
}

// TestAProviderThatIsSlowLeavesWorkersForOthers: more of its work is due, and has been for
// longer, than there are workers.
func TestAProviderThatIsSlowLeavesWorkersForOthers(t *testing.T) {
	run(t, func(s *scene) {
		const workers = 4
		for range 3 * workers {
			s.create("slow")
		}
		s.create("quick")
		release, quick := make(chan struct{}), make(chan struct{})
		var mu sync.Mutex
		slow := 0
		s.provider.hook = func(endpoint string) {
			if !strings.Contains(endpoint, "slow") {
				close(quick)
				return
			}
			mu.Lock()
			slow++
			mu.Unlock()
			<-release
		}
		s.ahead(workers)
		select {
		case <-quick:
		case <-time.After(time.Minute):
			t.Error("the other provider's token is not renewed while one is slow")
		}
		synctest.Wait()
		mu.Lock()
		if slow == 0 || slow >= workers {
			t.Errorf("%d of %d workers wait for the slow provider", slow, workers)
		}
		mu.Unlock()
		close(release)
	})
}
