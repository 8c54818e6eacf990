package health_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/custody"
	"strongroom/internal/health"
	"strongroom/internal/seal"
	"strongroom/internal/seal/sealtest"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
	"strongroom/secret"
)

// canary stands in all data, and must be nowhere else.
const canary = "canary-7c1e"

// Every test's interval.
const every = 6 * time.Hour

// definition is a provider with a test.
const definition = `provider: %[1]s
display_name: Test provider
description: A provider of the tests.
category: automation
documentation: https://%[1]s.example/docs
health: {test: http, every: 6h}
credential_types:
  api_key:
    schema:
      type: object
      additionalProperties: false
      required: [key]
      properties:
        key: {title: Key, type: string, format: password, writeOnly: true, minLength: 1, maxLength: 100}
        client_secret_expires_at: {title: End, type: string, maxLength: 100}
  oauth2: {oauth: true}
oauth:
  documentation: https://%[1]s.example/docs/oauth
  client_authentication: none
  scopes: [read]
  lifetime: {default: 1h}
  authorization_endpoint: https://%[1]s.example/authorize
  token_endpoint: https://%[1]s.example/token
`

// far is the servers that the testers reach.
type far struct {
	mu    sync.Mutex
	calls []health.Subject
	// now counts the tests under way, most the most of them at once.
	now, most int
	// answer says what a test finds; nil: all is well.
	answer func(ctx context.Context, s health.Subject) strongroom.CheckResult
}

func (f *far) test(ctx context.Context, s health.Subject) strongroom.CheckResult {
	f.mu.Lock()
	f.now++
	f.most = max(f.most, f.now)
	// The data is destroyed when the test has ended.
	told := s
	told.Data = s.Data.Clone()
	f.calls = append(f.calls, told)
	answer := f.answer
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.now--
		f.mu.Unlock()
	}()
	if answer == nil {
		return works
	}
	return answer(ctx, s)
}

func (f *far) tests() []health.Subject {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]health.Subject{}, f.calls...)
}

func (f *far) says(r strongroom.CheckResult) {
	f.does(func(context.Context, health.Subject) strongroom.CheckResult { return r })
}

func (f *far) does(answer func(ctx context.Context, s health.Subject) strongroom.CheckResult) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

var works = strongroom.CheckResult{Success: true, Message: "It works", Phases: []strongroom.CheckPhase{{Name: "connect", Took: time.Second}}}

func fails(code strongroom.CheckCode) strongroom.CheckResult {
	return strongroom.CheckResult{Code: code, Message: "It does not work: " + string(code)}
}

// recorder is the audit log, with faults.
type recorder struct {
	*audit.Log
	mu sync.Mutex
	// fault, where not nil, is asked before anything is recorded.
	fault func() error
}

func (r *recorder) failing() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == nil {
		return nil
	}
	return r.fault()
}

func (r *recorder) fails(fault func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = fault
}

func (r *recorder) Record(ctx context.Context, e strongroom.Event) error {
	if err := r.failing(); err != nil {
		return err
	}
	return r.Log.Record(ctx, e)
}

func (r *recorder) Commit(ctx context.Context, change func(store.Tx) ([]strongroom.Event, error)) error {
	if err := r.failing(); err != nil {
		return err
	}
	return r.Log.Commit(ctx, change)
}

// scene is a Service over real parts, in a bubble with a clock of its own.
type scene struct {
	testing.TB
	*health.Service
	custody      *custody.Service
	store        *sqlite.DB
	audit        *recorder
	sealer       *sealer
	known        *catalog.Catalog
	far          *far
	log          *bytes.Buffer
	organization uuid.UUID
	user         uuid.UUID
	clock        strongroom.Clock
}

// sealer may be made to fail.
type sealer struct {
	*seal.Sealer
	fault error
}

func (s *sealer) Open(ctx context.Context, b seal.Binding, sealed []byte) (secret.Value, error) {
	if s.fault != nil {
		return secret.Value{}, s.fault
	}
	return s.Sealer.Open(ctx, b, sealed)
}

// run runs the test in a bubble, and looks for the data where it must not be.
func run(t *testing.T, test func(s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := setup(t, time.Now)
		test(s)
		synctest.Wait()
		s.wantNoCanary()
	})
}

func setup(tb testing.TB, clock strongroom.Clock) *scene {
	tb.Helper()
	s := &scene{TB: tb, far: &far{}, log: &bytes.Buffer{}, organization: uuid.New(), user: uuid.New(), clock: clock}
	dir := tb.TempDir()
	for _, name := range []string{"quick", "slow"} {
		s.must(os.WriteFile(filepath.Join(dir, name+".yaml"), fmt.Appendf(nil, definition, name), 0o600))
	}
	var err error
	s.known, err = catalog.Load(dir)
	s.must(err)
	path := filepath.Join(tb.TempDir(), "health.db")
	s.store, err = sqlite.Open(tb.Context(), sqlite.Options{Path: path})
	s.must(err)
	_, private, err := ed25519.GenerateKey(nil)
	s.must(err)
	log, err := audit.Open(tb.Context(), audit.Options{Store: s.store, Signer: audit.Signer{KeyID: uuid.New(), Key: private}, Process: "test"})
	s.must(err)
	tb.Cleanup(func() {
		s.must(log.Close(context.Background()))
		s.must(s.store.Close())
	})
	s.audit = &recorder{Log: log}
	s.sealer = &sealer{Sealer: seal.New(sealtest.NewKeeper(tb), custody.OrganizationKeys(s.store, s.audit, clock), clock, nil)}
	s.custody = custody.New(custody.Options{Store: s.store, Audit: s.audit, Sealer: s.sealer, Catalog: s.known, Clock: clock, Jitter: func() float64 { return 0 }})
	s.Service = s.another(health.Options{})
	return s
}

