package apptest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/seal"
)

// Service is a running service.
type Service struct {
	Client
	App  *app.App
	Dir  string
	Logs *Buffer
	// Opened, where not nil, is given the service before it answers anything: to put a
	// faulty part in the place of a good one.
	Opened func(*app.App)

	running bool
	stop    func() error
}

// Start starts a service in a new directory and stops it with the test. edit changes the
// configuration first; nil leaves it as it comes.
func Start(t testing.TB, edit func(*app.Config)) *Service {
	t.Helper()
	s := New(t, t.TempDir())
	s.Open(edit)
	return s
}

// New prepares a service in an empty directory. Open starts it; it stops with the test,
// which fails if that is not clean, unless the test itself has stopped it by then.
func New(t testing.TB, dir string) *Service {
	t.Helper()
	s := &Service{Client: Client{T: t, JWTSecret: Prepare(t, dir)}, Dir: dir, Logs: &Buffer{}}
	t.Cleanup(func() {
		if !s.running {
			return
		}
		if err := s.Stop(); err != nil {
			t.Errorf("the service did not stop cleanly: %v", err)
		}
	})
	return s
}

// Prepare makes the root key and the JWT secret of a data directory, and returns the
// latter.
func Prepare(t testing.TB, dir string) (jwtSecret []byte) {
	t.Helper()
	root, err := seal.GenerateRootKey()
	must(t, err)
	must(t, os.WriteFile(app.RootKeyPath(dir), root.Reveal(), 0o600))
	raw := make([]byte, 32)
	_, err = rand.Read(raw)
	must(t, err)
	jwtSecret = []byte(hex.EncodeToString(raw))
	must(t, os.WriteFile(app.JWTSecretPath(dir), jwtSecret, 0o600))
	return jwtSecret
}

// Config returns the configuration of a data directory with every default.
func Config(t testing.TB, dir string) app.Config {
	t.Helper()
	c, err := parse("--data", dir)
	must(t, err)
	return c
}

// parse reads a configuration as the command line would.
func parse(args ...string) (app.Config, error) {
	var c app.Config
	parser, err := kong.New(&c)
	if err != nil {
		return c, err
	}
	// Tests come from one address, and fast.
	args = append([]string{"--addr", "127.0.0.1:0", "--user-rate", "0", "--failure-rate", "0",
		// What comes due by itself is for the tests that are about it.
		"--check-workers", "0", "--rotation-workers", "0"}, args...)
	_, err = parser.Parse(args)
	return c.WithDefaults(), err
}

// Open starts the service over its directory: for Start, and after Stop.
func (s *Service) Open(edit func(*app.Config)) {
	s.T.Helper()
	c := Config(s.T, s.Dir)
	c.LogLevel = "debug"
	if edit != nil {
		edit(&c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	opened, err := app.Open(ctx, c, "test", slog.New(slog.NewJSONHandler(s.Logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	must(s.T, err)
	if s.Opened != nil {
		s.Opened(opened)
	}
	listener, err := opened.Listen(ctx)
	must(s.T, err)
	s.App, s.URL = opened, "http://"+listener.Addr().String()
	s.running = true
	served := make(chan error, 1)
	go func() { served <- opened.Serve(ctx, listener) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		err := <-served
		closing, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		return errors.Join(err, opened.Close(closing))
	})
}

// Stop stops the service gracefully; stopping twice is one stop.
func (s *Service) Stop() error {
	s.running = false
	return s.stop()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// DatabasePath names the database's file.
func (s *Service) DatabasePath() string { return app.DatabasePath(s.Dir) }

// ServiceAccount makes an account with one key, past the API: uuid.Nil as the
// organization makes a system account.
func (s *Service) ServiceAccount(organization uuid.UUID, name string, grants ...strongroom.Grant) (strongroom.ServiceAccount, string) {
	s.T.Helper()
	ctx, operator := context.Background(), strongroom.Operator(organization, "")
	a, err := s.App.Accounts.Create(ctx, operator, strongroom.NewServiceAccount{Name: name, Grants: grants, System: organization == uuid.Nil})
	must(s.T, err)
	k, err := s.App.Accounts.CreateKey(ctx, operator, a.ID, strongroom.NewAPIKey{Name: "key"})
	must(s.T, err)
	return a, string(k.Token.Reveal())
}
