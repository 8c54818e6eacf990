package browser_test

import "testing"

// TestThousandsOfRefreshesAfterOneConsent: each of them replaces the refresh token, and a
// single one used twice would end the grant.
func TestThousandsOfRefreshesAfterOneConsent(t *testing.T) {
	t.Parallel()
	const refreshes, readEvery = 2000, 200
	s := newScene(t)
	ann := s.person()
	_, key := s.ServiceAccount(ann.organization, "mailer")
	connected := ann.connects("connect", "ann")
	if first, _ := s.read(key, connected); first.Refresh == "" {
		t.Fatal("there is no refresh token")
	}
	before := s.Metadata(ann.token, connected)
	seen := map[string]bool{}
	for i := 1; i <= refreshes; i++ {
		if err := s.renew(ann.organization, connected); err != nil {
			t.Fatalf("refresh %d: %v", i, err)
		}
		if i%readEvery == 0 {
			read, _ := s.read(key, connected)
			seen[read.Access], seen[read.Refresh] = true, true
		}
	}
	read, grant := s.read(key, connected)
	if !grant.Alive || grant.KilledByReuse || grant.RefreshTokenCurrent != read.Refresh || grant.Username != "ann" {
		t.Errorf("the grant is alive: %t, killed by reuse: %t", grant.Alive, grant.KilledByReuse)
	}
	if want := 2 * refreshes / readEvery; len(seen) != want {
		t.Errorf("%d tokens were read, want %d", len(seen), want)
	}
	stats := s.server.Stats()
	if n := stats.Exchanges["refresh_token"]; n != refreshes || stats.Failures != 0 || stats.ReuseDetected != 0 {
		t.Errorf("%d exchanges, %d failures, %d tokens used twice; want %d exchanges", n, stats.Failures, stats.ReuseDetected, refreshes)
	}
	if after := s.Metadata(ann.token, connected); after.Version != before.Version+refreshes || after.Status != before.Status {
		t.Errorf("the metadata is %+v", after)
	}
	s.wantExchanges(1)
}
