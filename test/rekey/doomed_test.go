package rekey_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
	"strongroom/internal/rekey"
	"strongroom/internal/store"
)

// orderVariable tells a test binary that it is to replace or destroy keys.
const orderVariable = "STRONGROOM_REKEY_ORDER"

// order is what a process is to do, and when it is to die.
type order struct {
	Operation    string
	Organization uuid.UUID
	Arguments    []string
	// Step is the one it dies at, from 1; 0: at none.
	Step int
}

func TestMain(m *testing.M) {
	encoded, ok := os.LookupEnv(orderVariable)
	if !ok {
		apptest.Main(m, app.Run)
		return
	}
	if err := obey(encoded); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// configure reads a configuration as the command line does.
func configure(arguments []string) (c app.Config, err error) {
	parser, err := kong.New(&c)
	if err != nil {
		return c, err
	}
	_, err = parser.Parse(arguments)
	return c.WithDefaults(), err
}

func obey(encoded string) error {
	var o order
	if err := json.Unmarshal([]byte(encoded), &o); err != nil {
		return err
	}
	c, err := configure(o.Arguments)
	if err != nil {
		return err
	}
	ctx := context.Background()
	a, err := app.Open(ctx, c, o.Operation, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	d := &doom{at: o.Step}
	keys := rekey.New(rekey.Options{Store: doomedStore{a.Store, d}, Audit: doomedRecorder{a.Audit, d}, Sealer: a.Keys.Sealer, Clock: a.Keys.Clock, Batch: 3})
	switch o.Operation {
	case "organization":
		_, err = keys.RotateOrganization(ctx, strongroom.Operator(o.Organization, ""), nil)
	case "erase":
		_, err = keys.Erase(ctx, strongroom.Operator(o.Organization, ""))
	case "signing":
		_, err = keys.RotateSigning(ctx, strongroom.Operator(uuid.Nil, ""), a.Keepers)
	case "root":
		_, err = keys.RotateRoot(ctx, strongroom.Operator(uuid.Nil, ""), a.Keepers[0], a.Keepers[1], nil)
		if errors.Is(err, rekey.ErrMovedBefore) {
			err = nil
		}
	}
	return errors.Join(err, a.Close(ctx))
}

// doom counts steps and kills the process at one of them.
type doom struct {
	mu      sync.Mutex
	at, now int
}

func (d *doom) step() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now++; d.now == d.at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		// Not one instruction more, even if the signal takes a moment.
		select {}
	}
}

// doomedStore has a step before each transaction, within it, and after it.
type doomedStore struct {
	store.Store
	doom *doom
}

func (s doomedStore) Write(ctx context.Context, fn func(store.Tx) error) error {
	s.doom.step()
	err := s.Store.Write(ctx, func(tx store.Tx) error {
		err := fn(tx)
		s.doom.step()
		return err
	})
	s.doom.step()
	return err
}

func (s doomedStore) Scrub(ctx context.Context) (string, error) {
	s.doom.step()
	remains, err := s.Store.Scrub(ctx)
	s.doom.step()
	return remains, err
}

// doomedRecorder has the same of what is put on record.
type doomedRecorder struct {
	audit.Recorder
	doom *doom
}

func (r doomedRecorder) Record(ctx context.Context, e strongroom.Event) error {
	r.doom.step()
	err := r.Recorder.Record(ctx, e)
	r.doom.step()
	return err
}

func (r doomedRecorder) Commit(ctx context.Context, change func(tx store.Tx) ([]strongroom.Event, error)) error {
	r.doom.step()
	err := r.Recorder.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		events, err := change(tx)
		r.doom.step()
		return events, err
	})
	r.doom.step()
	return err
}

// run has a process obey, and tells whether it died at its step.
func run(t *testing.T, o order) (died bool) {
	t.Helper()
	encoded, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self)
	command.Env = append(os.Environ(), orderVariable+"="+string(encoded))
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("%s, step %d: %v\n%s", o.Operation, o.Step, err, out)
	}
	return false
}

// everyStep kills a process at each step of an operation, calls killed, has another finish
// it, and calls finished. order is asked anew for each.
func everyStep(t *testing.T, order func(step int) order, killed, finished func()) {
	t.Helper()
	for step := 1; ; step++ {
		o := order(step)
		o.Step = step
		died := run(t, o)
		if died {
			killed()
			o.Step = 0
			run(t, o)
		}
		finished()
		if !died {
			t.Logf("killed at %d steps", step-1)
			if step < 4 {
				t.Errorf("there are %d steps, too few to be all", step-1)
			}
			return
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}
