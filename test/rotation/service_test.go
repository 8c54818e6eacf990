package rotation_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m, serve) }

const (
	// doomPath is where a process is told at which step it kills itself.
	doomPath = "/torture/doom"
	// goOnPath is where a process is told to do what comes due by itself.
	goOnPath = "/torture/go-on"
	// workers is how many rotations it then works on at once.
	workers = 4
	// lease is how long others wait for a process that is gone.
	lease = 2 * time.Second
	// grace is how long an old key goes on to open.
	grace = 500 * time.Millisecond
)

// serve is app.Run with short leases, and with what kills the process.
func serve(ctx context.Context, c app.Config, log *slog.Logger) error {
	a, err := app.Open(ctx, c, "serve", log)
	if err != nil {
		return err
	}
	handler, err := a.Handler(ctx)
	if err != nil {
		return err
	}
	d := &doom{}
	a.Rotation.Lease, a.Rotation.Grace, a.Rotation.Reached = lease, grace, d.reached
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.Handle("POST "+doomPath, d)
	mux.HandleFunc("POST "+goOnPath, func(http.ResponseWriter, *http.Request) { go a.Rotation.RunDue(ctx, workers) })
	listener, err := a.Listen(ctx)
	if err != nil {
		return err
	}
	a.Log.Info("listening", "address", listener.Addr().String())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: c.HeaderTimeout}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err = server.Serve(listener); errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, a.Close(context.WithoutCancel(ctx)))
}

// doom is the step at which the process dies. The zero doom is of a healthy process.
type doom struct {
	at atomic.Pointer[string]
}

// ServeHTTP dooms the process to die at the step in the body.
func (d *doom) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	at := string(body)
	d.at.Store(&at)
}

// reached kills the process where it is doomed to die at the step.
func (d *doom) reached(step string) {
	if at := d.at.Load(); at == nil || *at != step {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	// Not one instruction more, even if the signal takes a moment.
	select {}
}
