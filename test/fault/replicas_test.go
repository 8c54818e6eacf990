package fault_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"

	"strongroom/internal/app/apptest"
)

// writeTogether has every process create, change and read credentials at once, and read
// what the others have made.
func writeTogether(t *testing.T, n tenant, clients []*apptest.Client, label string) (kept *shelf, answered []apptest.Answer) {
	t.Helper()
	const rounds = 15
	kept = &shelf{}
	reads := make(chan apptest.Answer, rounds*len(clients))
	var all sync.WaitGroup
	for i, c := range clients {
		mine, theirs := n, n
		mine.client, theirs.client = c, clients[(i+1)%len(clients)]
		all.Go(func() {
			for j := range rounds {
				name := label + strconv.Itoa(i) + "-" + strconv.Itoa(j)
				a, err := mine.create(name, secretData(name))
				if err != nil || a.Status != http.StatusCreated {
					t.Errorf("create: %d %v %s", a.Status, err, a.Body)
					return
				}
				id, data := createdID(t, a), secretData(name+"-changed")
				if a, err = theirs.update(id, data); err != nil || a.Status != http.StatusOK {
					t.Errorf("update through the other process: %d %v %s", a.Status, err, a.Body)
					return
				}
				if a, err = mine.read(id); err != nil || a.Status != http.StatusOK || string(a.Body) != data {
					t.Errorf("a change made through one process is not what the other reads: %d %v", a.Status, err)
					return
				}
				reads <- a
				kept.put(id, data)
			}
		})
	}
	all.Wait()
	close(reads)
	for a := range reads {
		answered = append(answered, a)
	}
	return kept, answered
}

func TestTwoProcessesOnOneDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	jwtSecret := apptest.Prepare(t, dir)
	first := start(t, dir, jwtSecret)
	second := start(t, dir, jwtSecret)
	n := newTenant(&first.Client)
	kept, answered := writeTogether(t, n, []*apptest.Client{&first.Client, &second.Client}, "both-")

	// One of them dies; the other neither waits nor forgets.
	first.Kill()
	n.client = &second.Client
	answered = append(answered, kept.wantAll(t, n)...)
	third := start(t, dir, jwtSecret)
	more, reads := writeTogether(t, n, []*apptest.Client{&second.Client, &third.Client}, "again-")
	answered = append(answered, reads...)
	more.wantAll(t, n)

	stop(t, second)
	stop(t, third)
	wantOnRecord(t, dir, answered)
	report := wantVerified(t, dir)
	if report.Chains != 3 || len(report.Unclosed) != 1 {
		t.Errorf("%d chains, %d of them not closed; want 3 and the killed one's", report.Chains, len(report.Unclosed))
	}
}
