package sealtest

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"

	"strongroom/internal/seal"
	"strongroom/secret"
)

// NewKeeper returns a local keeper of a new root key, closed when the test ends.
func NewKeeper(t testing.TB) seal.Keeper {
	t.Helper()
	root := make([]byte, 32)
	if _, err := rand.Read(root); err != nil {
		t.Fatal(err)
	}
	k, err := seal.NewLocal(secret.New(root))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// Faulty is a keeper that counts its calls and shows faults that a real one cannot be
// made to show. Make it with [NewFaulty].
type Faulty struct {
	seal.Keeper

	mu      sync.Mutex
	before  func(context.Context) error
	wraps   int
	unwraps int
}

// NewFaulty returns a keeper that works as k does until it is told otherwise.
func NewFaulty(k seal.Keeper) *Faulty { return &Faulty{Keeper: k} }

// Before has f called at the start of each Wrap and Unwrap, from then on; an error of
// f's ends the call. f may wait or panic. nil ends the faults.
func (k *Faulty) Before(f func(ctx context.Context) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.before = f
}

// Fail makes each Wrap and Unwrap return err, until it is called with nil.
func (k *Faulty) Fail(err error) {
	k.Before(func(context.Context) error { return err })
}

// Wraps returns how often Wrap was called.
func (k *Faulty) Wraps() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wraps
}

// Unwraps returns how often Unwrap was called.
func (k *Faulty) Unwraps() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.unwraps
}

// Wrap implements seal.Keeper.
func (k *Faulty) Wrap(ctx context.Context, key, associated []byte) ([]byte, error) {
	if err := k.call(ctx, &k.wraps); err != nil {
		return nil, err
	}
	return k.Keeper.Wrap(ctx, key, associated)
}

// Unwrap implements seal.Keeper.
func (k *Faulty) Unwrap(ctx context.Context, wrapped, associated []byte) ([]byte, error) {
	if err := k.call(ctx, &k.unwraps); err != nil {
		return nil, err
	}
	return k.Keeper.Unwrap(ctx, wrapped, associated)
}

func (k *Faulty) call(ctx context.Context, count *int) error {
	k.mu.Lock()
	*count++
	before := k.before
	k.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(ctx)
}
