package rotate_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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
	"strongroom/internal/rotate"
	"strongroom/internal/rotate/far"
	"strongroom/internal/seal"
	"strongroom/internal/seal/sealtest"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
	"strongroom/secret"
)

// recorder is a real audit log whose commits can be made to fail: before, when nothing is
// kept, and after, when everything is.
type recorder struct {
	audit.Recorder
	mu            sync.Mutex
	before, after func(notes []string) error
}

func (r *recorder) Commit(ctx context.Context, change func(store.Tx) ([]strongroom.Event, error)) error {
	r.mu.Lock()
	before, after := r.before, r.after
	r.mu.Unlock()
	var notes []string
	err := r.Recorder.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		events, err := change(tx)
		for _, e := range events {
			notes = append(notes, e.Note)
		}
		if err == nil && before != nil {
			err = before(notes)
		}
		return events, err
	})
	if err == nil && after != nil {
		err = after(notes)
	}
	return err
}

func (r *recorder) hook(before, after func(notes []string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before, r.after = before, after
}

// breaking returns a hook that fails the commits with this note, "" for none, so many times.
func breaking(times int, note string) func([]string) error {
	return func(notes []string) error {
		if times == 0 || strings.Join(notes, ", ") != note {
			return nil
		}
		times--
		return store.ErrUnavailable
	}
}

// scene is a Service over a real database, log, sealer and custody, and a far end in memory,
// in a bubble with a clock of its own.
type scene struct {
	*testing.T
	*rotate.Service
	server  *server
	store   *sqlite.DB
	audit   *recorder
	sealer  *seal.Sealer
	custody *custody.Service
	log     *lockedBuffer
	// panics says that something of the test is to panic.
	panics bool
	// reached is asked at every step of every service of the scene.
	reached func(step string)

	organization uuid.UUID
	user         strongroom.Caller
}

// lockedBuffer is a log that many write to.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// run runs the test in a bubble.
func run(t *testing.T, test func(s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(setup(t)) })
}

func setup(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, server: newServer(), log: &lockedBuffer{}, organization: uuid.New(), reached: func(string) {}}
	s.user = strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindUser, ID: uuid.New(), OrganizationID: s.organization, Role: strongroom.RoleAppUser}}
	var err error
	s.store, err = sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "rotate.db")})
	s.must(err)
	_, private, err := ed25519.GenerateKey(nil)
	s.must(err)
	log, err := audit.Open(t.Context(), audit.Options{Store: s.store, Signer: audit.Signer{KeyID: uuid.New(), Key: private}, Process: "test"})
	s.must(err)
	t.Cleanup(func() {
		if strings.Contains(s.log.String(), "panicked") != s.panics {
			t.Errorf("something panicked: %v\n%s", !s.panics, s.log)
		}
		s.must(log.Close(context.Background()))
		s.must(s.store.Close())
	})
	s.audit = &recorder{Recorder: log}
	s.sealer = seal.New(sealtest.NewKeeper(t), custody.OrganizationKeys(s.store, log, time.Now), time.Now, nil)
	s.Service, s.custody = s.another()
	return s
}

// another returns one more Service and its custody over the database, as another process has
// them.
func (s *scene) another() (*rotate.Service, *custody.Service) {
	s.Helper()
	known, err := catalog.Load("")
	s.must(err)
	door := custody.New(custody.Options{Store: s.store, Audit: s.audit, Sealer: s.sealer, Catalog: known, Clock: time.Now})
	service := rotate.New(rotate.Options{
		Store: s.store, Audit: s.audit, Custody: door, Sealer: s.sealer, Catalog: known, Far: s.server, Clock: time.Now,
		Log: slog.New(slog.NewTextHandler(s.log, nil)), Jitter: func() float64 { return 0 },
		Reached: func(step string) { s.reached(step) },
	})
	door.Settler = service
	s.Cleanup(func() { s.must(service.Close(context.Background())) })
	return service, door
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// passwordData is a credential of the role app.
func passwordData(password string) string {
	return fmt.Sprintf(`{"host":"db.example.com","port":5432,"username":"app","password":%q,"database":"d"}`, password)
}

const rolesData = `{"host":"db.example.com","port":5432,"username":"app","password":"first","database":"d","alternate_username":"app_b","alternate_password":"first-b"}`

// keyData makes a key that the server lets in, and returns a credential with it.
func (s *scene) keyData() string {
	s.Helper()
	private, public, err := far.NewKey()
	s.must(err)
	s.server.mu.Lock()
	s.server.keys = append(s.server.keys, public)
	s.server.mu.Unlock()
	return keyDataWith(private)
}

func keyDataWith(private secret.Value) string {
	text, err := json.Marshal(map[string]string{"host": "files.example.com", "username": "u", "private_key_data": string(private.Reveal())})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// create stores a credential.
func (s *scene) create(provider string, t strongroom.CredentialType, data string) uuid.UUID {
	s.Helper()
	c, err := s.custody.Create(s.Context(), s.user, strongroom.NewCredential{Name: "n", Provider: provider, Type: t, Data: secret.New([]byte(data))})
	s.must(err)
	return c.ID
}

// password, roles and key store a credential of each method.
func (s *scene) password() uuid.UUID {
	return s.create("postgresql", "user_password", passwordData("first"))
}
func (s *scene) roles() uuid.UUID { return s.create("postgresql", "user_password", rolesData) }
func (s *scene) key() uuid.UUID   { return s.create("sftp", "key_file", s.keyData()) }

// replace stores other data, as its user may at any time.
func (s *scene) replace(id uuid.UUID, data string) {
	s.Helper()
	c := s.credential(id)
	_, err := s.custody.Update(s.Context(), s.user, id, strongroom.CredentialUpdate{Type: c.Type, Data: secret.New([]byte(data))})
	s.must(err)
}

func (s *scene) credential(id uuid.UUID) strongroom.Credential {
	s.Helper()
	c, err := s.store.Credential(s.Context(), s.organization, id)
	s.must(err)
	return c
}

func (s *scene) rotation(id uuid.UUID) store.SealedRotation {
	s.Helper()
	r, err := s.store.Rotation(s.Context(), s.organization, id)
	s.must(err)
	return r
}

// active returns the credential's rotation under way.
func (s *scene) active(id uuid.UUID) store.SealedRotation {
	s.Helper()
	r, err := s.store.ActiveRotation(s.Context(), s.organization, id)
	s.must(err)
	return r
}

func (s *scene) worker() strongroom.Caller {
	return strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindServiceAccount, ID: uuid.New(), OrganizationID: s.organization}}
}

