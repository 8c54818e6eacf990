package fault_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app/apptest"
)

// killRounds is how often the process is killed.
func killRounds(t *testing.T) int {
	t.Helper()
	text, ok := os.LookupEnv("STRONGROOM_KILL_ROUNDS")
	if !ok {
		return 25
	}
	rounds, err := strconv.Atoi(text)
	if err != nil || rounds < 1 {
		t.Fatal("STRONGROOM_KILL_ROUNDS must be a whole number from 1")
	}
	return rounds
}

// workUntilKilled has every ledger work at once, and kills the process when so many
// calls have been answered.
func workUntilKilled(p *apptest.Process, ledgers []*ledger, acknowledgements int64) {
	enough := make(chan struct{})
	var answered atomic.Int64
	var once sync.Once
	count := func() {
		if answered.Add(1) >= acknowledgements {
			once.Do(func() { close(enough) })
		}
	}
	var all sync.WaitGroup
	for _, l := range ledgers {
		l.client = &p.Client
		all.Go(func() { l.work(count) })
	}
	over := make(chan struct{})
	go func() {
		all.Wait()
		close(over)
	}()
	select {
	case <-enough:
	case <-over:
		// They only end by themselves over a wrong answer, which settle reports.
	}
	p.Kill()
	<-over
}

func TestKilledInTheMiddleOfEverything(t *testing.T) {
	t.Parallel()
	const workers, most = 4, 80
	rounds, seed := killRounds(t), rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	jwtSecret := apptest.Prepare(t, dir)
	p := start(t, dir, jwtSecret)
	organization := uuid.New()
	key := p.APIKey(organization, "worker")
	var ledgers []*ledger
	for i := range workers {
		ledgers = append(ledgers, &ledger{
			tenant: tenant{client: &p.Client, user: p.UserToken(organization, uuid.New(), strongroom.RoleAppUser), key: key},
			label:  fmt.Sprint("worker-", i), random: rand.New(rand.NewPCG(seed, uint64(i+1))),
		})
	}
	for range rounds {
		workUntilKilled(p, ledgers, 1+random.Int64N(most))
		p = start(t, dir, jwtSecret)
		for _, l := range ledgers {
			l.client = &p.Client
			l.settle(t)
			for h := range l.touched {
				l.open(t, h)
			}
		}
		wantVerified(t, dir)
		if t.Failed() {
			t.FailNow()
		}
	}
	var answered []apptest.Answer
	for _, l := range ledgers {
		for _, h := range l.all {
			l.open(t, h)
		}
		answered = append(answered, l.answered...)
	}
	stop(t, p)
	wantOnRecord(t, dir, answered)
	if report := wantVerified(t, dir); report.Chains != rounds+1 || len(report.Unclosed) != rounds {
		t.Errorf("%d chains, %d not closed; want %d and %d", report.Chains, len(report.Unclosed), rounds+1, rounds)
	}
}
