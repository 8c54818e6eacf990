package canary_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/seal"
)

// protectedKey is what a private key with a passphrase is for.
const protectedKey = "protected private key"

// material is every secret of a run.
type material struct {
	// marker is in all that can hold one.
	marker string
	// data is the stored secret data by what it is for.
	data map[string]stored
	// jwtSecret signs users' tokens.
	jwtSecret []byte
	scanner   scanner
}

// stored is one credential's data.
type stored struct {
	provider, kind string
	data           map[string]any
}

// newMaterial makes the secrets of an installation in a data directory.
func newMaterial(t *testing.T, dir string) *material {
	t.Helper()
	random := make([]byte, 10)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	m := &material{marker: "canary-" + hex.EncodeToString(random)}
	// The random digits alone: whatever cuts the rest off is found too.
	m.scanner.add("marker", []byte(m.marker[len("canary-"):]))

	apptest.Prepare(t, dir)
	m.jwtSecret = []byte(m.marker + "-signs-every-token-of-this-run")
	if err := os.WriteFile(app.JWTSecretPath(dir), m.jwtSecret, 0o600); err != nil {
		t.Fatal(err)
	}
	m.addRootKey(t, dir)
	return m
}

// addData makes the secrets that are to be stored.
func (m *material) addData(t *testing.T) {
	t.Helper()
	m.data = map[string]stored{
		"password": {"sftp", "user_password", map[string]any{"host": "sftp.example.com", "username": "upload", "password": m.secret(`"\<pässword>&`)}},
		"private key": {"sftp", "key_file", map[string]any{"host": "sftp.example.com", "username": "upload",
			"private_key_data": m.privateKey(t, ""), "private_key_passphrase": m.secret("not needed")}},
		protectedKey: {"sftp", "key_file", map[string]any{"host": "sftp.example.com", "username": "upload",
			"private_key_data": m.privateKey(t, m.secret("passphrase")), "private_key_passphrase": m.secret("passphrase")}},
		"connection string": {"postgresql", "user_password", map[string]any{"connection_string": "postgresql://app:" + m.secret("pg") + "@db.example.com:5432/app?sslmode=require"}},
		"tokens": {"google", "google_oauth", map[string]any{"access_token": m.secret("access"), "refresh_token": m.secret("refresh"), "id_token": m.secret("id"),
			"expires_at": "2031-01-02T15:04:05Z", "scope": "openid email", "email": "someone@example.com", "something_else": m.secret("else")}},
		"API key":       {"api_credential", "api_key", map[string]any{"api_key": m.secret("api")}},
		"cloud storage": {"azure_blob", "api_key", map[string]any{"account_name": "examplestorage", "account_key": base64.StdEncoding.EncodeToString([]byte(m.secret("blob")))}},
	}
}

// secret returns one with the marker at both ends, so that a cut-off one is found too.
func (m *material) secret(label string) string { return m.marker + label + m.marker }

// addRootKey has the root key looked for, as text and as bytes.
func (m *material) addRootKey(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(app.RootKeyPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := seal.ParseRootKey(text)
	if err != nil {
		t.Fatal(err)
	}
	_, encoded, _ := strings.Cut(strings.TrimSpace(string(text)), ":")
	m.scanner.add("root key text", []byte(encoded))
	m.scanner.add("root key", raw.Reveal())
}

// addToken has a JWT looked for by its signature, without which the rest opens nothing.
func (m *material) addToken(token string) string {
	m.scanner.add("JWT", []byte(token[strings.LastIndexByte(token, '.')+1:]))
	return token
}

// addAPIKey has an API key looked for: whole, and what of its random part is neither
// shown as its prefix nor the checksum at the end.
func (m *material) addAPIKey(token, prefix string) string {
	const checksum = 6
	m.scanner.add("API key", []byte(token))
	m.scanner.add("API key's random part", []byte(token[len(prefix):len(token)-checksum]))
	return token
}

// privateKey returns a key with the marker in its comment; its seed is looked for too.
func (m *material) privateKey(t *testing.T, passphrase string) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m.scanner.add("private key", key.Seed())
	block, err := ssh.MarshalPrivateKey(key, m.marker)
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, m.marker, []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(block)
	// A protected key shows neither seed nor comment; its own lines are secret too.
	lines := strings.Split(string(text), "\n")
	m.scanner.add("private key's last whole line", []byte(lines[len(lines)-4]))
	return string(text)
}

func (s stored) object(t *testing.T) []byte {
	t.Helper()
	encoded, err := json.Marshal(s.data)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}
