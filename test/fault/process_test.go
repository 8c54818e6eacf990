package fault_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

// start starts the service in a process of its own, with room for as many credentials as
// a test makes.
func start(t *testing.T, dir string, jwtSecret []byte, arguments ...string) *apptest.Process {
	t.Helper()
	arguments = append([]string{"--credentials-per-provider", "0", "--credentials-per-user", "0"}, arguments...)
	return apptest.StartProcess(t, dir, jwtSecret, nil, arguments...)
}

// lockDatabase holds the database locked against every writer, from this process, until
// release is called.
func lockDatabase(t *testing.T, dir string) (release func()) {
	t.Helper()
	c, err := sqlite.OpenConn(app.DatabasePath(dir), sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	run := func(query string) {
		t.Helper()
		if err := sqlitex.ExecuteTransient(c, query, nil); err != nil {
			t.Fatal(err)
		}
	}
	run("BEGIN IMMEDIATE")
	return func() {
		t.Helper()
		run("ROLLBACK")
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// inFlight waits until the service works on that many requests at once.
func inFlight(t *testing.T, c *apptest.Client, requests int) {
	t.Helper()
	// The request that asks is one of them.
	want := fmt.Sprintf("\nstrongroom_http_requests_in_flight %d\n", requests+1)
	eventually(t, fmt.Sprintf("%d requests are in flight", requests), func() bool {
		return strings.Contains(string(c.Do(apptest.Request{Method: http.MethodGet, Path: "/metrics"}).Body), want)
	})
}

// stop tells the process to stop and fails the test unless it does so cleanly.
func stop(t *testing.T, p *apptest.Process) {
	t.Helper()
	p.Signal(terminate)
	wantExit(t, p, 0)
}

func wantExit(t *testing.T, p *apptest.Process, code int) {
	t.Helper()
	if got := p.Wait(); got != code {
		t.Fatalf("the process ended with code %d, want %d:\n%s", got, code, p.Output)
	}
}
