package httpapi

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

func TestAKeyIsHeldToItsRateAndNobodyElseIs(t *testing.T) {
	now := time.Unix(1000, 0)
	k := newKeyed(5, func() time.Time { return now })
	one, other := uuid.New(), uuid.New()
	for i := range 10 {
		if wait := k.wait(one); wait != 0 {
			t.Fatalf("request %d of the burst waits %v", i+1, wait)
		}
	}
	if wait := k.wait(one); wait != 200*time.Millisecond {
		t.Errorf("past the burst: wait %v, want 200ms", wait)
	}
	if wait := k.wait(one); wait != 200*time.Millisecond {
		t.Errorf("a refused request was counted: wait %v, want 200ms still", wait)
	}
	if wait := k.wait(other); wait != 0 {
		t.Errorf("another key waits %v", wait)
	}
	now = now.Add(200 * time.Millisecond)
	if wait := k.wait(one); wait != 0 {
		t.Errorf("after the wait: %v", wait)
	}
}

func TestARateOfZeroIsNoLimit(t *testing.T) {
	k := newKeyed(0, time.Now)
	for range 1000 {
		if k.wait(uuid.Nil) != 0 {
			t.Fatal("limited")
		}
	}
}

func TestKeysAreBounded(t *testing.T) {
	k := newKeyed(1, time.Now)
	first := uuid.New()
	k.wait(first)
	for range maxKeys + 10 {
		k.wait(uuid.New())
	}
	if k.recent.Len() != maxKeys || len(k.byKey) != maxKeys {
		t.Errorf("%d keys are kept, want %d", len(k.byKey), maxKeys)
	}
	if _, kept := k.byKey[first]; kept {
		t.Error("the longest unused key was kept")
	}
}

func TestUsersAndServiceAccountsHaveLimitsOfTheirOwn(t *testing.T) {
	l := newLimiter(Limits{UserRate: 1, Concurrent: 1}, func() time.Time { return time.Unix(0, 0) })
	user := strongroom.Principal{Kind: strongroom.KindUser, ID: uuid.New()}
	account := strongroom.Principal{Kind: strongroom.KindServiceAccount, ID: user.ID}
	for range 10 {
		l.principal(user)
	}
	if l.principal(user) == 0 {
		t.Error("the user is not limited")
	}
	if l.principal(account) != 0 {
		t.Error("the service account is limited by the user's rate")
	}
}

func TestAnIPv6HostIsOneClientWhateverItsAddress(t *testing.T) {
	a, b := netip.MustParseAddr("2001:db8:1:2::1"), netip.MustParseAddr("2001:db8:1:2:ffff::9")
	if addressKey(a) != addressKey(b) {
		t.Error("two addresses of one /64 are two clients")
	}
	if addressKey(a) == addressKey(netip.MustParseAddr("2001:db8:1:3::1")) {
		t.Error("two networks are one client")
	}
	if addressKey(netip.MustParseAddr("192.0.2.1")) == addressKey(netip.MustParseAddr("192.0.2.2")) {
		t.Error("two IPv4 addresses are one client")
	}
}

func TestSlotsAreGivenBack(t *testing.T) {
	l := newLimiter(Limits{Concurrent: 1}, time.Now)
	if !l.enter() || l.enter() {
		t.Fatal("want one slot, and no second")
	}
	l.leave()
	if !l.enter() {
		t.Error("the slot was not given back")
	}
}
