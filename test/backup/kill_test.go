package backup_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/store/postgres/postgrestest"
)

const killRounds = 12

// furnished is an installation with enough in it for a kill to strike in the middle.
func furnished(t *testing.T, cluster *postgrestest.Cluster) (*installation, *tenant) {
	t.Helper()
	i := newInstallation(t, cluster)
	p := i.start()
	n := newTenant(&p.Client)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for k := range 50 {
				if err := n.store(&p.Client, fmt.Sprintf("k%d-%d", w, k)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	stop(p)
	return i, n
}

// killWhen kills a process so many looks, one a millisecond, after its work has begun, unless
// it has ended by then.
func killWhen(p *apptest.Process, begun func() bool, looks int) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for seen := false; looks > 0 && !p.Ended(); <-ticker.C {
		if seen = seen || begun(); seen {
			looks--
		}
	}
	p.Kill()
}

// moments are random numbers of looks.
func moments(t *testing.T, most int) func() int {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	return func() int { return 1 + random.IntN(most) }
}

// TestABackupThatIsKilled leaves no half-written file under a backup's name, and the keys
// file as it was or as it is to be.
func TestABackupThatIsKilled(t *testing.T) {
	i, _ := furnished(t, nil)
	moment, to := moments(t, 30), t.TempDir()
	i.backup(to)
	for range killRounds {
		seen := len(files(t, to, "*"))
		killWhen(i.act("backup", to), func() bool { return len(files(t, to, "*")) > seen }, moment())
		for _, data := range files(t, to, "*.backup") {
			i.check(data)
		}
	}
	t.Logf("%d whole, %d cut", len(files(t, to, "*.backup")), len(files(t, to, "*.tmp")))
	i.check(i.backup(to))
}

// TestARestoreThatIsKilled leaves no database under the target's name, or a whole one, and
// is begun anew.
func TestARestoreThatIsKilled(t *testing.T) {
	i, n := furnished(t, nil)
	data, moment := i.backup(t.TempDir()), moments(t, 150)
	finished, target := 0, i.on(nil)
	for range killRounds {
		path := app.DatabasePath(target.dir)
		killWhen(target.act("restore", data), func() bool { return size(path+".restoring-wal") > 0 || size(path) > 0 }, moment())
		if size(path) > 0 {
			finished++
			wantRestored(target, n)
			target = i.on(nil)
		}
	}
	t.Logf("%d of %d were finished before they were killed", finished, killRounds)
	target.restore(data)
	wantRestored(target, n)
	if left := files(t, target.dir, "*.restoring*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// wantRestored starts a server on what was restored and reads everything.
func wantRestored(i *installation, n *tenant) {
	i.Helper()
	p := i.start()
	n.wantOpen(&p.Client, n.acknowledged())
	stop(p)
}

// TestARestoreIntoPostgreSQLThatIsKilled leaves the database as it was, or is done.
func TestARestoreIntoPostgreSQLThatIsKilled(t *testing.T) {
	i, n := furnished(t, nil)
	data, moment := i.backup(t.TempDir()), moments(t, 300)
	cluster := postgrestest.New(t)
	target, finished := i.on(cluster), 0
	for range killRounds {
		killWhen(target.act("restore", data), func() bool { return true }, moment())
		_, err := app.RestoreBackup(t.Context(), target.owner(), app.RestoreOptions{Data: data, Caller: strongroom.Operator(uuid.Nil, "")})
		switch {
		case err == nil:
		case strings.Contains(err.Error(), "the database is not empty"):
			finished++
		default:
			t.Fatalf("after a restore that was killed: %v", err)
		}
		wantRestored(target, n)
		cluster.Clear(t, target.database)
	}
	t.Logf("%d of %d were finished before they were killed", finished, killRounds)
}
