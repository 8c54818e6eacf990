package torture_test

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

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/internal/refresh"
	"strongroom/internal/store"
	"strongroom/secret"
)

func TestMain(m *testing.M) { apptest.Main(m, serve) }

const (
	// aheadPath is where a process is told to begin renewing ahead of need.
	aheadPath = "/torture/ahead"
	// aheadWorkers is how many renewals it then makes at once.
	aheadWorkers = 32
	// doomPath is where a process is told at which step of its next renewal it kills
	// itself; empty: at none, but it is going to be killed from outside.
	doomPath = "/torture/doom"
	// shortLease is how long the lease of a process lasts that is going to be killed.
	shortLease = 400 * time.Millisecond
)

// serve is app.Run with what kills the process put around its refresh service, and with
// renewal ahead of need when it is asked for.
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
	a.Refresh.Audit = killingRecorder{a.Refresh.Audit, d}
	a.Refresh.Endpoint = killingEndpoint{a.Refresh.Endpoint, d}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.Handle("POST "+doomPath, d)
	mux.HandleFunc("POST "+aheadPath, func(http.ResponseWriter, *http.Request) { go a.Refresh.RunAhead(ctx, aheadWorkers) })
	listener, err := a.Listen(ctx)
	if err != nil {
		return err
	}
	a.Log.Info("listening", "address", listener.Addr().String())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: c.HeaderTimeout}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	err = server.Serve(listener)
	return errors.Join(err, a.Close(context.WithoutCancel(ctx)))
}

// step is a moment in a renewal.
type step string

// The steps at which a process kills itself, in their order.
const (
	// leaseBegins is within the lease's transaction, before anything is written.
	leaseBegins step = "before the lease is written"
	// leaseWritten is within the transaction too.
	leaseWritten step = "before the lease is committed"
	// leaseKept is when the commit has returned.
	leaseKept step = "after the lease is committed"
	// sending is when everything is ready to be sent.
	sending step = "before the request is sent"
	// answered is when the answer has been read, or was found to be lost.
	answered step = "after the answer"
	// endBegins is within the transaction of the end, before anything is written.
	endBegins step = "before the end is written"
	// endWritten is within the transaction too.
	endWritten step = "before the end is committed"
	// endKept is when the commit has returned, and before anybody knows.
	endKept step = "after the end is committed"
)

// doom is when the process dies. The zero doom is of a healthy process.
type doom struct {
	at atomic.Pointer[step]
}

// ServeHTTP dooms the process to die at the step in the body.
func (d *doom) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	at := step(body)
	d.at.Store(&at)
}

// reached kills the process where it is doomed to die at the step.
func (d *doom) reached(now step) {
	if at := d.at.Load(); at == nil || *at != now {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	// Not one instruction more, even if the signal takes a moment.
	select {}
}

// killingRecorder kills the process in the transactions of a renewal.
type killingRecorder struct {
	audit.Recorder
	*doom
}

// Commit implements audit.Recorder.
func (r killingRecorder) Commit(ctx context.Context, change func(store.Tx) ([]strongroom.Event, error)) error {
	var kept step
	err := r.Recorder.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return change(killingTx{tx, r.doom, &kept})
	})
	if err == nil && kept != "" {
		r.reached(kept)
	}
	return err
}

// killingTx tells the transactions of a renewal apart by what is done in them.
type killingTx struct {
	store.Tx
	*doom
	// kept is set to the step that the commit's return is.
	kept *step
}

// LeaseRenewal implements store.Tx.
func (t killingTx) LeaseRenewal(organization uuid.UUID, l store.RenewalLease) (int64, error) {
	t.reached(leaseBegins)
	if t.at.Load() != nil {
		l.Until = l.Now.Add(shortLease)
	}
	fence, err := t.Tx.LeaseRenewal(organization, l)
	t.reached(leaseWritten)
	*t.kept = leaseKept
	return fence, err
}

// EndRenewal implements store.Tx.
func (t killingTx) EndRenewal(organization uuid.UUID, e store.RenewalEnd) error {
	t.reached(endBegins)
	err := t.Tx.EndRenewal(organization, e)
	t.reached(endWritten)
	*t.kept = endKept
	return err
}

// killingEndpoint kills the process around the request.
type killingEndpoint struct {
	refresh.Endpoint
	*doom
}

// Refresh implements refresh.Endpoint.
func (e killingEndpoint) Refresh(ctx context.Context, def catalog.OAuth, c oauth.Client, refreshToken secret.Value) oauth.Answer {
	e.reached(sending)
	a := e.Endpoint.Refresh(ctx, def, c, refreshToken)
	e.reached(answered)
	return a
}
