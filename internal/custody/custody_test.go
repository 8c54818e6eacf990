package custody_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/custody"
	"strongroom/internal/seal"
	"strongroom/internal/seal/sealtest"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
	"strongroom/secret"
)

const password = "canary-6f1c"

// recorder is the audit log, with a switch that makes it fail.
type recorder struct {
	audit.Recorder
	mu  sync.Mutex
	err error
	// changeErr fails changes alone.
	changeErr error
}

func (r *recorder) failChanges(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changeErr = err
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *recorder) failing() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *recorder) Record(ctx context.Context, e strongroom.Event) error {
	if err := r.failing(); err != nil {
		return err
	}
	return r.Recorder.Record(ctx, e)
}

func (r *recorder) Commit(ctx context.Context, change func(store.Tx) ([]strongroom.Event, error)) error {
	if err := r.failing(); err != nil {
		return err
	}
	r.mu.Lock()
	changeErr := r.changeErr
	r.mu.Unlock()
	return r.Recorder.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		if changeErr != nil {
			return nil, changeErr
		}
		return change(tx)
	})
}

// sealer remembers what it opened last, so that a test can see whether it was destroyed.
type sealer struct {
	*seal.Sealer
	opened secret.Value
}

func (s *sealer) Open(ctx context.Context, b seal.Binding, sealed []byte) (secret.Value, error) {
	v, err := s.Sealer.Open(ctx, b, sealed)
	s.opened = v
	return v, err
}

type scene struct {
	*testing.T
	custody *custody.Service
	store   *sqlite.DB
	audit   *recorder
	sealer  *sealer
	now     time.Time

	organization, user uuid.UUID
}

func setup(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), organization: uuid.New(), user: uuid.New()}
	clock := func() time.Time { return s.now }
	var err error
	s.store, err = sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "custody.db")})
	s.must(err)
	_, private, err := ed25519.GenerateKey(nil)
	s.must(err)
	log, err := audit.Open(t.Context(), audit.Options{Store: s.store, Signer: audit.Signer{KeyID: uuid.New(), Key: private}, Process: "test"})
	s.must(err)
	t.Cleanup(func() {
		s.must(log.Close(context.Background()))
		s.must(s.store.Close())
	})
	s.audit = &recorder{Recorder: log}
	s.sealer = &sealer{Sealer: seal.New(sealtest.NewKeeper(t), custody.OrganizationKeys(s.store, s.audit, clock), clock, nil)}
	known, err := catalog.Load("")
	s.must(err)
	s.custody = custody.New(custody.Options{Store: s.store, Audit: s.audit, Sealer: s.sealer, Catalog: known, Clock: clock})
	return s
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) delete(caller strongroom.Caller, id uuid.UUID) error {
	_, err := s.custody.Delete(s.Context(), caller, id, false)
	return err
}

func (s *scene) person() strongroom.Caller {
	return strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindUser, ID: s.user, OrganizationID: s.organization, Role: strongroom.RoleAppUser}}
}

func (s *scene) worker(grants ...strongroom.Grant) strongroom.Caller {
	return strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindServiceAccount, ID: uuid.New(), OrganizationID: s.organization, Grants: grants}}
}

func data(password string) secret.Value {
	return secret.New([]byte(`{"host":"h.example.com","username":"u","password":"` + password + `"}`))
}

func (s *scene) create() strongroom.Credential {
	s.Helper()
	c, err := s.custody.Create(s.Context(), s.person(), strongroom.NewCredential{Name: "n", Provider: "SFTP", Type: "user_password", Data: data(password)})
	s.must(err)
	return c
}

func (s *scene) open(id uuid.UUID) (strongroom.Opened, error) {
	return s.custody.Open(s.Context(), s.worker(), id, nil)
}

func (s *scene) wantCode(err error, code strongroom.Code) {
	s.Helper()
	if strongroom.CodeOf(err) != code {
		s.Fatalf("error %v, want %s", err, code)
	}
	if err != nil && strings.Contains(err.Error(), password) {
		s.Fatalf("the error holds the secret: %v", err)
	}
}

// events returns the organization's events, the oldest first.
func (s *scene) events() []strongroom.Event {
	s.Helper()
	records, err := s.store.ListEvents(s.Context(), s.organization, strongroom.EventQuery{Limit: 1000})
	s.must(err)
	var all []strongroom.Event
	for i := len(records) - 1; i >= 0; i-- {
		e, err := audit.Decode(records[i])
		s.must(err)
		all = append(all, e.Event)
	}
	return all
}