// open reads the secret, as a program does.
func (s *scene) open(id uuid.UUID) secret.Value {
	s.Helper()
	o, err := s.custody.Open(s.Context(), s.worker(), id, nil)
	s.must(err)
	return o.Data
}

// stored is the credential's data as they are stored.
func (s *scene) stored(id uuid.UUID) secret.Value {
	s.Helper()
	c, err := s.store.SealedCredential(s.Context(), s.organization, id)
	s.must(err)
	data, err := s.sealer.Open(s.Context(), seal.Binding{OrganizationID: s.organization, RecordID: id, Version: c.Version}, c.Sealed)
	s.must(err)
	return data
}

// wantOpens fails the test unless what is stored opens the far end, and the credential is at
// the version and in no doubt.
func (s *scene) wantOpens(id uuid.UUID, version int64) {
	s.Helper()
	c := s.credential(id)
	if c.Version != version || c.Rotation.InDoubt {
		s.Errorf("the credential is at version %d, in doubt: %v; want %d and no doubt", c.Version, c.Rotation.InDoubt, version)
	}
	if !s.server.opens(s.stored(id)) {
		s.Error("what is stored does not open the far end")
	}
}

// wantState fails the test unless the rotation is in the state, for the reason.
func (s *scene) wantState(r strongroom.Rotation, state strongroom.RotationState, code strongroom.CheckCode) {
	s.Helper()
	if r.State != state || r.Code != code {
		s.Fatalf("the rotation is %s (%q: %s), want %s (%q)", r.State, r.Code, r.Message, state, code)
	}
	if ended := !state.Active(); ended != (r.EndedAt != nil) {
		s.Errorf("it is %s and ended at %v", state, r.EndedAt)
	}
	if stored := s.rotation(r.ID); stored.State == state && !state.Active() && len(stored.Sealed) > 0 {
		s.Error("a rotation that has ended keeps its secret")
	} else if stored.LeasedUntil != nil && stored.LeasedUntil.After(time.Now()) {
		s.Errorf("it is still leased until %v", stored.LeasedUntil)
	}
}

// notes returns the notes of the credential's rotation events, the oldest first.
func (s *scene) notes(id uuid.UUID) string {
	s.Helper()
	records, err := s.store.ListEvents(s.Context(), s.organization, strongroom.EventQuery{Limit: 1000, CredentialID: id, Action: strongroom.ActionCredentialRotate})
	s.must(err)
	var notes []string
	for i := len(records) - 1; i >= 0; i-- {
		var e strongroom.Event
		s.must(json.Unmarshal(records[i].Body, &e))
		notes = append(notes, e.Note)
	}
	return strings.Join(notes, ", ")
}

func (s *scene) want(what, got, want string) {
	s.Helper()
	if got != want {
		s.Errorf("%s: %q, want %q", what, got, want)
	}
}

// rotate rotates, and fails the test where that is refused.
func (s *scene) rotate(id uuid.UUID) strongroom.Rotation {
	s.Helper()
	r, err := s.Rotate(s.Context(), s.user, id)
	s.must(err)
	return r
}

// due lets the time pass until the rotation goes on by itself, and goes on with it.
func (s *scene) due(r strongroom.Rotation) strongroom.Rotation {
	s.Helper()
	stored := s.rotation(r.ID)
	if stored.NextAt == nil {
		s.Fatalf("a rotation that is %s does not go on by itself", stored.State)
	}
	<-time.After(time.Until(*stored.NextAt))
	s.background(time.Second)
	return s.rotation(r.ID).Rotation
}

// background does what comes due for so long.
func (s *scene) background(d time.Duration) {
	ctx, stop := context.WithCancel(s.Context())
	ended := make(chan struct{})
	go func() { s.RunDue(ctx, 4); close(ended) }()
	<-time.After(d)
	stop()
	<-ended
}

// finish lets the time pass until the credential has no rotation that goes on by itself.
func (s *scene) finish(id uuid.UUID) {
	s.Helper()
	for range 100 {
		r, err := s.store.ActiveRotation(s.Context(), s.organization, id)
		if errors.Is(err, store.ErrNotFound) {
			return
		}
		s.must(err)
		if r.NextAt == nil {
			return
		}
		<-time.After(time.Until(*r.NextAt))
		if r.LeasedUntil != nil {
			<-time.After(time.Until(*r.LeasedUntil))
		}
		s.background(time.Second)
		// A claim of somebody's who is gone has to end, too.
		<-time.After(time.Minute)
	}
	s.Fatal("a rotation goes on and on")
}

// wantRefused fails the test unless the error has the code.
func (s *scene) wantRefused(err error, code strongroom.Code) {
	s.Helper()
	if strongroom.CodeOf(err) != code {
		s.Fatalf("error %v, want %s", err, code)
	}
	if e := (*strongroom.Error)(nil); !errors.As(err, &e) {
		s.Errorf("%T is no answer", err)
	}
}
