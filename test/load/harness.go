package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
)

// harness stands in for the test that the harness of PostgreSQL serves otherwise: what
// fails ends the measurement, with everything that was started.
type harness struct {
	testing.TB
	ctx      context.Context
	cleanups []func()
}

// failure is what a harness panics with.
type failure struct{ error }

// measureWith runs measure with a harness, and ends what it has started.
func measureWith(ctx context.Context, measure func(*harness) error) (err error) {
	h := &harness{ctx: ctx}
	defer func() {
		for _, cleanup := range slices.Backward(h.cleanups) {
			err = errors.Join(err, h.try(cleanup))
		}
	}()
	failed := h.try(func() { err = measure(h) })
	return errors.Join(err, failed)
}

// try turns what failed into an error.
func (h *harness) try(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = p.error
		default:
			panic(p)
		}
	}()
	f()
	return nil
}

// Helper implements testing.TB.
func (h *harness) Helper() {}

// Context implements testing.TB.
func (h *harness) Context() context.Context { return h.ctx }

// Cleanup implements testing.TB.
func (h *harness) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// Fatal implements testing.TB.
func (h *harness) Fatal(args ...any) { panic(failure{errors.New(fmt.Sprint(args...))}) }

// Fatalf implements testing.TB.
func (h *harness) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// TempDir implements testing.TB.
func (h *harness) TempDir() string {
	dir, err := os.MkdirTemp("", "strongroom-load")
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
