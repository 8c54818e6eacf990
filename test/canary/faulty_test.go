package canary_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
	"strongroom/internal/custody"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

func TestMain(m *testing.M) { apptest.Main(m, serveFaulty) }

// What a stored secret has in it to make a part panic over it.
const (
	explodeInSeal   = "explode-in-seal"
	explodeInOpen   = "explode-in-open"
	explodeInChange = "explode-in-change"
	explodeInRecord = "explode-in-record"
)

// serveFaulty is app.Run with parts that panic on demand, and with a crash on SIGUSR1.
func serveFaulty(ctx context.Context, c app.Config, log *slog.Logger) error {
	a, err := app.Open(ctx, c, "serve", log)
	if err != nil {
		return err
	}
	f := &faulty{Sealer: a.Credentials.Sealer, Recorder: a.Credentials.Audit}
	a.Credentials.Sealer, a.Credentials.Audit = f, f
	// Serve makes a handler of its own, over the same parts.
	if _, err := a.Handler(ctx); err != nil {
		return errors.Join(err, a.Close(context.WithoutCancel(ctx)))
	}
	a.Refresh.Sealer, a.OAuth.Sealer, a.OAuth.Clients.Sealer, a.Rotation.Sealer = f, f, f, f
	a.Rotation.Far = explosiveFar{a.Rotation.Far}
	explodeTests(a.Health)
	a.Refresh.Endpoint, a.OAuth.Endpoint = explosiveRenewal{a.Refresh.Endpoint}, explosiveConnection{a.OAuth.Endpoint}
	listener, err := a.Listen(ctx)
	if err != nil {
		return errors.Join(err, a.Close(context.WithoutCancel(ctx)))
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		<-asked
		f.crash()
	}()
	err = a.Serve(ctx, listener)
	return errors.Join(err, a.Close(context.WithoutCancel(ctx)))
}

// faulty stands in front of the sealer and the audit log. It holds every secret that it
// has seen, as a part with a leak of memory would.
type faulty struct {
	custody.Sealer
	audit.Recorder

	mu   sync.Mutex
	held []secret.Value
}

// look keeps a copy of the secret, and panics with it where it asks for that.
func (f *faulty) look(value secret.Value, trigger string) {
	f.mu.Lock()
	f.held = append(f.held, secret.New(bytes.Clone(value.Reveal())))
	f.mu.Unlock()
	if bytes.Contains(value.Reveal(), []byte(trigger)) {
		panic(string(value.Reveal()))
	}
}

// last returns the secret that was seen last.
func (f *faulty) last() secret.Value {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.held) == 0 {
		return secret.Value{}
	}
	return f.held[len(f.held)-1]
}

// Seal implements custody.Sealer.
func (f *faulty) Seal(ctx context.Context, b seal.Binding, plaintext secret.Value) ([]byte, error) {
	f.look(plaintext, explodeInSeal)
	return f.Sealer.Seal(ctx, b, plaintext)
}

// Open implements custody.Sealer.
func (f *faulty) Open(ctx context.Context, b seal.Binding, sealed []byte) (secret.Value, error) {
	value, err := f.Sealer.Open(ctx, b, sealed)
	if err == nil {
		f.look(value, explodeInOpen)
	}
	return value, err
}

// Record implements audit.Recorder.
func (f *faulty) Record(ctx context.Context, e strongroom.Event) error {
	f.explode(explodeInRecord, e)
	return f.Recorder.Record(ctx, e)
}

// Commit implements audit.Recorder: the change panics in the committer's goroutine.
func (f *faulty) Commit(ctx context.Context, change func(store.Tx) ([]strongroom.Event, error)) error {
	return f.Recorder.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		events, err := change(tx)
		for _, e := range events {
			f.explode(explodeInChange, e)
		}
		return events, err
	})
}

// explode panics with the secret in hand where that asks for it: over changes with one
// trigger, over reads with the other.
func (f *faulty) explode(trigger string, e strongroom.Event) {
	value := f.last()
	over := map[string]strongroom.Action{explodeInChange: strongroom.ActionCredentialCreate, explodeInRecord: strongroom.ActionCredentialRead}
	if e.Action == over[trigger] && e.Outcome == strongroom.OutcomeAllowed && bytes.Contains(value.Reveal(), []byte(trigger)) {
		panic(value.Reveal())
	}
}

// crash ends the process with a panic that nobody recovers, with secrets in the hands of
// the goroutine: as bytes, as text, and as the value that is panicked with.
func (f *faulty) crash() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, value := range f.held {
		hold(value, value.Reveal(), string(value.Reveal()), f.held)
	}
}

//go:noinline
func hold(value secret.Value, plain []byte, text string, all []secret.Value) {
	if len(plain) != len(text) || len(all) == 0 {
		return
	}
	panic(value)
}
