package refresh_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/gate"
	"strongroom/internal/refresh"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
	"strongroom/secret"
)

// recorder keeps events beside a real database. Its hooks, where not nil, may break a commit.
type recorder struct {
	store *sqlite.DB

	mu     sync.Mutex
	events []strongroom.Event
	// before runs when all is done but the commit, after when that is done too; their
	// errors are the commit's. The events tell which commit it is: a lease has none.
	before, after func(events []strongroom.Event) error
}

func (r *recorder) Record(context.Context, strongroom.Event) error {
	return errors.New("a renewal is recorded with its end")
}

func (r *recorder) Commit(ctx context.Context, change func(store.Tx) ([]strongroom.Event, error)) error {
	var events []strongroom.Event
	err := r.store.Write(ctx, func(tx store.Tx) (err error) {
		if events, err = change(tx); err == nil && r.before != nil {
			err = r.before(events)
		}
		return err
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.events = append(r.events, events...)
	r.mu.Unlock()
	if r.after != nil {
		return r.after(events)
	}
	return nil
}

// reader calls its hook with every state that was read, before anybody sees it.
type reader struct {
	*sqlite.DB
	hook func()
}

func (r *reader) RenewalState(ctx context.Context, organization, id uuid.UUID) (store.RenewalState, error) {
	s, err := r.DB.RenewalState(ctx, organization, id)
	if r.hook != nil {
		r.hook()
	}
	return s, err
}

// sealer seals nothing, and still notices data of another version.
type sealer struct{}

func (sealer) Seal(_ context.Context, b seal.Binding, plaintext secret.Value) ([]byte, error) {
	return fmt.Appendf(nil, "%s %d %s", b.RecordID, b.Version, plaintext.Reveal()), nil
}

func (sealer) Open(_ context.Context, b seal.Binding, sealed []byte) (secret.Value, error) {
	plain, ok := bytes.CutPrefix(sealed, fmt.Appendf(nil, "%s %d ", b.RecordID, b.Version))
	if !ok {
		return secret.Value{}, errors.New("this is sealed for another version")
	}
	return secret.New(bytes.Clone(plain)), nil
}

// provider answers exchanges: with the next token, after what its hook does.
type provider struct {
	mu    sync.Mutex
	hook  func(tokenEndpoint string)
	asked []string
}

func (*provider) Resolve(_ context.Context, def catalog.OAuth) (catalog.OAuth, error) {
	return def, nil
}

func (p *provider) Refresh(_ context.Context, def catalog.OAuth, _ refresh.Client, refreshToken secret.Value) oauth.Answer {
	p.mu.Lock()
	p.asked = append(p.asked, string(refreshToken.Reveal()))
	body := fmt.Sprintf(`{"access_token":"access-%[1]d","refresh_token":"refresh-%[1]d","expires_in":3600}`, len(p.asked))
	p.mu.Unlock()
	if p.hook != nil {
		p.hook(def.TokenEndpoint)
	}
	return oauth.Classify(def, oauth.Response{Status: 200, ContentType: "application/json", Body: []byte(body)}, time.Now())
}

func (*provider) ClientCredentials(context.Context, catalog.OAuth, refresh.Client, []string) oauth.Answer {
	return oauth.Answer{Outcome: oauth.Transient, Reason: strongroom.ReasonUnreachable}
}

func (*provider) Revoke(context.Context, catalog.OAuth, refresh.Client, secret.Value, string) error {
	return nil
}

// requests returns the refresh tokens that were sent.
func (p *provider) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.asked...)
}

type clients struct{}

func (clients) Client(context.Context, uuid.UUID, string, string) (refresh.Client, error) {
	return refresh.Client{ID: "client"}, nil
}

// scene is a Service over a real database, in a bubble with a clock of its own.
type scene struct {
	*testing.T
	*refresh.Service
	store        *sqlite.DB
	audit        *recorder
	reader       *reader
	provider     *provider
	log          *bytes.Buffer
	logger       *slog.Logger
	organization uuid.UUID
}

// run runs the test in a bubble.
func run(t *testing.T, test func(s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(setup(t)) })
}

func setup(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, provider: &provider{}, log: &bytes.Buffer{}, organization: uuid.New()}
	s.logger = slog.New(slog.NewTextHandler(s.log, nil))
	var err error
	s.store, err = sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "refresh.db")})
	s.must(err)
	t.Cleanup(func() { s.must(s.store.Close()) })
	s.audit, s.reader = &recorder{store: s.store}, &reader{DB: s.store}
	s.Service = s.another(gate.Options{})
	s.must(s.store.Write(t.Context(), func(tx store.Tx) error { return tx.EnsureOrganization(s.organization, time.Now()) }))
	return s
}

