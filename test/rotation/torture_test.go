package rotation_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

var (
	roundCount = flag.Int("rounds", 0, "how many rounds; 0: every named one and some by lot")
	seedFlag   = flag.Uint64("seed", 0, "repeats the run of this seed; 0: a new one")
)

const (
	// lanes is how many processes are under torture at once.
	lanes = 4
	// byLot is how many rounds are drawn by lot where nobody says how many there are.
	byLot = 6
)

// numbered is a round with its place in the run.
type numbered struct {
	number int
	round
}

func TestTorture(t *testing.T) {
	t.Parallel()
	seed := *seedFlag
	for seed == 0 {
		seed = rand.Uint64()
	}
	rounds := named(rand.New(rand.NewPCG(seed, 0)))
	wanted := *roundCount
	if wanted == 0 {
		wanted = len(rounds) + byLot
	}
	t.Logf("%d rounds, seed %d", wanted, seed)
	queue := make(chan numbered, wanted)
	for i := range wanted {
		r := numbered{number: i + 1}
		if i < len(rounds) {
			r.round = rounds[i]
		} else {
			r.round = drawn(rand.New(rand.NewPCG(seed, uint64(r.number))))
		}
		queue <- r
	}
	close(queue)
	// Parallel tests would be as many as there are processors; these wait most of the time.
	var all sync.WaitGroup
	for i := range lanes {
		all.Go(func() {
			t.Run(fmt.Sprint("lane ", i+1), func(t *testing.T) {
				l := newLane(t)
				for r := range queue {
					t.Run(fmt.Sprintf("%d: %s", r.number, r.round), func(t *testing.T) {
						l.run(t, r.round, rand.New(rand.NewPCG(seed, uint64(r.number)<<32)))
					})
				}
				l.wantOnRecord(t)
			})
		})
	}
	all.Wait()
}
