package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// Serve answers requests on the listener until the context ends. Then it takes no new
// ones and lets those in flight finish, for as long as the configuration allows.
func (a *App) Serve(ctx context.Context, listener net.Listener) error {
	handler, err := a.Handler(ctx)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler, MaxHeaderBytes: a.Config.HeaderBytes,
		ReadHeaderTimeout: a.Config.HeaderTimeout, ReadTimeout: a.Config.ReadTimeout,
		WriteTimeout: a.Config.WriteTimeout, IdleTimeout: a.Config.IdleTimeout,
		// It would answer OPTIONS * past the handler, without a request id.
		DisableGeneralOptionsHandler: true,
		// net/http's own lines may quote what a client sent.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	if a.Config.TLSCert != "" {
		if listener, err = a.secure(listener); err != nil {
			return err
		}
	}
	background := a.runBackground(ctx)
	defer background.Wait()
	a.Log.Info("listening", "address", listener.Addr().String(), "tls", a.Config.TLSCert != "", "version", Version())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	a.Log.Info("stopping: requests in flight may finish", "grace", a.Config.ShutdownGrace.String())
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Config.ShutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(fmt.Errorf("some requests did not finish in time: %w", err), server.Close())
	}
	return nil
}

// runBackground does what is due without anybody asking, until the context ends.
func (a *App) runBackground(ctx context.Context) *sync.WaitGroup {
	var running sync.WaitGroup
	if a.Config.RefreshWorkers > 0 {
		running.Go(func() { a.Refresh.RunAhead(ctx, a.Config.RefreshWorkers) })
	}
	if a.Config.CheckWorkers > 0 {
		running.Go(func() { a.Health.RunDue(ctx, a.Config.CheckWorkers) })
	}
	if a.Config.RotationWorkers > 0 {
		running.Go(func() { a.Rotation.RunDue(ctx, a.Config.RotationWorkers) })
	}
	running.Go(func() { a.followSigners(ctx) })
	return &running
}

// Listen opens the configured address. Plain HTTP beyond loopback is allowed, for those
// who end TLS before it, and said in the log.
func (a *App) Listen(ctx context.Context) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.Config.Addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; is something else there, or --addr wrong?", a.Config.Addr, err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && a.Config.TLSCert == "" {
		a.Log.Warn("secrets leave this server unencrypted: set --tls-cert and --tls-key, or have a proxy on this host speak TLS", "address", listener.Addr().String())
	}
	return listener, nil
}

func (a *App) secure(listener net.Listener) (net.Listener, error) {
	f, err := os.Open(a.Config.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("the TLS key cannot be read: %w", err)
	}
	defer f.Close()
	if err := checkPrivate(f); err != nil {
		return nil, err
	}
	certificate, err := tls.LoadX509KeyPair(a.Config.TLSCert, a.Config.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key cannot be used: %w", err)
	}
	return tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	}), nil
}

// collectAfter is by how many percent of what is in use memory may grow until it is
// collected. Who has outgrown one machine has 30 MB more for a twelfth of the CPU; the
// embedded database keeps Go's default of 100, for small machines.
const collectAfter = 300

// Run opens the service, serves until the context ends, and closes it.
func Run(ctx context.Context, c Config, log *slog.Logger) error {
	if err := c.Validate(true); err != nil {
		return err
	}
	// One processor would leave requests waiting for each fsync of the audit log.
	runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0)))
	if isPostgres(c.DatabaseURL) && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAfter)
	}
	a, err := open(ctx, c, "serve", log, 0)
	if err != nil {
		return err
	}
	err = a.listenAndServe(ctx)
	// Only once no request is left is the log flushed and the database closed.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return errors.Join(err, a.Close(closing))
}

func (a *App) listenAndServe(ctx context.Context) error {
	listener, err := a.Listen(ctx)
	if err != nil {
		return err
	}
	return a.Serve(ctx, listener)
}

// closeTimeout bounds the flush at the end.
const closeTimeout = 10 * time.Second

// systemClock is the clock of production.
func systemClock() time.Time { return time.Now() }
