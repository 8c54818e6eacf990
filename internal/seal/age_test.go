package seal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"strongroom/internal/seal"
)

const maxAge = 2 * time.Hour

// aging runs a test in a time of its own, on a sealer that keeps keys for maxAge and has
// one in memory.
func aging(t *testing.T, test func(t *testing.T, p *parts, sealed []byte)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := setup(t)
		p.Sealer = seal.New(p.keeper, p.keys, time.Now, nil)
		p.ForgetAfter(maxAge)
		sealed := p.mustSeal(t, here, plain)
		test(t, &p, sealed)
	})
}

func TestAKeyIsRenewedBehindItsReadersBacks(t *testing.T) {
	aging(t, func(t *testing.T, p *parts, sealed []byte) {
		<-time.After(maxAge/2 - time.Second)
		p.wantPlain(t, here, sealed, plain)
		synctest.Wait()
		if n := p.keeper.Unwraps(); n != 0 {
			t.Fatalf("%d unwraps before half the age, want 0", n)
		}
		<-time.After(time.Second)
		release := make(chan struct{})
		p.keeper.Before(func(context.Context) error { <-release; return nil })
		for range 10 {
			p.wantPlain(t, here, sealed, plain)
			p.wantPlain(t, here, p.mustSeal(t, here, plain), plain)
		}
		close(release)
		synctest.Wait()
		for range 4 {
			<-time.After(maxAge/2 - time.Second)
			p.wantPlain(t, here, sealed, plain)
			synctest.Wait()
		}
		if n := p.keeper.Unwraps(); n < 2 || n > 4 {
			t.Errorf("%d unwraps in two and a half ages, want 2 to 4", n)
		}
	})
}

func TestAKeeperThatIsAwayStopsNoReadBeforeTheMaximumAge(t *testing.T) {
	aging(t, func(t *testing.T, p *parts, sealed []byte) {
		p.keeper.Fail(errDown)
		for range 119 {
			<-time.After(time.Minute)
			p.wantPlain(t, here, sealed, plain)
			synctest.Wait()
		}
		if n := p.keeper.Unwraps(); n < 10 || n > 16 {
			t.Errorf("the keeper was asked %d times while it was away, want 10 to 16", n)
		}
		<-time.After(time.Minute)
		p.wantError(t, "at the maximum age", here, sealed, seal.ErrKeeper)
		if _, err := p.Open(t.Context(), here, sealed); !seal.Away(err) {
			t.Errorf("got %v, want that the keeper is away", err)
		}
		p.keeper.Fail(nil)
		p.wantPlain(t, here, sealed, plain)
	})
}

func TestAStoreThatIsAwayStopsNoReadBeforeTheMaximumAge(t *testing.T) {
	aging(t, func(t *testing.T, p *parts, sealed []byte) {
		p.keys.Fail(errDown)
		for range 119 {
			<-time.After(time.Minute)
			p.wantPlain(t, here, sealed, plain)
			synctest.Wait()
		}
	})
}

func TestARefusalIsBelievedWhenAKeyIsRenewed(t *testing.T) {
	for _, no := range []error{fmt.Errorf("%w: %w", seal.ErrKeeper, seal.ErrRefused), seal.ErrTampered} {
		aging(t, func(t *testing.T, p *parts, sealed []byte) {
			p.keeper.Fail(no)
			<-time.After(maxAge/2 - time.Second)
			p.wantPlain(t, here, sealed, plain)
			<-time.After(time.Second)
			p.wantPlain(t, here, sealed, plain)
			synctest.Wait()
			p.wantError(t, "after the refusal", here, sealed, no)
			p.keeper.Fail(nil)
			p.wantPlain(t, here, sealed, plain)
		})
	}
}

func TestWithoutAMaximumAgeAKeyIsNeverAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := setup(t)
		p.Sealer = seal.New(p.keeper, p.keys, time.Now, nil)
		sealed := p.mustSeal(t, here, plain)
		<-time.After(10_000 * time.Hour)
		p.wantPlain(t, here, sealed, plain)
		synctest.Wait()
		if n := p.keeper.Unwraps(); n != 0 {
			t.Errorf("%d unwraps, want 0", n)
		}
	})
}

func TestAwayIsNeitherARefusalNorTampering(t *testing.T) {
	for err, want := range map[error]bool{
		nil:                false,
		errors.New("else"): false,
		seal.ErrTampered:   false,
		fmt.Errorf("%w: %w", seal.ErrKeeper, seal.ErrRefused):  false,
		fmt.Errorf("%w: %w", seal.ErrKeeper, seal.ErrTampered): false,
		fmt.Errorf("%w: %w", seal.ErrKeeper, errDown):          true,
	} {
		if seal.Away(err) != want {
			t.Errorf("%v: away is %t, want %t", err, !want, want)
		}
	}
}
