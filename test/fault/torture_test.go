package fault_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"strongroom/internal/app/apptest"
	"strongroom/internal/probe/pgtest"
)

var (
	roundCount = flag.Int("rounds", 24, "how many rounds of replicas and PostgreSQL being killed")
	seedFlag   = flag.Uint64("seed", 0, "repeats the run of this seed; 0: a new one")
)

// The log is verified in each of the first rounds, and then in one of so many and at the end:
// it is verified as a whole, and grows.
const (
	verifiedRounds = 24
	verifiedEach   = 10
)

// blow is what is killed in a round, with SIGKILL.
type blow struct {
	name string
	// replicas are how many of them die.
	replicas int
	// postgres is how PostgreSQL dies; nil: it does not.
	postgres func(t *testing.T, f *fleet, random *rand.Rand)
}

var blows = []blow{
	{name: "a replica", replicas: 1},
	{name: "a process of PostgreSQL that serves a replica", postgres: killBackend},
	{name: "PostgreSQL, all of it", postgres: func(t *testing.T, f *fleet, _ *rand.Rand) { f.cluster.Server.Crash(t, true) }},
	{name: "two replicas", replicas: 2},
	{name: "PostgreSQL's first process", postgres: func(t *testing.T, f *fleet, _ *rand.Rand) { f.cluster.Server.Crash(t, false) }},
	{name: "every replica", replicas: 3},
	{name: "a replica and all of PostgreSQL", replicas: 1, postgres: func(t *testing.T, f *fleet, _ *rand.Rand) { f.cluster.Server.Crash(t, true) }},
	{name: "a process of PostgreSQL at its housekeeping", postgres: killAny},
	{name: "every replica and all of PostgreSQL", replicas: 3, postgres: func(t *testing.T, f *fleet, _ *rand.Rand) { f.cluster.Server.Crash(t, true) }},
}

// killBackend kills a process that serves the replicas; PostgreSQL then starts all of its
// processes anew by itself.
func killBackend(t *testing.T, f *fleet, random *rand.Rand) {
	t.Helper()
	var pid int
	said := f.cluster.Server.Query(t, "", "SELECT pid FROM pg_stat_activity WHERE usename = '"+f.cluster.Role.Name+"' ORDER BY state = 'idle', pid")
	if _, err := fmt.Sscan(said, &pid); err != nil {
		t.Fatalf("no process serves the replicas: %q", said)
	}
	f.cluster.Server.Kill(t, pid)
}

// killAny kills one by lot that is not the first.
func killAny(t *testing.T, f *fleet, random *rand.Rand) {
	t.Helper()
	pids := f.cluster.Server.PIDs(t)
	f.cluster.Server.Kill(t, pids[1+random.IntN(len(pids)-1)])
}

// TestTortureOfReplicas kills replicas and PostgreSQL at random moments under load. Whatever
// was acknowledged is there, on whichever replica, each secret that was sent is on record,
// and every chain verifies, also while they write.
func TestTortureOfReplicas(t *testing.T) {
	t.Parallel()
	const books = 6
	seed := *seedFlag
	for seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("%d rounds, seed %d", *roundCount, seed)
	f := newFleet(t, newOnPostgres(t, pgtest.Private(t, "fsync=on")), 3)
	p := &plan{fleet: f}
	for i := range books {
		p.books = append(p.books, newBook(t, f, fmt.Sprint("book-", i), rand.New(rand.NewPCG(seed, uint64(i)<<32))))
	}
	round := "before the first"
	defer func() {
		if t.Failed() {
			t.Logf("it was round %s", round)
		}
	}()
	for i := range *roundCount {
		random := rand.New(rand.NewPCG(seed, uint64(i+1)))
		b := blows[i%len(blows)]
		if i >= len(blows) {
			b = blows[random.IntN(len(blows))]
		}
		round = fmt.Sprintf("%d: %s", i+1, b.name)
		p.round(t, b, random, i < verifiedRounds || i%verifiedEach == 0)
		if t.Failed() {
			return
		}
	}
	p.judge(t)
}

// plan is a fleet, and those who call it.
type plan struct {
	*fleet
	books        []*book
	acknowledged atomic.Int64
	killed       int
}

// round lets everybody work, strikes in the middle of it, mends what was struck, and looks
// when all is quiet what is there.
func (p *plan) round(t *testing.T, b blow, random *rand.Rand, verify bool) {
	t.Helper()
	stopped := make(chan struct{})
	stopping := sync.OnceFunc(func() { close(stopped) })
	defer stopping()
	var working sync.WaitGroup
	for _, book := range p.books {
		working.Go(func() { book.work(stopped, func() { p.acknowledged.Add(1) }) })
	}
	p.await(t, 1+random.Int64N(120))
	which := random.Perm(len(p.replicas))[:b.replicas]
	p.killed += b.replicas
	if b.postgres != nil && random.IntN(2) == 0 {
		b.postgres(t, p.fleet, random)
		p.kill(which)
	} else {
		p.kill(which)
		if b.postgres != nil {
			b.postgres(t, p.fleet, random)
		}
	}
	p.mend(t, which)
	p.await(t, 30+random.Int64N(60))
	if verify {
		wantVerifiedOf(t, p.config(t))
	}
	stopping()
	working.Wait()
	p.quiet(t)
	p.settle(t)
	if verify {
		wantVerifiedOf(t, p.config(t))
	}
}

// settle settles every book.
func (p *plan) settle(t *testing.T) {
	t.Helper()
	var settling sync.WaitGroup
	for _, book := range p.books {
		settling.Go(func() { book.settle(t) })
	}
	settling.Wait()
}

// mend starts what has died again, and waits until everybody can work.
func (p *plan) mend(t *testing.T, which []int) {
	t.Helper()
	if !p.cluster.Server.Alive(t) {
		p.cluster.Server.Control(t, "start")
	}
	p.cluster.Server.Await(t)
	p.start(t, which)
	for i := range p.replicas {
		becomesReady(t, &p.replicas[i].Load().Client)
	}
}

// await waits until so many more calls were acknowledged, or somebody found something wrong.
func (p *plan) await(t *testing.T, calls int64) {
	t.Helper()
	before := p.acknowledged.Load()
	eventually(t, fmt.Sprintf("%d calls are acknowledged", calls), func() bool { return p.acknowledged.Load() >= before+calls })
}

// judge looks at everything once more, when all is over.
func (p *plan) judge(t *testing.T) {
	t.Helper()
	var answered []apptest.Answer
	checks, doubts := 0, 0
	for _, b := range p.books {
		for _, e := range b.entries {
			b.touched[e] = true
		}
	}
	p.settle(t)
	for _, b := range p.books {
		answered = append(answered, b.answered...)
		checks, doubts = checks+b.checks, doubts+b.doubts
	}
	p.stop(t)
	wantOnRecordOf(t, p.config(t), answered)
	report := wantVerifiedOf(t, p.config(t))
	if report.Chains != p.starts || len(report.Unclosed) != p.killed {
		t.Errorf("%d chains, %d not closed; want %d and %d", report.Chains, len(report.Unclosed), p.starts, p.killed)
	}
	t.Logf("%d calls acknowledged, %d secrets sent, %d times held to what another replica had acknowledged, %d changes in doubt, %d replicas killed",
		p.acknowledged.Load(), len(answered), checks, doubts, p.killed)
}