// another returns one more Service over the database, as another process has it.
func (s *scene) another(o health.Options) *health.Service {
	o.Store, o.Audit, o.Catalog, o.Clock = s.store, s.audit, s.known, s.clock
	if o.Custody == nil {
		o.Custody = s.custody
	}
	o.Log = slog.New(slog.NewTextHandler(s.log, nil))
	if o.Testers == nil {
		o.Testers = map[catalog.Test]health.Tester{catalog.TestHTTP: s.far.test, catalog.TestSFTP: s.far.test}
	}
	if o.Jitter == nil {
		o.Jitter = func() float64 { return 0.5 }
	}
	return health.New(o)
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) person() strongroom.Caller {
	return strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindUser, ID: s.user, OrganizationID: s.organization, Role: strongroom.RoleAppUser}, RequestID: "asked"}
}

func key() secret.Value { return secret.New([]byte(`{"key":"` + canary + `"}`)) }

// create stores a credential of the provider, first due after a minute.
func (s *scene) create(provider string) strongroom.Credential {
	s.Helper()
	return s.put(provider, "api_key", key())
}

func (s *scene) put(provider string, typ strongroom.CredentialType, data secret.Value) strongroom.Credential {
	s.Helper()
	c, err := s.custody.Create(s.Context(), s.person(), strongroom.NewCredential{Name: "n", Provider: provider, Type: typ, Data: data})
	s.must(err)
	return c
}

func (s *scene) replace(id uuid.UUID) strongroom.Credential {
	s.Helper()
	c, err := s.custody.Update(s.Context(), s.person(), id, strongroom.CredentialUpdate{Type: "api_key", Data: key()})
	s.must(err)
	return c
}

func (s *scene) stored(id uuid.UUID) strongroom.Credential {
	s.Helper()
	c, err := s.store.Credential(s.Context(), s.organization, id)
	s.must(err)
	return c
}

// ask tests on demand.
func (s *scene) ask(id uuid.UUID) strongroom.Check {
	s.Helper()
	c, err := s.TestCredential(s.Context(), s.person(), id, "")
	s.must(err)
	return c
}

// background runs what is due with each of the services until stop is called.
func (s *scene) background(workers int, services ...*health.Service) (stop func()) {
	ctx, cancel := context.WithCancel(s.Context())
	var running sync.WaitGroup
	for _, service := range services {
		running.Go(func() { service.RunDue(ctx, workers) })
	}
	return func() { cancel(); running.Wait() }
}

// after lets the time pass, and what is due be done.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// wantHealth fails the test unless that is the credential's health, but for when it is
// tested next.
func (s *scene) wantHealth(id uuid.UUID, state strongroom.HealthState, failures, refusals int) {
	s.Helper()
	if h := s.stored(id).Health; h.State != state || h.Failures != failures || h.Refusals != refusals {
		s.Errorf("its health is %q after %d failures and %d refusals, want %q, %d, %d", h.State, h.Failures, h.Refusals, state, failures, refusals)
	}
}

// wantNext fails the test unless it is tested again after so long; 0: never.
func (s *scene) wantNext(id uuid.UUID, wait time.Duration) {
	s.Helper()
	next := s.stored(id).Health.NextAt
	if wait == 0 && next != nil || wait != 0 && (next == nil || !next.Equal(strongroom.Timestamp(s.clock().Add(wait)))) {
		s.Errorf("it is tested again at %v, want after %s", next, wait)
	}
}

func (s *scene) wantCode(err error, code strongroom.Code) *strongroom.Error {
	s.Helper()
	if strongroom.CodeOf(err) != code {
		s.Fatalf("error %v, want %s", err, code)
	}
	e, _ := err.(*strongroom.Error)
	return e
}

// events returns the organization's events of the action, the oldest first.
func (s *scene) events(action strongroom.Action) (all []strongroom.Event) {
	s.Helper()
	records, err := s.store.ListEvents(context.Background(), s.organization, strongroom.EventQuery{Limit: 1000, Action: action})
	s.must(err)
	for _, r := range records {
		e, err := audit.Decode(r)
		s.must(err)
		all = append([]strongroom.Event{e.Event}, all...)
	}
	return all
}

// wantEvents fails the test unless the events of the action say that, in order.
func (s *scene) wantEvents(action strongroom.Action, want ...string) {
	s.Helper()
	var got []string
	for _, e := range s.events(action) {
		got = append(got, strings.TrimSpace(fmt.Sprint(e.PrincipalKind, " ", e.Outcome, " ", e.Reason, e.Note)))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("on record are %q, want %q", got, want)
	}
}

// wantNoCanary fails the test where the data is in the log, in an event or in a result.
func (s *scene) wantNoCanary() {
	s.Helper()
	places := map[string]string{"the log": s.log.String()}
	records, err := s.store.ListEvents(context.Background(), s.organization, strongroom.EventQuery{Limit: 1000})
	s.must(err)
	for _, r := range records {
		places["the audit log"] += string(r.Body)
	}
	list, err := s.store.ListCredentials(context.Background(), s.organization, store.CredentialFilter{Page: strongroom.Page{Limit: 1000}})
	s.must(err)
	for _, c := range list {
		checks, err := s.store.ListChecks(context.Background(), s.organization, c.ID, strongroom.Page{Limit: 1000})
		s.must(err)
		places["a credential's results"] += fmt.Sprintf("%+v %s", checks, c.LastCheck)
	}
	for place, text := range places {
		if strings.Contains(text, canary) {
			s.Errorf("%s holds data", place)
		}
	}
}
