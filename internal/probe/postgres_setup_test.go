package probe_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"strongroom/internal/outbound"
	"strongroom/internal/probe"
	"strongroom/internal/probe/pgtest"
	"strongroom/secret"
)

// pgProber connects to this machine beside public addresses.
func pgProber() *probe.Prober {
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	return probe.New(outbound.New(outbound.Options{Allow: allow}), time.Now)
}

func plain(s string) secret.Value { return secret.New([]byte(s)) }

// pgAccount is a role with a database of its own, to which it may connect.
func pgAccount(t *testing.T, attributes string) (*pgtest.Server, probe.PostgreSQL) {
	t.Helper()
	s := pgtest.Start(t)
	role, password := s.Role(t, attributes)
	database := s.Database(t)
	s.Exec(t, "", "grant connect on database "+database+" to "+role)
	return s, probe.PostgreSQL{Host: s.Host, Port: s.Port, Username: role, Password: plain(password), Database: database}
}

// wantPGFailure tests and fails unless the result has the code and a sentence like any other.
func wantPGFailure(t *testing.T, target probe.PostgreSQL, code probe.Code, message string) probe.Result {
	t.Helper()
	r := pgProber().PostgreSQL(context.Background(), target)
	checkPGFailure(t, r, code, message)
	return r
}

func checkPGFailure(t *testing.T, r probe.Result, code probe.Code, message string) {
	t.Helper()
	if r.Success || r.Code != code || r.Message != message || r.Details != nil {
		t.Errorf("%+v\nwant %s: %s", r, code, message)
	}
}

func wantPGSuccess(t *testing.T, target probe.PostgreSQL, phases ...string) probe.Result {
	t.Helper()
	r := pgProber().PostgreSQL(context.Background(), target)
	if !r.Success || r.Code != "" {
		t.Fatalf("%+v, want a success", r)
	}
	if got := pgPhases(r); len(phases) > 0 && !slices.Equal(got, phases) {
		t.Errorf("phases %v, want %v", got, phases)
	}
	return r
}

func pgPhases(r probe.Result) []string {
	names := []string{}
	for _, p := range r.Phases {
		names = append(names, p.Name)
	}
	return names
}

// deadline is a context whose deadline passes when the test says so.
type deadline struct {
	context.Context
	once sync.Once
	done chan struct{}
}

func newDeadline() *deadline {
	return &deadline{Context: context.Background(), done: make(chan struct{})}
}

func (d *deadline) pass()                 { d.once.Do(func() { close(d.done) }) }
func (d *deadline) Done() <-chan struct{} { return d.done }
func (d *deadline) Err() error {
	select {
	case <-d.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

var errScript = errors.New("the client did not follow the script")
