package seal_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/seal"
	"strongroom/internal/seal/sealtest"
	"strongroom/secret"
)

var errDown = errors.New("connection refused")

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// addVersion stores another version of the organization's key, as a rotation would.
func (p *parts) addVersion(t testing.TB, version int64) {
	t.Helper()
	purpose := append([]byte("strongroom/organization-key/v1"), here.OrganizationID[:]...)
	purpose = binary.BigEndian.AppendUint64(purpose, uint64(version))
	wrapped, err := p.keeper.Wrap(t.Context(), []byte("0123456789abcdef0123456789abcdef"), purpose)
	if err != nil {
		t.Fatal(err)
	}
	p.keys.Put(strongroom.OrganizationKey{
		OrganizationID: here.OrganizationID, Version: version, Wrapped: wrapped,
		RootFingerprint: p.keeper.Fingerprint(), CreatedAt: startOfTime,
	})
}

func (p *parts) storedKey(t testing.TB) strongroom.OrganizationKey {
	t.Helper()
	key, found, err := p.keys.CurrentOrganizationKey(t.Context(), here.OrganizationID)
	if err != nil || !found {
		t.Fatalf("no key is stored, error %v", err)
	}
	return key
}

func TestOpenSaysThatTheRootKeyIsWrong(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	needed := p.keeper.Fingerprint()
	p.keeper = sealtest.NewFaulty(sealtest.NewKeeper(t))
	p.restart()
	_, err := p.Open(t.Context(), here, sealed)
	if !errors.Is(err, seal.ErrWrongRoot) {
		t.Fatalf("got %v, want ErrWrongRoot", err)
	}
	if !strings.Contains(err.Error(), needed) || !strings.Contains(err.Error(), p.keeper.Fingerprint()) {
		t.Errorf("%q does not have both fingerprints", err)
	}
	if _, err := p.Seal(t.Context(), here, secret.New([]byte(plain))); !errors.Is(err, seal.ErrWrongRoot) {
		t.Errorf("seal: got %v, want ErrWrongRoot", err)
	}
	if p.keeper.Unwraps() != 0 {
		t.Error("the keeper was asked to unwrap what it never wrapped")
	}
}

func TestOpenRefusesAnOrganizationKeyThatWasTamperedWith(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	good := p.storedKey(t)
	for name, change := range map[string]func(*strongroom.OrganizationKey){
		"changed": func(k *strongroom.OrganizationKey) { k.Wrapped[20] ^= 1 },
		"empty":   func(k *strongroom.OrganizationKey) { k.Wrapped = nil },
		"copied from another organization": func(k *strongroom.OrganizationKey) {
			p.mustSeal(t, seal.Binding{OrganizationID: otherOrganization, RecordID: otherCredential, Version: 1}, plain)
			other, _, err := p.keys.CurrentOrganizationKey(t.Context(), otherOrganization)
			if err != nil {
				t.Fatal(err)
			}
			k.Wrapped = other.Wrapped
		},
		"of another length": func(k *strongroom.OrganizationKey) {
			purpose := append([]byte("strongroom/organization-key/v1"), here.OrganizationID[:]...)
			wrapped, err := p.keeper.Wrap(t.Context(), make([]byte, 16), binary.BigEndian.AppendUint64(purpose, 1))
			if err != nil {
				t.Fatal(err)
			}
			k.Wrapped = wrapped
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			bad.Wrapped = slices.Clone(good.Wrapped)
			change(&bad)
			p.keys.Put(bad)
			p.restart()
			p.wantError(t, name, here, sealed, seal.ErrTampered)
			if _, err := p.Seal(t.Context(), here, secret.New([]byte(plain))); !errors.Is(err, seal.ErrTampered) {
				t.Errorf("seal: got %v, want ErrTampered", err)
			}
		})
	}
}

func TestOpenSaysThatTheKeyIsUnknown(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	p.keys = &sealtest.MemoryKeys{}
	p.restart()
	p.wantError(t, "no keys", here, sealed, seal.ErrUnknownKey)
}

func TestKeyVersionsThatNoKeyCanHaveAreNotLookedUp(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	p.keys.Fail(errDown)
	for _, version := range []int64{0, -1} {
		binary.BigEndian.PutUint64(sealed[1:9], uint64(version))
		p.wantError(t, "no version", here, sealed, seal.ErrUnknownKey)
	}
}

