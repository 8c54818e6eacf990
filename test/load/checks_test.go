package main

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/app/apptest"
	"strongroom/secret"
)

var checks = flag.Int("checks", 10_000, "credentials that are due for their test at once")

const (
	// answerTime is how long the API takes, but for each stallEvery-th request, which it
	// never answers.
	answerTime = 5 * time.Millisecond
	stallEvery = 500
	// keyHeader is where a credential's key stands unless it says otherwise.
	keyHeader = "X-API-Key"
	// readOf is how many of the credentials are read.
	readOf          = 200
	limitChecksPeak = 100 // MB
	// readAfter is how long is read when the tests have ended, in seconds.
	readAfter = 60
	// firstTestWithin is longer than until new data is tested.
	firstTestWithin = 10 * time.Minute
)

// BenchmarkScheduledChecks tests 10,000 credentials that are due at once, in the real binary,
// while some of them are read; and then reads for a while without. Tests are begun at the
// service's own pace, so that it takes half an hour; -checks makes it shorter. Its figures:
// the most memory, and how slow a read is meanwhile as a ratio to one after.
func BenchmarkScheduledChecks(b *testing.B) {
	for b.Loop() {
		api := startSlowAPI(b)
		dir := b.TempDir()
		stock := stockDue(b, dir, api.URL)
		s := serveBinary(b, dir)
		began := time.Now()
		during := readUntil(b, s, stock, func() bool { return api.credentials() >= *checks && api.busy.Load() == 0 })
		took := time.Since(began)
		seconds := 0
		after := readUntil(b, s, stock, func() bool { seconds++; return seconds > readAfter })
		reportChecks(b, s, api, during, after, took)
		must(b, s.stop())
	}
}

// slowAPI is what the credentials are for.
type slowAPI struct {
	*httptest.Server
	asked, busy atomic.Int64

	// tested has whose key came; those who got no answer come again.
	mu     sync.Mutex
	tested map[string]bool
}

func (a *slowAPI) count(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tested[key] = true
}

func (a *slowAPI) credentials() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.tested)
}

func startSlowAPI(b *testing.B) *slowAPI {
	b.Helper()
	a := &slowAPI{tested: map[string]bool{}}
	a.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		a.busy.Add(1)
		defer a.busy.Add(-1)
		a.count(r.Header.Get(keyHeader))
		if a.asked.Add(1)%stallEvery == 0 {
			<-r.Context().Done()
			return
		}
		<-time.After(answerTime)
	}))
	b.Cleanup(a.Close)
	return a
}

// stockDue stores credentials whose tests are due.
func stockDue(b *testing.B, dir, url string) stocked {
	b.Helper()
	apptest.Prepare(b, dir)
	config := apptest.Config(b, dir)
	config.CredentialsPerProvider, config.CredentialsPerUser = 0, 0
	past := func() time.Time { return time.Now().Add(-firstTestWithin) }
	stock := stockMany(b, config, past, *checks, func(i int) strongroom.NewCredential {
		return strongroom.NewCredential{
			Name: fmt.Sprintf("API %d", i), Provider: "api_credential", Type: "api_key",
			Data: secret.New(fmt.Appendf(nil, `{"api_key":"key-%d","test_url":%q}`, i, url)),
		}
	})
	stock.ids = stock.ids[:min(readOf, len(stock.ids))]
	return stock
}

func reportChecks(b *testing.B, s *server, api *slowAPI, during, after []float64, took time.Duration) {
	b.Helper()
	peak, err := s.peakMemory()
	must(b, err)
	if n, asked := api.credentials(), int(api.asked.Load()); n != *checks || asked > n+2*n/stallEvery {
		b.Errorf("the API was asked %d times for %d credentials, of %d", asked, n, *checks)
	}
	p := func(sorted []float64, percent int) float64 { return sorted[len(sorted)*percent/100] }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(peak>>20), "peak-MB")
	b.ReportMetric(float64(peak>>20)/limitChecksPeak, "of-limit")
	b.ReportMetric(float64(*checks)/took.Seconds(), "checks/s")
	b.ReportMetric(float64(len(during)), "reads")
	b.ReportMetric(p(during, 50), "p50-ms")
	b.ReportMetric(p(during, 99), "p99-ms")
	b.ReportMetric(p(after, 99), "p99-after-ms")
	b.ReportMetric(p(during, 99)/p(after, 99), "p99-ratio")
	b.ReportMetric(during[len(during)-1], "slowest-ms")
}
