package far_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe"
	"strongroom/internal/rotate/far"
	"strongroom/secret"
)

// local takes steps on this machine, and elsewhere in public.
func local() far.Far {
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	return far.Far{Prober: probe.New(outbound.New(outbound.Options{Allow: allow}), time.Now)}
}

func text(s string) secret.Value { return secret.New([]byte(s)) }

// document makes a credential's data.
func document(t testing.TB, members map[string]any) secret.Value {
	t.Helper()
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(b)
}

// want fails the test unless the result has the code, "" for a success, and a sentence with
// these parts.
func want(t *testing.T, r strongroom.CheckResult, code strongroom.CheckCode, parts ...string) {
	t.Helper()
	if r.Code != code || r.Success != (code == "") {
		t.Fatalf("success %t, code %q (%s), want %q", r.Success, r.Code, r.Message, code)
	}
	for _, p := range parts {
		if !strings.Contains(r.Message, p) {
			t.Errorf("%q does not say %q", r.Message, p)
		}
	}
	if r.Message == "" || strings.HasSuffix(r.Message, ".") || r.Message[0] < 'A' || r.Message[0] > 'Z' {
		t.Errorf("%q is no sentence of ours", r.Message)
	}
}

// wantNone fails the test where the result holds one of the secrets.
func wantNone(t *testing.T, r strongroom.CheckResult, secrets ...secret.Value) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		if strings.Contains(string(b)+fmt.Sprintf("%+v", r), string(s.Reveal())) {
			t.Errorf("a secret is told: %s", r.Message)
		}
	}
}
