package gate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"strongroom/internal/oauth/gate"
)

const endpoint = "https://login.example.com/token"

// never is the pause of an endpoint that asks for none.
var never time.Time

// run gives a test a gate and a time that passes only while everybody waits.
func run(t *testing.T, o gate.Options, f func(t *testing.T, g *gate.Gate)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, gate.New(time.Now, o)) })
}

// enter must be let through.
func enter(t *testing.T, g *gate.Gate, l gate.Limits) *gate.Pass {
	t.Helper()
	p, err := g.Enter(context.Background(), endpoint, l)
	if err != nil {
		t.Fatalf("not let through: %v", err)
	}
	return p
}

// fail makes n requests that fail.
func fail(t *testing.T, g *gate.Gate, n int) {
	t.Helper()
	for range n {
		enter(t, g, gate.Limits{}).Leave(gate.Failed, never)
	}
}

// wantClosed must be refused at once, for the reason and for so long from now.
func wantClosed(t *testing.T, g *gate.Gate, reason gate.Reason, d time.Duration) {
	t.Helper()
	_, err := g.Enter(context.Background(), endpoint, gate.Limits{})
	checkClosed(t, err, reason, d)
}

func checkClosed(t *testing.T, err error, reason gate.Reason, d time.Duration) {
	t.Helper()
	var closed *gate.ClosedError
	if !errors.As(err, &closed) {
		t.Fatalf("%v, want a ClosedError", err)
	}
	if closed.Reason != reason || !closed.Until.Equal(time.Now().Add(d)) {
		t.Errorf("%s for %v, want %s for %v", closed.Reason, time.Until(closed.Until), reason, d)
	}
}

// pass lets fake time go by.
func pass(d time.Duration) { <-time.After(d) }

// waiting begins an Enter that has to wait, and returns where its outcome comes.
func waiting(t *testing.T, g *gate.Gate, ctx context.Context, l gate.Limits) <-chan outcome {
	t.Helper()
	came := make(chan outcome, 1)
	go func() {
		p, err := g.Enter(ctx, endpoint, l)
		came <- outcome{p, err, time.Now()}
	}()
	synctest.Wait()
	select {
	case o := <-came:
		t.Fatalf("it does not wait: %v", o.err)
	default:
	}
	return came
}

type outcome struct {
	pass *gate.Pass
	err  error
	at   time.Time
}