func TestOpenSaysThatTheKeeperIsDownAndRecovers(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	p.restart()
	p.keeper.Fail(errDown)
	p.wantError(t, "down", here, sealed, seal.ErrKeeper)
	p.wantError(t, "down with its cause", here, sealed, errDown)
	p.keeper.Fail(nil)
	p.wantPlain(t, here, sealed, plain)
}

func TestSealStoresNothingWhileTheKeeperIsDown(t *testing.T) {
	p := setup(t)
	p.keeper.Fail(errDown)
	if _, err := p.Seal(t.Context(), here, secret.New([]byte(plain))); !errors.Is(err, seal.ErrKeeper) {
		t.Fatalf("got %v, want ErrKeeper", err)
	}
	if _, found, _ := p.keys.CurrentOrganizationKey(t.Context(), here.OrganizationID); found {
		t.Error("a key was stored")
	}
	p.keeper.Fail(nil)
	p.wantPlain(t, here, p.mustSeal(t, here, plain), plain)
}

func TestAKeyStoreThatFailsIsNoFaultOfTheKeeper(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	p.restart()
	p.keys.Fail(errDown)
	_, opened := p.Open(t.Context(), here, sealed)
	_, sealing := p.Seal(t.Context(), here, secret.New([]byte(plain)))
	for _, err := range []error{opened, sealing} {
		if !errors.Is(err, errDown) || errors.Is(err, seal.ErrKeeper) || errors.Is(err, seal.ErrUnknownKey) {
			t.Errorf("got %v, want the store's error alone", err)
		}
	}
}

func TestAKeeperThatIsDownIsNotMissedOnceTheKeyIsCached(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	p.keeper.Fail(errDown)
	p.wantPlain(t, here, sealed, plain)
	p.wantPlain(t, here, p.mustSeal(t, here, plain), plain)
	if p.keeper.Wraps() != 1 || p.keeper.Unwraps() != 0 {
		t.Errorf("%d wraps and %d unwraps, want 1 and 0", p.keeper.Wraps(), p.keeper.Unwraps())
	}
}

func TestManyOpensAtOnceAskTheKeeperOnce(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	synctest.Test(t, func(t *testing.T) {
		p.restart()
		release := make(chan struct{})
		p.keeper.Before(func(context.Context) error { <-release; return nil })
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { p.wantPlain(t, here, sealed, plain) })
		}
		synctest.Wait()
		close(release)
		wg.Wait()
	})
	if p.keeper.Unwraps() != 1 {
		t.Errorf("%d unwraps, want 1", p.keeper.Unwraps())
	}
}

func TestManyFirstSealsAtOnceMakeOneKey(t *testing.T) {
	p := setup(t)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p.keeper.Before(func(context.Context) error { <-release; return nil })
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { p.wantPlain(t, here, p.mustSeal(t, here, plain), plain) })
		}
		synctest.Wait()
		close(release)
		wg.Wait()
	})
	if p.keeper.Wraps() != 1 || p.keeper.Unwraps() != 0 {
		t.Errorf("%d wraps and %d unwraps, want 1 and 0", p.keeper.Wraps(), p.keeper.Unwraps())
	}
}

func TestAKeyThatAnotherProcessMadeMeanwhileIsTaken(t *testing.T) {
	p := setup(t)
	other := parts{Sealer: seal.New(p.keeper.Keeper, p.keys, clock, nil)}
	var theirs []byte
	p.keeper.Before(func(context.Context) error {
		p.keeper.Before(nil)
		theirs = other.mustSeal(t, here, plain)
		return nil
	})
	ours := p.mustSeal(t, here, plain)
	p.wantPlain(t, here, theirs, plain)
	other.wantPlain(t, here, ours, plain)
	if version := p.storedKey(t).Version; version != 1 {
		t.Errorf("the newest key has version %d, want 1", version)
	}
}