func TestWithoutAuditNothingIsGivenOut(t *testing.T) {
	s := setup(t)
	c := s.create()
	s.audit.fail(store.ErrUnavailable)
	opened, err := s.open(c.ID)
	s.wantCode(err, strongroom.CodeAuditUnavailable)
	if !opened.Data.Empty() {
		t.Error("data came with the refusal")
	}
	if strings.Contains(string(s.sealer.opened.Reveal()), password) {
		t.Error("the plaintext that could not be recorded was not destroyed")
	}
	var e *strongroom.Error
	if !errors.As(err, &e) || e.RetryAfter <= 0 {
		t.Error("the caller is not told when to come back")
	}
	s.audit.fail(nil)
	if _, err := s.open(c.ID); err != nil {
		t.Errorf("it does not work again: %v", err)
	}
}

// TestWhatIsMadeIsNeverAnsweredAsMissing: a row that is not there when one is made is the
// database's fault, and says so with its cause.
func TestWhatIsMadeIsNeverAnsweredAsMissing(t *testing.T) {
	s := setup(t)
	s.create() // the organization's key is there from now on
	s.audit.failChanges(fmt.Errorf("%w: a foreign key", store.ErrNotFound))
	_, err := s.custody.Create(t.Context(), s.person(), strongroom.NewCredential{Name: "n", Provider: "sftp", Type: "user_password", Data: data(password)})
	s.wantCode(err, strongroom.CodeRepository)
	if !strings.Contains(err.Error(), "a foreign key") {
		t.Errorf("the log would not learn why: %v", err)
	}
}

func TestADenialThatCannotBeRecordedIsNoDenial(t *testing.T) {
	s := setup(t)
	c := s.create()
	s.audit.fail(store.ErrUnavailable)
	_, err := s.custody.Open(t.Context(), s.person(), c.ID, nil)
	s.wantCode(err, strongroom.CodeAuditUnavailable)
	_, err = s.custody.Open(t.Context(), s.worker(), c.ID, []string{"v1"})
	s.wantCode(err, strongroom.CodeAuditUnavailable)
}

func TestWithoutAuditNothingIsChanged(t *testing.T) {
	s := setup(t)
	c := s.create()
	s.audit.fail(store.ErrUnavailable)
	_, err := s.custody.Update(t.Context(), s.person(), c.ID, strongroom.CredentialUpdate{Type: "user_password", Data: data("other")})
	s.wantCode(err, strongroom.CodeRepositoryUnavailable)
	s.wantCode(s.delete(s.person(), c.ID), strongroom.CodeRepositoryUnavailable)
	s.audit.fail(nil)
	opened, err := s.open(c.ID)
	s.must(err)
	if !strings.Contains(string(opened.Data.Reveal()), password) {
		t.Error("the data is not what it was")
	}
}

func TestEveryActIsOnRecord(t *testing.T) {
	s := setup(t)
	c := s.create()
	for name, act := range map[string]func() error{
		"a user's read":   func() error { _, err := s.custody.Open(t.Context(), s.person(), c.ID, nil); return err },
		"an unknown id":   func() error { _, err := s.open(uuid.New()); return err },
		"a worker's kill": func() error { return s.delete(s.worker(), c.ID) },
	} {
		if act() == nil {
			t.Errorf("%s: allowed", name)
		}
	}
	_, err := s.open(c.ID)
	s.must(err)
	_, err = s.custody.Open(t.Context(), s.worker(), c.ID, []string{"v1"})
	s.must(err)
	_, err = s.custody.Update(t.Context(), s.person(), c.ID, strongroom.CredentialUpdate{Type: "user_password", Data: data("other")})
	s.must(err)
	s.must(s.delete(s.person(), c.ID))

	count := map[string]int{}
	for _, e := range s.events() {
		count[string(e.Action)+" "+string(e.Outcome)+" "+string(e.Reason)+e.Note]++
	}
	for what, want := range map[string]int{
		"organization_key.create allowed ":                1,
		"credential.create allowed ":                      1,
		"credential.read denied service_account_required": 1,
		"credential.read denied not_found":                1,
		"credential.delete denied user_account_required":  1,
		"credential.read allowed ":                        1,
		"credential.read allowed not_modified":            1,
		"credential.update allowed ":                      1,
		"credential.delete allowed ":                      1,
	} {
		if count[what] != want {
			t.Errorf("%q is on record %d times, want %d; all: %v", what, count[what], want, count)
		}
	}
}

func TestOneOfManyUpdatesWinsEachVersion(t *testing.T) {
	s := setup(t)
	c := s.create()
	const writers = 4
	versions := make(chan int64, writers)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			u, err := s.custody.Update(t.Context(), s.person(), c.ID, strongroom.CredentialUpdate{Type: "user_password", Data: data("other")})
			if err != nil {
				t.Errorf("update: %v", err)
			}
			versions <- u.Version
		})
	}
	all.Wait()
	close(versions)
	seen := map[int64]bool{}
	for v := range versions {
		if seen[v] || v < 2 || v > writers+1 {
			t.Errorf("version %d was answered twice, or is none", v)
		}
		seen[v] = true
	}
}

