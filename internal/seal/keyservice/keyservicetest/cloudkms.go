package keyservicetest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// BearerToken is the access token that the servers of Google and Azure give and accept.
const BearerToken = "access-token-of-the-tests"

// CloudKMS is Google Cloud KMS, and Google's token endpoint.
type CloudKMS struct {
	*Server
	// identity is the service account's key.
	identity *rsa.PrivateKey

	mu   sync.Mutex
	keys map[string]*symmetric
}

const ring = "projects/example/locations/europe-west4/keyRings/ring/cryptoKeys/"

// NewCloudKMS starts a server over HTTP with these keys of one ring.
func NewCloudKMS(t testing.TB, names ...string) *CloudKMS {
	t.Helper()
	k := &CloudKMS{identity: newRSA(), keys: map[string]*symmetric{}}
	for _, n := range names {
		k.keys[ring+n] = newSymmetric()
	}
	k.Server = start(t, false, http.HandlerFunc(k.answer))
	return k
}

// URL returns the location of a key.
func (k *CloudKMS) URL(name string) string {
	return "gcpkms://" + ring + name + "?endpoint=http://" + k.Address()
}

// CredentialsFile writes a service account's key as Google gives it out, and returns its path.
func (k *CloudKMS) CredentialsFile(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k.identity)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "example", "private_key_id": "1",
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": "strongroom@example.iam.gserviceaccount.com", "token_uri": "http://" + k.Address() + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "service-account.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Rotate makes a new primary version of the key.
func (k *CloudKMS) Rotate(name string) { k.change(func() { k.keys[ring+name].rotate() }) }

// Disable disables the key's versions.
func (k *CloudKMS) Disable(name string) { k.change(func() { k.keys[ring+name].disabled = true }) }

func (k *CloudKMS) change(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

func (k *CloudKMS) answer(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.URL.Path == "/token" {
		k.token(w, r)
		return
	}
	fail := func(status int, code string) {
		writeJSON(w, status, map[string]any{"error": map[string]any{"code": status, "status": code, "message": "about " + r.Header.Get("Authorization")}})
	}
	name, operation, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), ":")
	key := k.keys[name]
	var in struct{ Plaintext, Ciphertext []byte }
	switch err := json.NewDecoder(r.Body).Decode(&in); {
	case r.Header.Get("Authorization") != "Bearer "+BearerToken:
		fail(http.StatusUnauthorized, "UNAUTHENTICATED")
	case key == nil:
		fail(http.StatusNotFound, "NOT_FOUND")
	case key.disabled:
		fail(http.StatusBadRequest, "FAILED_PRECONDITION")
	case err != nil || r.Method != http.MethodPost:
		fail(http.StatusBadRequest, "INVALID_ARGUMENT")
	case operation == "encrypt":
		version, sealed := key.seal(in.Plaintext, []byte(name))
		writeJSON(w, http.StatusOK, map[string]any{
			"name": fmt.Sprintf("%s/cryptoKeyVersions/%d", name, version), "ciphertext": append([]byte{byte(version)}, sealed...), "protectionLevel": "HSM",
		})
	case operation == "decrypt" && len(in.Ciphertext) > 0:
		plaintext, ok := key.open(int(in.Ciphertext[0]), in.Ciphertext[1:], []byte(name))
		if !ok {
			fail(http.StatusBadRequest, "INVALID_ARGUMENT")
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"plaintext": plaintext, "usedPrimary": true})
	default:
		fail(http.StatusBadRequest, "INVALID_ARGUMENT")
	}
}

// token answers an assertion of the service account (RFC 7523) with an access token.
func (k *CloudKMS) token(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.PostFormValue("assertion"), ".")
	valid := r.PostFormValue("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer" && len(parts) == 3
	if valid {
		digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		signature, err := base64.RawURLEncoding.DecodeString(parts[2])
		valid = err == nil && rsa.VerifyPKCS1v15(&k.identity.PublicKey, crypto.SHA256, digest[:], signature) == nil
		claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
		valid = valid && strings.Contains(string(claims), `"scope":"https://www.googleapis.com/auth/cloudkms"`)
	}
	if !valid {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"access_token": BearerToken, "token_type": "Bearer", "expires_in": 3599})
}

func newRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}
