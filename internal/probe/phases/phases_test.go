package phases_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/probe/phases"
)

// ticks is a clock that goes on by a second each time it is asked.
func ticks() strongroom.Clock {
	var mu sync.Mutex
	now := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}

func names(all []strongroom.CheckPhase) string {
	var found []string
	for _, p := range all {
		found = append(found, p.Name)
	}
	return strings.Join(found, " ")
}

func TestAPhaseThatIsGoneThroughAgainAddsToItsTime(t *testing.T) {
	r := phases.New(ticks())
	for _, name := range []string{"connect", "login", "connect", "connect"} {
		r.Begin(name)
	}
	want := []strongroom.CheckPhase{{Name: "connect", Took: 3 * time.Second}, {Name: "login", Took: time.Second}}
	if got := r.End(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTheCurrentPhaseIsTheLastThatWasBegun(t *testing.T) {
	r := phases.New(ticks())
	if r.Current() != "" || r.End() != nil {
		t.Error("there is a phase before the first")
	}
	r.Begin("connect")
	r.Begin("login")
	r.Begin("connect")
	if r.Current() != "connect" {
		t.Errorf("in %q, want connect", r.Current())
	}
}

func TestWhatIsBegunAfterTheEndIsNotInIt(t *testing.T) {
	r := phases.New(ticks())
	r.Begin("connect")
	got := r.End()
	r.Begin("connect")
	r.Begin("late")
	r.End()
	if want := []strongroom.CheckPhase{{Name: "connect", Took: time.Second}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestARecorderIsSafeForConcurrentUse(t *testing.T) {
	r := phases.New(ticks())
	var all sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		all.Go(func() {
			for range 100 {
				r.Begin(name)
				r.Current()
				r.End()
			}
		})
	}
	all.Wait()
	if len(r.End()) != 3 {
		t.Errorf("%v, want three phases", r.End())
	}
}

// ask sends a traced request and returns the phases.
func ask(t *testing.T, r *phases.Recorder, client *http.Client, url, then string) error {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), phases.Trace(r, then))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func TestARequestTellsHowFarItHasCome(t *testing.T) {
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	plain, encrypted := httptest.NewServer(ok), httptest.NewTLSServer(ok)
	t.Cleanup(plain.Close)
	t.Cleanup(encrypted.Close)
	r := phases.New(ticks())
	if err := ask(t, r, plain.Client(), plain.URL, "operation"); err != nil || names(r.End()) != "connect operation" {
		t.Errorf("%v, %v over plain HTTP", r.End(), err)
	}
	r = phases.New(ticks())
	if err := ask(t, r, encrypted.Client(), encrypted.URL, "login"); err != nil || names(r.End()) != "connect tls login" {
		t.Errorf("%v, %v over HTTPS", r.End(), err)
	}
	if err := ask(t, r, encrypted.Client(), encrypted.URL, "operation"); err != nil || r.Current() != "operation" {
		t.Errorf("%v, %v over the kept connection", r.End(), err)
	}
	named := strings.Replace(plain.URL, "127.0.0.1", "localhost", 1)
	r = phases.New(ticks())
	if err := ask(t, r, plain.Client(), named, "operation"); err != nil || names(r.End()) != "dns connect operation" {
		t.Errorf("%v, %v with a name", r.End(), err)
	}
}

func TestWhereTLSFailsThePhaseIsTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	r := phases.New(ticks())
	if err := ask(t, r, http.DefaultClient, s.URL, "operation"); err == nil || r.Current() != phases.TLS {
		t.Errorf("%v, in %q; want an error in tls", err, r.Current())
	}
}
