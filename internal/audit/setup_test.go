package audit_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/store"
)

var (
	organization = uuid.MustParse("0198c0de-0000-7000-8000-0000000000a1")
	keyID        = uuid.MustParse("0198c0de-0000-7000-8000-0000000000b1")
	private      = ed25519.NewKeyFromSeed([]byte("a seed for tests, 32 bytes long."))
	signer       = audit.Signer{KeyID: keyID, Key: private}
	keys         = map[uuid.UUID]ed25519.PublicKey{keyID: private.Public().(ed25519.PublicKey)}
)

// backend is a store that logs are written to and verified from.
type backend interface {
	audit.Writer
	store.Audit
}

func open(t testing.TB, s backend, change ...func(*audit.Options)) *audit.Log {
	t.Helper()
	o := audit.Options{Store: s, Signer: signer, Process: "test"}
	for _, c := range change {
		c(&o)
	}
	l, err := audit.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open the log: %v", err)
	}
	return l
}

func closeLog(t testing.TB, l *audit.Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Fatalf("close the log: %v", err)
	}
}

// read returns an event that names itself by its request id.
func read(id string) strongroom.Event {
	return strongroom.Event{
		Action: strongroom.ActionCredentialRead, Outcome: strongroom.OutcomeAllowed,
		OrganizationID: organization, PrincipalKind: strongroom.KindServiceAccount,
		PrincipalID: uuid.MustParse("0198c0de-0000-7000-8000-0000000000c1"),
		KeyID:       uuid.MustParse("0198c0de-0000-7000-8000-0000000000d1"),
		Address:     "192.0.2.7", RequestID: id,
		CredentialID: uuid.MustParse("0198c0de-0000-7000-8000-0000000000e1"), Version: 3, Provider: "sftp",
	}
}

func mustRecord(t testing.TB, l *audit.Log, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := l.Record(t.Context(), read(id)); err != nil {
			t.Fatalf("record %s: %v", id, err)
		}
	}
}

// recordAll records n events at once and returns what each caller got.
func recordAll(ctx context.Context, l *audit.Log, prefix string, n int) map[string]error {
	outcomes := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { outcomes[i] = l.Record(ctx, read(fmt.Sprint(prefix, i))) })
	}
	all.Wait()
	byID := make(map[string]error, n)
	for i, err := range outcomes {
		byID[fmt.Sprint(prefix, i)] = err
	}
	return byID
}

// recorded counts the events in the store by request id, those of the log itself by
// their action.
func recorded(t testing.TB, s store.Audit) map[string]int {
	t.Helper()
	found := map[string]int{}
	err := s.AuditSnapshot(t.Context(), func(v store.AuditView) error {
		for r, err := range v.Records() {
			if err != nil {
				return err
			}
			e, err := audit.Decode(r)
			if err != nil {
				return err
			}
			if e.RequestID == "" {
				found[string(e.Action)]++
			} else {
				found[e.RequestID]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("read the log: %v", err)
	}
	return found
}

func verify(t testing.TB, s store.Audit, o audit.VerifyOptions) audit.Report {
	t.Helper()
	if o.Keys == nil {
		o.Keys = keys
	}
	r, err := audit.Verify(t.Context(), s, o)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return r
}

func mustBeWhole(t testing.TB, s store.Audit) audit.Report {
	t.Helper()
	r := verify(t, s, audit.VerifyOptions{})
	if !r.OK() {
		t.Fatalf("the log has %d problems: %v", r.ProblemCount, r.Problems)
	}
	return r
}