// another returns one more Service over the database, as another process has it.
func (s *scene) another(o gate.Options) *refresh.Service {
	s.Helper()
	dir := s.TempDir()
	for _, name := range []string{"quick", "slow"} {
		s.must(os.WriteFile(filepath.Join(dir, name+".yaml"), fmt.Appendf(nil, definition, name), 0o600))
	}
	known, err := catalog.Load(dir)
	s.must(err)
	service := refresh.New(refresh.Options{
		Store: s.reader, Audit: s.audit, Sealer: sealer{}, Catalog: known, Clients: clients{}, Endpoint: s.provider, Gate: gate.New(time.Now, o),
		Clock: time.Now, Log: s.logger, Jitter: func() float64 { return 0 },
	})
	s.Cleanup(func() { s.must(service.Close(context.Background())) })
	return service
}

const definition = `provider: %[1]s
display_name: Test provider
description: A provider of the tests.
category: automation
documentation: https://%[1]s.example/docs
oauth:
  documentation: https://%[1]s.example/docs/oauth
  client_authentication: none
  scopes: [read]
  lifetime: {default: 1h}
  limits: {requests_per_second: 1000, concurrent: 64}
  refresh: {rotates: true}
  authorization_endpoint: https://%[1]s.example/authorize
  token_endpoint: https://%[1]s.example/token
credential_types:
  oauth2: {oauth: true}
`

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func dataWith(refreshToken string) secret.Value {
	return secret.New(fmt.Appendf(nil, `{"access_token":"access","refresh_token":%q}`, refreshToken))
}

// create stores a credential whose token has ended, and which is due.
func (s *scene) create(provider string) uuid.UUID {
	s.Helper()
	id, owner, now := uuid.New(), uuid.New(), strongroom.Timestamp(time.Now())
	sealed, err := sealer{}.Seal(s.Context(), seal.Binding{RecordID: id, Version: 1}, dataWith("refresh"))
	s.must(err)
	c := store.SealedCredential{Sealed: sealed, Credential: strongroom.Credential{
		ID: id, OrganizationID: s.organization, UserID: &owner, Name: "connected", Provider: provider, Type: "oauth2", Status: strongroom.StatusActive,
		ModifiedBy: owner, Version: 1, ExpiresAt: &now, CreatedAt: now, UpdatedAt: now, Renewal: strongroom.Renewal{StaleAt: &now, NextAt: &now},
	}}
	s.must(s.store.Write(s.Context(), func(tx store.Tx) error { return tx.CreateCredential(c, store.CredentialLimits{}) }))
	return id
}

// replace stores other data, as its user may at any time; it is due after so long.
func (s *scene) replace(id uuid.UUID, refreshToken string, due time.Duration) {
	s.Helper()
	c := s.state(id)
	sealed, err := sealer{}.Seal(s.Context(), seal.Binding{RecordID: id, Version: c.Version + 1}, dataWith(refreshToken))
	s.must(err)
	at := strongroom.Timestamp(time.Now().Add(due))
	s.must(s.store.Write(s.Context(), func(tx store.Tx) error {
		return tx.UpdateCredential(s.organization, store.CredentialChange{
			ID: id, From: c.Version, Name: c.Name, Type: c.Type, Sealed: sealed, Status: strongroom.StatusActive, ModifiedBy: *c.UserID,
			UpdatedAt: at, ExpiresAt: &at, Renewal: strongroom.Renewal{StaleAt: &at, NextAt: &at},
		})
	}))
}

func (s *scene) state(id uuid.UUID) store.RenewalState {
	s.Helper()
	state, err := s.store.RenewalState(s.Context(), s.organization, id)
	s.must(err)
	return state
}

// renewing begins a renewal.
func (s *scene) renewing(by *refresh.Service, id uuid.UUID, force bool) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- by.Renew(s.Context(), s.organization, id, force) }()
	return ended
}

// wantRequests fails the test unless these refresh tokens were sent, and no others.
func (s *scene) wantRequests(want ...string) {
	s.Helper()
	if got := s.provider.requests(); fmt.Sprint(got) != fmt.Sprint(want) {
		s.Fatalf("the provider got %q, want %q", got, want)
	}
}

// wantRenewed fails the test unless the credential is well, at this version and with this
// refresh token.
func (s *scene) wantRenewed(id uuid.UUID, version int64, refreshToken string) {
	s.Helper()
	c := s.state(id)
	data, err := sealer{}.Open(s.Context(), seal.Binding{RecordID: id, Version: c.Version}, c.Sealed)
	s.must(err)
	var got struct {
		RefreshToken string `json:"refresh_token"`
	}
	s.must(json.Unmarshal(data.Reveal(), &got))
	if c.Status != strongroom.StatusActive || c.Version != version || got.RefreshToken != refreshToken || c.LeasedUntil != nil {
		s.Fatalf("it is %s at version %d with %q, leased until %v", c.Status, c.Version, got.RefreshToken, c.LeasedUntil)
	}
}
