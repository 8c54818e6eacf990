package connections_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

// aWhile is longer than until the first test of new data.
const aWhile = 6 * time.Minute

// endpoint is an HTTP API that counts who asks.
type endpoint struct {
	*httptest.Server

	mu    sync.Mutex
	asked map[string]int
	// gate keeps answers back until it is closed.
	gate chan struct{}
}

// startAPI starts one whose paths answer 200 to the key and 401 to others.
func startAPI(t *testing.T, key string) *endpoint {
	t.Helper()
	e := &endpoint{asked: map[string]int{}, gate: make(chan struct{})}
	close(e.gate)
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.asked[r.URL.Path]++
		gate := e.gate
		e.mu.Unlock()
		<-gate
		if r.Header.Get("X-API-Key") != key {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(e.Close)
	return e
}

// hold keeps answers back from now on, and returns what lets them go.
func (e *endpoint) hold() (release func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	gate := make(chan struct{})
	e.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

// all returns how many requests there were.
func (e *endpoint) all() (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, each := range e.asked {
		n += each
	}
	return n
}

func (e *endpoint) count(path string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked[path]
}

// api stores a credential that is tested at the endpoint's path.
func (s *scene) api(e *endpoint, path, key string) (id string) {
	s.t.Helper()
	return s.store("api_credential", "api_key", object{"api_key": key, "test_url": e.URL + path})
}

func TestWhatIsStoredIsTestedByItselfWithinMinutes(t *testing.T) {
	s := beginWith(t, func(c *app.Config) { c.CheckWorkers = 4 })
	key := s.wrong()
	e := startAPI(t, key)
	// By the true clock it was stored a while ago.
	s.clock.advance(-aWhile)
	id := s.api(e, "/me", key)
	if next := s.metadata(id).NextCheckAt; next == nil || next.After(time.Now()) {
		t.Fatalf("the first test is due at %v", next)
	}
	s.clock.advance(aWhile)
	eventually(t, "it is tested", func() bool { return s.health(id) == "ok" })
	list := s.checks(id)
	if len(list) != 1 || list[0].Trigger != "schedule" || !list[0].Success || e.count("/me") != 1 {
		t.Errorf("after %d requests the checks are %+v", e.count("/me"), list)
	}
	m := s.metadata(id)
	if wait := m.NextCheckAt.Sub(*m.LastCheckedAt); wait < 5*time.Hour || wait > 7*time.Hour {
		t.Errorf("it is tested again after %v, want six hours or so", wait)
	}
	if got := s.events(strongroom.ActionCredentialTest, id); len(got) != 1 || got[0].PrincipalKind != string(strongroom.KindStrongroom) || deref(got[0].Note) != "ok" {
		t.Errorf("on record is %+v", got)
	}
	metrics := string(s.get("/metrics").Want(t, http.StatusOK).Body)
	for _, line := range []string{`strongroom_checks_total{code="",provider="api_credential",trigger="schedule"} 1`, `strongroom_credentials{health="ok",provider="api_credential",status="active"} 1`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

func TestTwoProcessesOnOneDatabaseTestEachCredentialOnce(t *testing.T) {
	s := beginWith(t, func(c *app.Config) { c.CredentialsPerProvider, c.CredentialsPerUser = 0, 0 })
	const count, workers = 60, 4
	key := s.wrong()
	e := startAPI(t, key)
	release := e.hold()
	defer release()
	s.clock.advance(-aWhile)
	ids := map[string]string{}
	for i := range count {
		path := fmt.Sprint("/", i)
		ids[path] = s.api(e, path, key)
	}
	s.clock.advance(aWhile)
	var processes []*apptest.Process
	for range 2 {
		processes = append(processes, apptest.StartProcess(t, s.Dir, s.JWTSecret, nil, "--check-workers", fmt.Sprint(workers), "--allow-addresses", "127.0.0.0/8"))
	}
	// One provider gets half of a process's workers.
	eventually(t, "both work on it", func() bool { return e.all() > workers/2 })
	release()
	for _, id := range ids {
		eventually(t, "all are tested", func() bool { return s.health(id) == "ok" })
	}
	for _, p := range processes {
		p.Signal(syscall.SIGTERM)
		if code := p.Wait(); code != 0 {
			t.Errorf("a process ended with %d:\n%s", code, p.Output)
		}
		s.wantClean("the output of a process", []byte(p.Output.String()))
	}
	for path, id := range ids {
		if n, kept := e.count(path), len(s.checks(id)); n != 1 || kept != 1 {
			t.Errorf("%s was asked %d times, and %d results are kept", path, n, kept)
		}
	}
	chains := map[string]bool{}
	for _, event := range s.events(strongroom.ActionCredentialTest, "") {
		chains[event.Chain] = true
	}
	if len(chains) != 2 {
		t.Errorf("%d processes have tested, so that nothing was shared", len(chains))
	}
}

// TestNoAccountIsLockedOut: what counts is what the server has seen, which with this TLS mode
// is asked twice where it refuses the first time for another reason than the password.
func TestNoAccountIsLockedOut(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	id := s.store("postgresql", "user_password", with(d.data(), "sslmode", "prefer", "password", s.wrong()))
	refused := func() int {
		return strings.Count(d.Log(t), `FATAL:  password authentication failed for user "`+d.role+`"`)
	}
	const enough = 5
	for n := 1; n <= enough; n++ {
		// The longest pause between two is a day and a tenth.
		s.clock.advance(27 * time.Hour)
		s.untilDone("it is tested again", func() bool { return len(s.checks(id)) == n })
		want := "failing"
		if n == enough {
			want = "stopped"
		}
		if got := s.health(id); got != want {
			t.Fatalf("after %d refusals it is %s, want %s", n, got, want)
		}
	}
	if next := s.metadata(id).NextCheckAt; next != nil {
		t.Errorf("it is tested again at %v", next)
	}
	key := s.wrong()
	e := startAPI(t, key)
	for n := 1; n <= 3; n++ {
		s.clock.advance(30 * 24 * time.Hour)
		// Another one that is due shows that it was looked for what is.
		other := s.api(e, fmt.Sprint("/", n), key)
		s.clock.advance(aWhile)
		s.untilDone("another is tested", func() bool { return s.health(other) == "ok" })
	}
	if n := refused(); n != enough {
		t.Errorf("the server has refused %d passwords, want %d", n, enough)
	}

	t.Run("a test on demand is made, and one that succeeds begins anew", func(t *testing.T) {
		wantTried(t, s.test(id).ConnectionTest, strongroom.CheckAuth)
		if got := s.health(id); got != "stopped" {
			t.Errorf("after one more refusal it is %s", got)
		}
		stored := s.text(s.open(id), "password")
		d.setPassword(d.role, stored)
		wantTried(t, s.test(id).ConnectionTest, "")
		// The server's certificate ends soon.
		if m := s.metadata(id); deref(m.Health) != "expiring" || m.NextCheckAt == nil {
			t.Errorf("the metadata say %s", brief(m))
		}
	})
}

func TestAFailureIsTriedAgainSoonAndAStopIsEndedByNewData(t *testing.T) {
	s := begin(t)
	key := s.wrong()
	e := startAPI(t, key)
	id := s.api(e, "/me", s.wrong())
	for n := 1; n <= 5; n++ {
		s.clock.advance(27 * time.Hour)
		s.untilDone("it is tested", func() bool { return len(s.checks(id)) == n })
	}
	if got := s.health(id); got != "stopped" {
		t.Fatalf("it is %s", got)
	}
	s.replace(id, "api_key", object{"api_key": key, "test_url": e.URL + "/me"})
	s.clock.advance(aWhile)
	s.untilDone("the new data is tested", func() bool { return s.health(id) == "ok" })

	e.Close()
	s.clock.advance(7 * time.Hour)
	s.untilDone("the failure shows", func() bool { return s.health(id) == "failing" })
	m := s.metadata(id)
	if wait := m.NextCheckAt.Sub(*m.LastCheckedAt); wait > 6*time.Minute {
		t.Errorf("a server that was away is asked again after %v", wait)
	}
}