func TestAFirstCallerWhoGivesUpDoesNotHarmTheOthers(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	synctest.Test(t, func(t *testing.T) {
		p.restart()
		release := make(chan struct{})
		p.keeper.Before(func(ctx context.Context) error {
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := p.Open(ctx, here, sealed)
			if !errors.Is(err, context.Canceled) || !errors.Is(err, seal.ErrKeeper) {
				t.Errorf("first caller: got %v, want context.Canceled as ErrKeeper", err)
			}
		})
		synctest.Wait()
		wg.Go(func() { p.wantPlain(t, here, sealed, plain) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(release)
		wg.Wait()
	})
	if p.keeper.Unwraps() != 1 {
		t.Errorf("%d unwraps, want 1", p.keeper.Unwraps())
	}
}

func TestAKeeperThatEndsBadlyWedgesNobody(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	for name, fault := range map[string]func(context.Context) error{
		"a panic":         func(context.Context) error { panic("hunter2-canary") },
		"a goroutine end": func(context.Context) error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			p.restart()
			p.keeper.Before(fault)
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					_, err := p.Open(t.Context(), here, sealed)
					if !errors.Is(err, seal.ErrKeeper) || strings.Contains(err.Error(), "canary") {
						t.Errorf("got %v, want ErrKeeper without the panic's value", err)
					}
				})
			}
			wg.Wait()
			p.keeper.Before(nil)
			p.wantPlain(t, here, sealed, plain)
		})
	}
}

func TestAKeeperThatNeverAnswersIsGivenUp(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	synctest.Test(t, func(t *testing.T) {
		p.restart()
		p.keeper.Before(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		began := time.Now()
		_, err := p.Open(context.Background(), here, sealed)
		if !errors.Is(err, seal.ErrKeeper) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a deadline as ErrKeeper", err)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("gave up after %s, want 10s", took)
		}
	})
}

func TestANewerKeyIsUsedAtOnceAndOlderRecordsStillOpen(t *testing.T) {
	p := setup(t)
	old := p.mustSeal(t, here, plain)
	p.addVersion(t, 2)
	renewed := p.mustSeal(t, here, plain)
	if version := binary.BigEndian.Uint64(renewed[1:9]); version != 2 {
		t.Errorf("sealed under version %d, want 2", version)
	}
	p.restart()
	p.wantPlain(t, here, old, plain)
	p.wantPlain(t, here, renewed, plain)
}

func TestTheCacheForgetsTheOrganizationThatWasUsedLongestAgo(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	p.wantPlain(t, here, sealed, plain)
	for range 9_999 {
		p.mustSeal(t, seal.Binding{OrganizationID: uuid.New(), RecordID: uuid.New(), Version: 1}, "x")
	}
	p.wantPlain(t, here, sealed, plain)
	if n := p.keeper.Unwraps(); n != 0 {
		t.Fatalf("%d unwraps while 10,000 organizations are in use, want 0", n)
	}
	for range 2 {
		for range 9_000 {
			p.mustSeal(t, seal.Binding{OrganizationID: uuid.New(), RecordID: uuid.New(), Version: 1}, "x")
		}
		p.wantPlain(t, here, sealed, plain)
	}
	if n := p.keeper.Unwraps(); n != 0 {
		t.Fatalf("%d unwraps of a key that is used often, want 0", n)
	}
	for range 10_000 {
		p.mustSeal(t, seal.Binding{OrganizationID: uuid.New(), RecordID: uuid.New(), Version: 1}, "x")
	}
	p.wantPlain(t, here, sealed, plain)
	if n := p.keeper.Unwraps(); n != 1 {
		t.Errorf("%d unwraps after 10,000 others, want 1", n)
	}
}

func TestTheObserverHearsOfEveryKeeperCall(t *testing.T) {
	p := setup(t)
	now := startOfTime
	type call struct {
		operation string
		took      time.Duration
		failed    bool
	}
	var calls []call
	sealer := func() *seal.Sealer {
		return seal.New(p.keeper, p.keys, func() time.Time { return now }, func(operation string, took time.Duration, err error) {
			calls = append(calls, call{operation, took, err != nil})
		})
	}
	p.keeper.Before(func(context.Context) error { now = now.Add(time.Second); return nil })
	p.Sealer = sealer()
	sealed := p.mustSeal(t, here, plain)
	p.wantPlain(t, here, sealed, plain)
	p.Sealer = sealer()
	p.wantPlain(t, here, sealed, plain)
	p.keeper.Fail(errDown)
	p.Sealer = sealer()
	p.wantError(t, "down", here, sealed, seal.ErrKeeper)
	want := []call{{"wrap", time.Second, false}, {"unwrap", time.Second, false}, {"unwrap", 0, true}}
	if !slices.Equal(calls, want) {
		t.Errorf("heard %v, want %v", calls, want)
	}
}
