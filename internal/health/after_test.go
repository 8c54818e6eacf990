package health_test

import (
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/health"
)

const (
	hostKey  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
	otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxe7mOp3xvLRdkBLjYfj4hcU6mRUeuUSL5HaA/jGvBd"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestWhatAResultMakesOfHealth(t *testing.T) {
	const ok, expiring, failing, stopped = strongroom.HealthOK, strongroom.HealthExpiring, strongroom.HealthFailing, strongroom.HealthStopped
	ends := works
	ends.Warnings = []strongroom.Warning{{Kind: "sas_token"}}
	for name, row := range map[string]struct {
		before             strongroom.Health
		result             strongroom.CheckResult
		state              strongroom.HealthState
		failures, refusals int
		// next is after how long it is tested again; 0: never.
		next time.Duration
	}{
		"what works is tested after its interval":          {strongroom.Health{}, works, ok, 0, 0, every},
		"what works, and ends soon, is tested no sooner":   {strongroom.Health{}, ends, expiring, 0, 0, every},
		"what works again begins anew":                     {strongroom.Health{State: failing, Failures: 7, Refusals: 2}, works, ok, 0, 0, every},
		"what works again though nobody tried it any more": {strongroom.Health{State: stopped, Failures: 9, Refusals: 5}, works, ok, 0, 0, every},
		"the first failure":                                {strongroom.Health{State: ok}, fails(strongroom.CheckTimeout), failing, 1, 0, 5 * time.Minute},
		"the second failure":                               {strongroom.Health{State: failing, Failures: 1}, fails(strongroom.CheckDNS), failing, 2, 0, 10 * time.Minute},
		"the sixth failure":                                {strongroom.Health{State: failing, Failures: 5}, fails(strongroom.CheckTLS), failing, 6, 0, 160 * time.Minute},
		"the eighth failure":                               {strongroom.Health{State: failing, Failures: 7}, fails(strongroom.CheckTLS), failing, 8, 0, every},
		"the millionth failure":                            {strongroom.Health{State: failing, Failures: 999_999}, fails(strongroom.CheckTLS), failing, 1_000_000, 0, every},
		"a failure of what will end":                       {strongroom.Health{}, strongroom.CheckResult{Code: strongroom.CheckPermission, Warnings: ends.Warnings}, failing, 1, 0, 5 * time.Minute},
		"the first refusal":                                {strongroom.Health{}, fails(strongroom.CheckAuth), failing, 1, 1, time.Hour},
		"the second refusal":                               {strongroom.Health{Failures: 1, Refusals: 1}, fails(strongroom.CheckAuth), failing, 2, 2, 4 * time.Hour},
		"the third refusal":                                {strongroom.Health{Failures: 2, Refusals: 2}, fails(strongroom.CheckHostKey), failing, 3, 3, 12 * time.Hour},
		"the fourth refusal":                               {strongroom.Health{Failures: 3, Refusals: 3}, fails(strongroom.CheckAuth), failing, 4, 4, 24 * time.Hour},
		"the fifth refusal":                                {strongroom.Health{Failures: 4, Refusals: 4}, fails(strongroom.CheckAuth), stopped, 5, 5, 0},
		"a failure between refusals does not wipe them":    {strongroom.Health{Failures: 1, Refusals: 1}, fails(strongroom.CheckTimeout), failing, 2, 1, 10 * time.Minute},
		"a refusal of what is not tried any more":          {strongroom.Health{State: stopped, Failures: 5, Refusals: 5}, fails(strongroom.CheckAuth), stopped, 6, 6, 0},
		"another failure of what is not tried any more":    {strongroom.Health{State: stopped, Failures: 5, Refusals: 5}, fails(strongroom.CheckTimeout), stopped, 6, 5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			late := noon.Add(time.Hour)
			row.before.NextAt = &late
			for random, factor := range map[float64]float64{0: 0.9, 0.5: 1, 1: 1.1} {
				got := health.After(row.before, row.result, noon, every, random)
				if got.State != row.state || got.Failures != row.failures || got.Refusals != row.refusals {
					t.Errorf("it is %q after %d failures and %d refusals", got.State, got.Failures, got.Refusals)
				}
				if row.next == 0 && got.NextAt != nil {
					t.Errorf("it is tested at %s, want never", got.NextAt)
				}
				if row.next == 0 {
					continue
				}
				want := time.Duration(float64(row.next) * factor)
				if got.NextAt == nil || got.NextAt.Sub(noon).Round(time.Second) != want.Round(time.Second) {
					t.Errorf("it is tested at %v, want after %s", got.NextAt, want)
				}
			}
		})
	}
}

func TestAFailureIsNotTriedAgainLaterThanWhatWorks(t *testing.T) {
	got := health.After(strongroom.Health{}, fails(strongroom.CheckDNS), noon, time.Minute, 0.5)
	if !got.NextAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("it is tested again at %s, want after a minute", got.NextAt)
	}
}

func TestTheHostKeyThatIsKept(t *testing.T) {
	shown := func(success bool, line any) strongroom.CheckResult {
		return strongroom.CheckResult{Success: success, Details: map[string]any{"known_host": line}}
	}
	const ours, changed, elsewhere = "files.example.com " + hostKey, "files.example.com " + otherKey, "[files.example.com]:2222 " + otherKey
	for name, row := range map[string]struct {
		kept   string
		result strongroom.CheckResult
		want   string
	}{
		"the first one":                      {"", shown(true, ours), ours},
		"none of a test that failed":         {"", shown(false, ours), ""},
		"the same one":                       {ours, shown(true, ours), ours},
		"the first, where the host changed":  {ours, shown(true, changed), ours},
		"another host's":                     {ours, shown(true, elsewhere), elsewhere},
		"what was kept, where none is shown": {ours, works, ours},
		"what was kept, where nonsense is":   {ours, shown(true, "files.example.com"), ours},
		"what was kept, where no text is":    {ours, shown(true, 7), ours},
		"a new one in place of nonsense":     {"nonsense", shown(true, ours), ours},
	} {
		t.Run(name, func(t *testing.T) {
			if got := health.After(strongroom.Health{KnownHost: row.kept}, row.result, noon, every, 0).KnownHost; got != row.want {
				t.Errorf("kept is %q, want %q", got, row.want)
			}
		})
	}
}
