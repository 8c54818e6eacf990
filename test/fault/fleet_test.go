package fault_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"strongroom/internal/app/apptest"
)

// fleet is several replicas on one PostgreSQL. Whoever calls it takes any of them.
type fleet struct {
	*onPostgres
	replicas []atomic.Pointer[apptest.Process]
	// starts are how many processes there were, each with a chain of its own.
	starts int
}

func newFleet(t *testing.T, o *onPostgres, replicas int) *fleet {
	t.Helper()
	f := &fleet{onPostgres: o, replicas: make([]atomic.Pointer[apptest.Process], replicas)}
	all := make([]int, replicas)
	for i := range all {
		all[i] = i
	}
	f.start(t, all)
	return f
}

// start starts replicas in these places, all at once.
func (f *fleet) start(t *testing.T, which []int) {
	t.Helper()
	var started sync.WaitGroup
	for _, i := range which {
		p := apptest.Spawn(t, f.dir, f.jwtSecret, nil,
			"--credentials-per-provider", "0", "--credentials-per-user", "0", "--database-url", f.url(""))
		f.starts++
		started.Go(func() {
			p.Listening()
			f.replicas[i].Store(p)
		})
	}
	started.Wait()
}

// kill ends replicas at once.
func (f *fleet) kill(which []int) {
	for _, i := range which {
		f.replicas[i].Load().Kill()
	}
}

// any returns one of the replicas by lot, dead ones as well.
func (f *fleet) any(random *rand.Rand) *apptest.Client {
	return &f.replicas[random.IntN(len(f.replicas))].Load().Client
}

// quiet waits until nobody works in the database: what a killed process had sent was then
// either kept or never will be.
func (f *fleet) quiet(t *testing.T) {
	t.Helper()
	eventually(t, "nothing is under way in the database", func() bool {
		return f.cluster.Server.Query(t, "", "SELECT count(*) FROM pg_stat_activity WHERE usename = '"+f.cluster.Role.Name+"' AND state <> 'idle'") == "0"
	})
}

func (f *fleet) stop(t *testing.T) {
	t.Helper()
	for i := range f.replicas {
		stop(t, f.replicas[i].Load())
	}
}
