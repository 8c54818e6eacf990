package sealtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"strongroom/internal/seal"
)

// Opener opens a keeper. Keepers of the same root number have the same root key, those
// of different ones have different root keys. It ends the test where it cannot.
type Opener func(t *testing.T, root int) seal.Keeper

const (
	rootA = iota
	rootB
)

var associated = []byte("purpose\x00place")

// RunKeeper holds a keeper to everything that [seal.Keeper] promises.
func RunKeeper(t *testing.T, open Opener) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, Opener)
	}{
		{"refuses every flipped bit", refusesFlippedBits},
		{"refuses every truncation and extension", refusesOtherLengths},
		{"refuses other associated data", refusesOtherAssociated},
		{"refuses what another root key wrapped", refusesOtherRoot},
		{"refuses what no keeper wrapped", refusesGarbage},
		{"refuses keys that are empty or too long", refusesKeySizes},
		{"refuses associated data that is too long", refusesLongAssociated},
		{"refuses to work once closed", refusesWhenClosed},
		{"refuses to work once the context has ended", refusesEndedContext},
		{"unwraps what it wrapped", roundTrip},
		{"unwraps what another keeper of the same root key wrapped", opensAfterReopening},
		{"wraps the same key differently each time", wrapsAnew},
		{"leaves its inputs as they were", leavesInputs},
		{"identifies its root key", fingerprints},
		{"works for many at once", concurrently},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

func opened(t *testing.T, open Opener, root int) seal.Keeper {
	t.Helper()
	k := open(t, root)
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return k
}

func mustWrap(t *testing.T, k seal.Keeper, key, associated []byte) []byte {
	t.Helper()
	wrapped, err := k.Wrap(t.Context(), key, associated)
	if err != nil {
		t.Fatalf("wrap: %v", err)
	}
	return wrapped
}

func wantTampered(t *testing.T, k seal.Keeper, what string, wrapped, associated []byte) {
	t.Helper()
	key, err := k.Unwrap(t.Context(), wrapped, associated)
	if !errors.Is(err, seal.ErrTampered) {
		t.Errorf("%s: got %v, want ErrTampered", what, err)
	}
	if len(key) != 0 {
		t.Errorf("%s: %d bytes came with the error", what, len(key))
	}
}

func testKey(size int) []byte { return bytes.Repeat([]byte("k"), size) }

func refusesFlippedBits(t *testing.T, open Opener) {
	k := opened(t, open, rootA)
	wrapped := mustWrap(t, k, testKey(32), associated)
	for bit := range len(wrapped) * 8 {
		changed := bytes.Clone(wrapped)
		changed[bit/8] ^= 1 << (bit % 8)
		wantTampered(t, k, fmt.Sprintf("bit %d", bit), changed, associated)
	}
}

func refusesOtherLengths(t *testing.T, open Opener) {
	k := opened(t, open, rootA)
	wrapped := mustWrap(t, k, testKey(32), associated)
	for n := range len(wrapped) {
		wantTampered(t, k, fmt.Sprintf("first %d bytes", n), wrapped[:n], associated)
		wantTampered(t, k, fmt.Sprintf("without the first %d bytes", n+1), wrapped[n+1:], associated)
	}
	wantTampered(t, k, "a byte more", append(bytes.Clone(wrapped), 0), associated)
}

func refusesOtherAssociated(t *testing.T, open Opener) {
	k := opened(t, open, rootA)
	wrapped := mustWrap(t, k, testKey(32), associated)
	for name, other := range map[string][]byte{
		"none":         nil,
		"cut off":      associated[:len(associated)-1],
		"extended":     append(bytes.Clone(associated), 0),
		"one bit off":  append([]byte{associated[0] ^ 1}, associated[1:]...),
		"over the max": make([]byte, seal.MaxAssociated+1),
	} {
		wantTampered(t, k, name, wrapped, other)
	}
	wantTampered(t, k, "some where there was none", mustWrap(t, k, testKey(32), nil), []byte{0})
}

func refusesOtherRoot(t *testing.T, open Opener) {
	wrapped := mustWrap(t, opened(t, open, rootA), testKey(32), associated)
	wantTampered(t, opened(t, open, rootB), "other root", wrapped, associated)
}

func refusesGarbage(t *testing.T, open Opener) {
	k := opened(t, open, rootA)
	for _, size := range []int{0, 1, 29, 61, 4096, 1 << 20} {
		wantTampered(t, k, fmt.Sprintf("%d zero bytes", size), make([]byte, size), associated)
		wantTampered(t, k, fmt.Sprintf("%d one bytes", size), bytes.Repeat([]byte{1}, size), associated)
	}
}

func refusesKeySizes(t *testing.T, open Opener) {
	k := opened(t, open, rootA)
	for _, size := range []int{0, seal.MaxKey + 1, 1 << 20} {
		if _, err := k.Wrap(t.Context(), testKey(size), associated); !errors.Is(err, seal.ErrKeeper) {
			t.Errorf("key of %d bytes: got %v, want ErrKeeper", size, err)
		}
	}
}

func refusesLongAssociated(t *testing.T, open Opener) {
	k := opened(t, open, rootA)
	if _, err := k.Wrap(t.Context(), testKey(32), make([]byte, seal.MaxAssociated+1)); !errors.Is(err, seal.ErrKeeper) {
		t.Errorf("got %v, want ErrKeeper", err)
	}
}

func refusesWhenClosed(t *testing.T, open Opener) {
	k := open(t, rootA)
	wrapped := mustWrap(t, k, testKey(32), associated)
	for range 2 {
		if err := k.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	if _, err := k.Wrap(t.Context(), testKey(32), associated); !errors.Is(err, seal.ErrKeeper) {
		t.Errorf("wrap: got %v, want ErrKeeper", err)
	}
	if _, err := k.Unwrap(t.Context(), wrapped, associated); !errors.Is(err, seal.ErrKeeper) {
		t.Errorf("unwrap: got %v, want ErrKeeper", err)
	}
}

func refusesEndedContext(t *testing.T, open Opener) {
	k := opened(t, open, rootA)
	wrapped := mustWrap(t, k, testKey(32), associated)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Wrap(ctx, testKey(32), associated); !errors.Is(err, context.Canceled) {
		t.Errorf("wrap: got %v, want context.Canceled", err)
	}
	if _, err := k.Unwrap(ctx, wrapped, associated); !errors.Is(err, context.Canceled) {
		t.Errorf("unwrap: got %v, want context.Canceled", err)
	}
}

func roundTrip(t *testing.T, open Opener) {
	k := opened(t, open, rootA)
	for _, c := range []struct {
		name            string
		key, associated []byte
	}{
		{"a key", testKey(32), associated},
		{"one byte", testKey(1), associated},
		{"zero bytes", make([]byte, 32), associated},
		{"no associated data", testKey(32), nil},
		{"the longest of both", testKey(seal.MaxKey), make([]byte, seal.MaxAssociated)},
	} {
		wrapped := mustWrap(t, k, c.key, c.associated)
		if len(c.key) > 1 && bytes.Contains(wrapped, c.key) {
			t.Errorf("%s: the wrapped form shows the key", c.name)
		}
		got, err := k.Unwrap(t.Context(), wrapped, c.associated)
		if err != nil || !bytes.Equal(got, c.key) {
			t.Errorf("%s: another key came back, error %v", c.name, err)
		}
	}
}

func opensAfterReopening(t *testing.T, open Opener) {
	first := open(t, rootA)
	wrapped := mustWrap(t, first, testKey(32), associated)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := opened(t, open, rootA).Unwrap(t.Context(), wrapped, associated)
	if err != nil || !bytes.Equal(got, testKey(32)) {
		t.Errorf("another key came back, error %v", err)
	}
}

func wrapsAnew(t *testing.T, open Opener) {
	k := opened(t, open, rootA)
	if bytes.Equal(mustWrap(t, k, testKey(32), associated), mustWrap(t, k, testKey(32), associated)) {
		t.Error("two wraps of one key are equal")
	}
}

func leavesInputs(t *testing.T, open Opener) {
	k := opened(t, open, rootA)
	key, place := testKey(32), bytes.Clone(associated)
	wrapped := mustWrap(t, k, key, place)
	before := bytes.Clone(wrapped)
	if _, err := k.Unwrap(t.Context(), wrapped, place); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(key, testKey(32)) || !bytes.Equal(place, associated) || !bytes.Equal(wrapped, before) {
		t.Error("an input was changed")
	}
}

func fingerprints(t *testing.T, open Opener) {
	a, again, b := opened(t, open, rootA), opened(t, open, rootA), opened(t, open, rootB)
	before := a.Fingerprint()
	mustWrap(t, a, testKey(32), associated)
	if before == "" || a.Fingerprint() != before || again.Fingerprint() != before {
		t.Error("the fingerprint of one root key is not always the same")
	}
	if a.Fingerprint() == b.Fingerprint() {
		t.Error("two root keys have one fingerprint")
	}
}

func concurrently(t *testing.T, open Opener) {
	k := opened(t, open, rootA)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			key, place := testKey(16+i), []byte{byte(i)}
			wrapped, err := k.Wrap(t.Context(), key, place)
			if err != nil {
				t.Errorf("wrap: %v", err)
				return
			}
			if got, err := k.Unwrap(t.Context(), wrapped, place); err != nil || !bytes.Equal(got, key) {
				t.Errorf("another key came back, error %v", err)
			}
		})
	}
	wg.Wait()
}
