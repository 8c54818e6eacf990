package apptest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/identity"
	"strongroom/internal/seal"
	"strongroom/secret"
)

// Service is a running service.
type Service struct {
	T    testing.TB
	App  *app.App
	URL  string
	Dir  string
	Logs *Buffer
	// JWTSecret signs the tokens of UserToken.
	JWTSecret []byte
	stop      func() error
}

// Buffer collects what several goroutines write.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Start starts a service in a new directory and stops it with the test. edit changes the
// configuration first; nil leaves it as it comes.
func Start(t testing.TB, edit func(*app.Config)) *Service {
	t.Helper()
	s := &Service{T: t, Dir: t.TempDir(), Logs: &Buffer{}}
	s.prepare()
	s.Open(edit)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("the service did not stop cleanly: %v", err)
		}
	})
	return s
}

// prepare makes the root key and the JWT secret of a data directory.
func (s *Service) prepare() {
	root, err := seal.GenerateRootKey()
	s.must(err)
	s.must(os.WriteFile(app.RootKeyPath(s.Dir), root.Reveal(), 0o600))
	raw := make([]byte, 32)
	_, err = rand.Read(raw)
	s.must(err)
	s.JWTSecret = []byte(hex.EncodeToString(raw))
	s.must(os.WriteFile(app.JWTSecretPath(s.Dir), s.JWTSecret, 0o600))
}

// Config returns the configuration of a data directory with every default.
func Config(t testing.TB, dir string) app.Config {
	t.Helper()
	var c app.Config
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"--data", dir, "--addr", "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	// Tests come from one address, and fast.
	c.UserRate, c.FailureRate = 0, 0
	return c.WithDefaults()
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
	s.must(err)
	listener, err := opened.Listen(ctx)
	s.must(err)
	s.App, s.URL = opened, "http://"+listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- opened.Serve(ctx, listener) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		if err := <-served; err != nil {
			return err
		}
		closing, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		return opened.Close(closing)
	})
}

// Stop stops the service gracefully; stopping twice is one stop.
func (s *Service) Stop() error { return s.stop() }

func (s *Service) must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// DatabasePath names the database's file.
func (s *Service) DatabasePath() string { return app.DatabasePath(s.Dir) }

// UserToken mints a user's JWT.
func (s *Service) UserToken(organization, user uuid.UUID, role strongroom.Role) string {
	s.T.Helper()
	now := time.Now()
	token, err := identity.MintUserToken(secret.New(bytes.Clone(s.JWTSecret)), identity.TokenClaims{
		Issuer: app.DevIssuer, Audience: app.DevAudience, UserID: user, OrganizationID: organization,
		Role: role, Email: "someone@example.com", IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	})
	s.must(err)
	return string(token.Reveal())
}

// ServiceAccount makes an account with one key, past the API: uuid.Nil as the
// organization makes a system account.
func (s *Service) ServiceAccount(organization uuid.UUID, name string, grants ...strongroom.Grant) (strongroom.ServiceAccount, string) {
	s.T.Helper()
	ctx, operator := context.Background(), strongroom.Operator(organization, "")
	a, err := s.App.Accounts.Create(ctx, operator, strongroom.NewServiceAccount{Name: name, Grants: grants, System: organization == uuid.Nil})
	s.must(err)
	k, err := s.App.Accounts.CreateKey(ctx, operator, a.ID, strongroom.NewAPIKey{Name: "key"})
	s.must(err)
	return a, string(k.Token.Reveal())
}
