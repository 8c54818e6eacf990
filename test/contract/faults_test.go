package contract_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
	"strongroom/internal/custody"
	"strongroom/internal/seal"
	"strongroom/internal/seal/sealtest"
	"strongroom/internal/store"
)

// inside is what an error says of the inside, which no answer may repeat.
const inside = "the-inside-of-it"

// faultyStore is a store whose reads of credentials fail, or panic, when told to.
type faultyStore struct {
	store.Store
	fault atomic.Pointer[func() error]
}

func (f *faultyStore) fail() error {
	if fault := f.fault.Load(); fault != nil {
		return (*fault)()
	}
	return nil
}

// KeyAndCredential reads nothing ahead, so that what custody reads can fail.
func (f *faultyStore) KeyAndCredential(ctx context.Context, hash [32]byte, _ uuid.UUID) (store.KeyHolder, *store.SealedCredential, error) {
	holder, err := f.KeyByHash(ctx, hash)
	return holder, nil, err
}

// Credential implements store.Credentials.
func (f *faultyStore) Credential(ctx context.Context, organization, id uuid.UUID) (strongroom.Credential, error) {
	if err := f.fail(); err != nil {
		return strongroom.Credential{}, err
	}
	return f.Store.Credential(ctx, organization, id)
}

// SealedCredential implements store.Credentials.
func (f *faultyStore) SealedCredential(ctx context.Context, organization, id uuid.UUID) (store.SealedCredential, error) {
	if err := f.fail(); err != nil {
		return store.SealedCredential{}, err
	}
	return f.Store.SealedCredential(ctx, organization, id)
}

// faultyRecorder is an audit log that keeps nothing when told to.
type faultyRecorder struct {
	audit.Recorder
	broken atomic.Bool
}

var errFull = errors.New(inside)

// Record implements audit.Recorder.
func (f *faultyRecorder) Record(ctx context.Context, e strongroom.Event) error {
	if f.broken.Load() {
		return errFull
	}
	return f.Recorder.Record(ctx, e)
}

// Commit implements audit.Recorder.
func (f *faultyRecorder) Commit(ctx context.Context, change func(tx store.Tx) ([]strongroom.Event, error)) error {
	if f.broken.Load() {
		return errFull
	}
	return f.Recorder.Commit(ctx, change)
}

// faults are parts that can be told to fail, in a service that is otherwise the real one.
type faults struct {
	store    *faultyStore
	recorder *faultyRecorder
	keeper   *sealtest.Faulty
}

func startFaulty(t *testing.T) (*scene, *faults) {
	t.Helper()
	f := &faults{}
	service := apptest.New(t, t.TempDir())
	service.Opened = func(a *app.App) {
		f.store = &faultyStore{Store: a.Store}
		f.recorder = &faultyRecorder{Recorder: a.Credentials.Audit}
		f.keeper = sealtest.NewFaulty(a.Keeper)
		a.Store = f.store
		a.Credentials.Store, a.Credentials.Audit, a.Accounts.Audit = f.store, f.recorder, f.recorder
		a.Credentials.Sealer = seal.New(f.keeper, custody.OrganizationKeys(a.Store, f.recorder, a.Credentials.Clock), a.Credentials.Clock, nil)
	}
	service.Open(nil)
	return newScene(t, service), f
}

// silent fails where an answer says something of the inside.
func silent(t *testing.T, a apptest.Answer) {
	t.Helper()
	for _, word := range []string{"sqlite", "goroutine", ".go:", "custody", "panic", inside, "/tmp"} {
		if strings.Contains(strings.ToLower(string(a.Body)), strings.ToLower(word)) {
			t.Errorf("the answer says %q:\n%s", word, a.Body)
		}
	}
}

func TestWhatHappensInsideStaysInside(t *testing.T) {
	s, f := startFaulty(t)
	id := s.store(s.here.owner, sftp("x", "pw"))
	program := s.account(s.here.id)
	path := credentialsPath + "/" + id
	for _, c := range []struct {
		name   string
		fault  func() error
		status int
		code   string
	}{
		{"a panic is an internal error", func() error { panic(inside) }, 500, "internal_error"},
		{"an answer of the database's that should not be", func() error { return errors.New(inside) }, 500, "repository_error"},
		{"a database that is away", func() error { return store.ErrUnavailable }, 503, "repository_unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			f.store.fault.Store(&c.fault)
			for _, a := range []apptest.Answer{s.get(program, path+"/credentials"), s.get(s.here.owner, path), s.call(s.here.owner, "DELETE", path, nil),
				s.call(s.here.owner, "PATCH", path, replacement("new"))} {
				silent(t, a.WantError(t, c.status, c.code))
			}
			f.store.fault.Store(nil)
			want(t, "the data afterwards", s.opened(program, id), sftp("", "pw")["credentials"])
		})
	}
	t.Run("a read that failed is on record as failed", func(t *testing.T) {
		s := s.on(t)
		got := values(s.events(s.here.admin, "?outcome=failed&action=credential.read"), "reason")
		want(t, "the reasons", got, []string{"repository_unavailable", "repository_error"})
	})
}