func TestAUseIsNotedAgainAfterThePrecision(t *testing.T) {
	s := setup(t)
	c := s.create()
	lastUsed := func() time.Time {
		_, err := s.open(c.ID)
		s.must(err)
		got, err := s.custody.Get(t.Context(), s.person(), c.ID)
		s.must(err)
		return *got.LastUsedAt
	}
	first := lastUsed()
	s.now = s.now.Add(strongroom.LastUsedPrecision - time.Second)
	if again := lastUsed(); !again.Equal(first) {
		t.Errorf("noted again before LastUsedPrecision was over: %v", again)
	}
	s.now = s.now.Add(time.Second)
	if later := lastUsed(); !later.Equal(s.now) {
		t.Errorf("noted %v, want %v", later, s.now)
	}
}

func TestTheRefreshTokenIsWithheldByGrant(t *testing.T) {
	s := setup(t)
	c, err := s.custody.Create(t.Context(), s.person(), strongroom.NewCredential{Name: "n", Provider: "google", Type: "oauth2",
		Data: secret.New([]byte(`{"access_token":"at-1","refresh_token":"rt-1","id":7.0}`))})
	s.must(err)
	for name, row := range map[string]struct {
		grants []strongroom.Grant
		shown  bool
	}{
		"a grant without":        {[]strongroom.Grant{{}}, false},
		"a grant that says so":   {[]strongroom.Grant{{RefreshTokens: true}}, true},
		"an account without any": {nil, true},
	} {
		opened, err := s.custody.Open(t.Context(), s.worker(row.grants...), c.ID, nil)
		s.must(err)
		plain := string(opened.Data.Reveal())
		if strings.Contains(plain, "rt-1") != row.shown || !strings.Contains(plain, "at-1") || !strings.Contains(plain, "7.0") {
			t.Errorf("%s: read %s", name, plain)
		}
	}
}

func TestOnlyTheOperatorRestores(t *testing.T) {
	s := setup(t)
	c := s.create()
	s.must(s.delete(s.person(), c.ID))
	for _, caller := range []strongroom.Caller{s.person(), s.worker()} {
		_, err := s.custody.Restore(t.Context(), caller, c.ID)
		s.wantCode(err, strongroom.CodeForbidden)
	}
	_, err := s.custody.Restore(t.Context(), strongroom.Operator(uuid.New(), ""), c.ID)
	s.wantCode(err, strongroom.CodeNotFound)
	_, err = s.custody.Restore(t.Context(), strongroom.Operator(s.organization, ""), c.ID)
	s.must(err)
	opened, err := s.open(c.ID)
	s.must(err)
	if !strings.Contains(string(opened.Data.Reveal()), password) {
		t.Error("it came back with other data")
	}
}

func TestWhatWasReadAheadServesItsOwnRequestOnly(t *testing.T) {
	s := setup(t)
	c, other := s.create(), s.create()
	account := strongroom.ServiceAccount{ID: uuid.New(), OrganizationID: &s.organization, Name: "w", Status: strongroom.ServiceAccountActive, CreatedAt: s.now, UpdatedAt: s.now}
	hash := [32]byte{7}
	s.must(s.store.Write(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.CreateAccount(account), tx.CreateAPIKey(strongroom.APIKey{ID: uuid.New(), ServiceAccountID: account.ID, OrganizationID: &s.organization, CreatedAt: s.now, UpdatedAt: s.now}, hash))
	}))
	ahead := custody.ReadAhead{Store: s.store}
	ctx := ahead.Expect(t.Context(), c.ID)
	_, err := ahead.KeyByHash(ctx, hash)
	s.must(err)

	foreigner := s.worker()
	foreigner.OrganizationID = uuid.New()
	_, err = s.custody.Open(ctx, foreigner, c.ID, nil)
	s.wantCode(err, strongroom.CodeNotFound)

	ctx = ahead.Expect(t.Context(), c.ID)
	_, err = ahead.KeyByHash(ctx, hash)
	s.must(err)
	opened, err := s.custody.Open(ctx, s.worker(), other.ID, nil)
	s.must(err)
	if opened.ETag != "v1" {
		t.Errorf("etag %s", opened.ETag)
	}
	s.must(s.delete(s.person(), c.ID))
	_, err = s.custody.Open(ctx, s.worker(), c.ID, nil)
	s.wantCode(err, strongroom.CodeNotFound)
}
