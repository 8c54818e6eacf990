package dev_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom/internal/app"
	"strongroom/internal/dev"
)

// screen keeps what is shown and tells when the server serves.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	serving chan struct{}
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := strings.Contains(s.text.String(), "\nServing on ")
	s.text.Write(b)
	if !before && strings.Contains(s.text.String(), "\nServing on ") {
		close(s.serving)
	}
	return len(b), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// config is what the command line's defaults make of no configuration.
func config(dir string) app.Config {
	return app.Config{
		RefreshTimeout: 15 * time.Second,
		Data:           dir, Addr: "127.0.0.1:0", APIPrefix: "/api", ShutdownGrace: 5 * time.Second,
		BodyBytes: 1 << 20, HeaderBytes: 32 << 10, HeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, Concurrent: 64,
		CredentialsPerProvider: 50, CredentialsPerUser: 100, CheckpointEvery: 15 * time.Minute, LogLevel: "info",
	}
}

// started runs dev until it serves, ends it, and returns what was shown and dev.json.
func started(t *testing.T, dir string) (string, map[string]string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	shown := &screen{serving: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- dev.Run(ctx, config(dir), shown) }()
	select {
	case <-shown.serving:
	case err := <-ended:
		t.Fatalf("ended before it served: %v\n%s", err, shown)
	}
	text, err := os.ReadFile(filepath.Join(dir, "dev.json"))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatalf("did not end well: %v", err)
	}
	state := map[string]string{}
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	return shown.String(), state
}

func TestADirectoryThatWasCutShortIsFinished(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"nothing but the lock":                 {"dev.lock": ""},
		"half a root key under another name":   {"dev.lock": "", "root.key.tmp": "strongroom-ro"},
		"an empty root key, no database":       {"dev.lock": "", "root.key": ""},
		"half a root key, an empty database":   {"dev.lock": "", "root.key": "strongroom-root-1:abc", "strongroom.db": ""},
		"half a JWT secret":                    {"dev.lock": "", "jwt.secret": "abc"},
		"an empty dev.json":                    {"dev.lock": "", "dev.json": ""},
		"half a dev.json under another name":   {"dev.lock": "", "dev.json.tmp": `{"url"`},
		"a dev.json whose key is nobody's":     {"dev.json": `{"service_account_key":"saf_org_00000000_00000000_x"}`},
		"a dev.json of other types throughout": {"dev.json": `{"service_account_key":7,"url":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			shown, state := started(t, dir)
			if !strings.Contains(shown, "201 Created") || !strings.Contains(shown, "403 Forbidden") || !strings.Contains(shown, "200 OK") {
				t.Errorf("the main job was not done:\n%s", shown)
			}
			for _, field := range []string{"url", "organization_id", "admin_id", "admin_token", "user_id", "user_token", "service_account_id", "service_account_key", "credential_id"} {
				if state[field] == "" {
					t.Errorf("dev.json has no %s", field)
				}
			}
			left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func TestAnotherDirectoryHasOtherResidents(t *testing.T) {
	_, first := started(t, filepath.Join(t.TempDir(), "new"))
	_, second := started(t, filepath.Join(t.TempDir(), "new"))
	for _, field := range []string{"organization_id", "admin_id", "user_id", "service_account_id", "service_account_key"} {
		if first[field] == second[field] {
			t.Errorf("%s is the same in two directories", field)
		}
	}
}

func TestAKeyOfAnotherAccountIsNotTakenOver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	_, before := started(t, dir)
	_, foreign := started(t, filepath.Join(t.TempDir(), "new"))
	text, err := json.Marshal(foreign)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dev.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	shown, after := started(t, dir)
	if after["service_account_key"] == foreign["service_account_key"] || after["service_account_id"] != before["service_account_id"] {
		t.Errorf("the other directory's key was kept: %v", after["service_account_id"])
	}
	if !strings.Contains(shown, "not-a-real-password") {
		t.Errorf("the key does not fetch:\n%s", shown)
	}
}

func TestATokenIsSignedWithTheDirectorysSecret(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	started(t, dir)
	if _, err := dev.MintToken(filepath.Join(dir, "elsewhere"), dev.User{}, time.Hour); err == nil || !strings.Contains(err.Error(), "strongroom dev makes one") {
		t.Errorf("a directory without a secret: %v", err)
	}
	token, err := dev.MintToken(dir, dev.User{Role: "app_user"}, time.Hour)
	if err != nil || strings.Count(string(token.Reveal()), ".") != 2 {
		t.Errorf("no token: %v", err)
	}
}