func TestWithoutAnAuditLogNothingIsGivenOutAndNothingChanges(t *testing.T) {
	s, f := startFaulty(t)
	id := s.store(s.here.owner, sftp("x", "pw"))
	program := s.account(s.here.id)
	path := credentialsPath + "/" + id
	account, _ := s.newAccount(s.here.admin, "sync")
	tag := s.get(program, path+"/credentials").Header.Get("ETag")
	before := s.object(s.get(s.here.owner, path), 200)
	f.recorder.broken.Store(true)
	for _, c := range []struct {
		name, method, path string
		who                who
		body               any
	}{
		{"a read", "GET", path + "/credentials", program, nil},
		{"a read that would be refused", "GET", path + "/credentials", s.here.owner, nil},
		{"a read of nothing", "GET", credentialsPath + "/" + uuid.NewString() + "/credentials", program, nil},
		{"a new credential", "POST", credentialsPath, s.here.owner, sftp("y", "pw")},
		{"a change", "PATCH", path, s.here.owner, replacement("new")},
		{"a change that would be refused", "PATCH", path, s.here.other, replacement("new")},
		{"a deletion", "DELETE", path, s.here.owner, nil},
		{"an account's deletion that would be refused", "DELETE", account, s.here.owner, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			silent(t, s.on(t).call(c.who, c.method, c.path, c.body).WantError(t, 503, "audit_unavailable"))
		})
	}
	t.Run("not even a 304", func(t *testing.T) {
		s.on(t).with(program, "GET", path+"/credentials", nil, "If-None-Match", tag).WantError(t, 503, "audit_unavailable")
	})
	f.recorder.broken.Store(false)
	want(t, "the credential afterwards", s.object(s.get(s.here.owner, path), 200), before)
	want(t, "the list afterwards", len(s.list(s.get(program, credentialsPath))), 1)
	want(t, "the data afterwards", s.opened(program, id), sftp("", "pw")["credentials"])
}

func TestWithoutTheKeyServiceNothingIsSealed(t *testing.T) {
	s, f := startFaulty(t)
	program := s.account(s.here.id)
	id := s.store(s.here.owner, sftp("x", "pw"))
	f.keeper.Fail(seal.ErrKeeper)
	t.Run("an organization without its key yet cannot store", func(t *testing.T) {
		s := s.on(t)
		silent(t, s.call(s.there.owner, "POST", credentialsPath, sftp("x", "pw")).WantError(t, 503, "key_unavailable"))
		want(t, "the list", s.list(s.get(s.there.owner, credentialsPath)), []object{})
	})
	t.Run("one whose key is known goes on", func(t *testing.T) {
		s := s.on(t)
		want(t, "the data", s.opened(program, id), sftp("", "pw")["credentials"])
	})
	t.Run("once it is back all goes on", func(t *testing.T) {
		f.keeper.Fail(nil)
		s.on(t).store(s.there.owner, sftp("x", "pw"))
	})
	t.Run("after a restart without it nothing opens, which is on record, until it is back", func(t *testing.T) {
		s := s.on(t)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		s.Open(nil)
		f.keeper.Fail(seal.ErrKeeper)
		silent(t, s.get(program, credentialsPath+"/"+id+"/credentials").WantError(t, 503, "key_unavailable"))
		event := s.events(s.here.admin, "?limit=1")[0]
		want(t, "the event", []any{event["action"], event["outcome"], event["reason"]}, []any{"credential.read", "failed", "key_unavailable"})
		f.keeper.Fail(nil)
		want(t, "the data", s.opened(program, id), sftp("", "pw")["credentials"])
	})
}

func TestADatabaseFileThatIsMovedAway(t *testing.T) {
	s := start(t, nil)
	id := s.store(s.here.owner, sftp("x", "pw"))
	program := s.account(s.here.id)
	away := s.DatabasePath() + ".away"
	if err := os.Rename(s.DatabasePath(), away); err != nil {
		t.Fatal(err)
	}
	silent(t, s.get(program, credentialsPath+"/"+id+"/credentials").WantError(t, 503, "repository_unavailable"))
	silent(t, s.get(s.here.owner, credentialsPath+"/"+id).WantError(t, 503, "repository_unavailable"))
	silent(t, s.call(s.here.owner, "POST", credentialsPath, sftp("y", "pw")).WantError(t, 503, "repository_unavailable"))
	ready := s.object(s.get(anonymous, "/readyz"), 503)
	want(t, "the status", ready["status"], "unavailable")
	s.get(anonymous, "/healthz").Want(t, 200)
	if err := os.Rename(away, s.DatabasePath()); err != nil {
		t.Fatal(err)
	}
	want(t, "the data afterwards", s.opened(program, id), sftp("", "pw")["credentials"])
	// What it found is answered again for a moment.
	for s.get(anonymous, "/readyz").Status != 200 {
		if t.Context().Err() != nil {
			t.Fatal("the service never becomes ready again")
		}
	}
}
