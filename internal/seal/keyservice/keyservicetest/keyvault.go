package keyservicetest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// IdentityHeader is the secret between a managed identity's endpoint and its process.
const IdentityHeader = "identity-header-of-the-tests"

// KeyVault is an Azure Key Vault, and the endpoint of a managed identity as App Service has it.
type KeyVault struct {
	*Server

	mu   sync.Mutex
	keys map[string]*vaultKey
	// accepted is the token that opens the vault.
	accepted string
}

type vaultKey struct {
	// versions are in the order of their making.
	versions   []string
	material   map[string]*rsa.PrivateKey
	operations []string
	disabled   bool
}

// NewKeyVault starts a server over HTTPS with these keys.
func NewKeyVault(t testing.TB, names ...string) *KeyVault {
	t.Helper()
	v := &KeyVault{keys: map[string]*vaultKey{}, accepted: BearerToken}
	for _, n := range names {
		v.keys[n] = &vaultKey{material: map[string]*rsa.PrivateKey{}, operations: []string{"encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"}}
		v.Rotate(n)
	}
	v.Server = start(t, true, http.HandlerFunc(v.answer))
	return v
}

// URL returns the location of a key.
func (v *KeyVault) URL(name string) string {
	return "azurekeyvault://" + v.Address() + "/keys/" + name + "?resource=https://vault.azure.net"
}

// IdentityEndpoint is where the managed identity's tokens are.
func (v *KeyVault) IdentityEndpoint() string { return "https://" + v.Address() + "/msi/token" }

// Rotate makes a new version of the key and returns its name.
func (v *KeyVault) Rotate(name string) (version string) {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	version = hex.EncodeToString(raw)
	material := newRSA()
	v.change(func() {
		v.keys[name].versions = append(v.keys[name].versions, version)
		v.keys[name].material[version] = material
	})
	return version
}

// Disable disables the key.
func (v *KeyVault) Disable(name string) { v.change(func() { v.keys[name].disabled = true }) }

// Lock has the vault accept the identity's tokens no more.
func (v *KeyVault) Lock() { v.change(func() { v.accepted = "another" }) }

// Permit makes these the key's operations.
func (v *KeyVault) Permit(name string, operations ...string) {
	v.change(func() { v.keys[name].operations = operations })
}

// Public returns the public half of the key's newest version, and that version: what
// anybody has who may read the key.
func (v *KeyVault) Public(name string) (version string, public *rsa.PublicKey) {
	v.change(func() {
		key := v.keys[name]
		version = key.versions[len(key.versions)-1]
		public = &key.material[version].PublicKey
	})
	return version, public
}

func (v *KeyVault) change(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

func (v *KeyVault) answer(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if r.URL.Path == "/msi/token" {
		identity(w, r)
		return
	}
	fail := func(status int, code, inner string) {
		body := map[string]any{"code": code, "message": "about " + r.Header.Get("Authorization")}
		if inner != "" {
			body["innererror"] = map[string]string{"code": inner}
		}
		writeJSON(w, status, map[string]any{"error": body})
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/keys/"), "/")
	key := v.keys[parts[0]]
	version := ""
	if key != nil {
		version = key.versions[len(key.versions)-1]
	}
	if len(parts) > 1 {
		version = parts[1]
	}
	switch {
	case r.Header.Get("Authorization") != "Bearer "+v.accepted:
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.example.com/tenant", resource="https://vault.azure.net"`)
		fail(http.StatusUnauthorized, "Unauthorized", "")
	case r.URL.Query().Get("api-version") == "":
		fail(http.StatusBadRequest, "BadParameter", "")
	case key == nil || key.material[version] == nil:
		fail(http.StatusNotFound, "KeyNotFound", "")
	case len(parts) <= 2 && r.Method == http.MethodGet:
		writeJSON(w, http.StatusOK, v.describe(parts[0], version, key))
	case key.disabled:
		fail(http.StatusForbidden, "Forbidden", "KeyDisabled")
	case len(parts) == 3 && r.Method == http.MethodPost:
		v.operate(w, r, v.describe(parts[0], version, key), key.material[version], parts[2], fail)
	default:
		fail(http.StatusMethodNotAllowed, "MethodNotAllowed", "")
	}
}

func identity(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Identity-Header") != IdentityHeader || r.URL.Query().Get("resource") != "https://vault.azure.net" {
		writeJSON(w, http.StatusUnauthorized, map[string]any{"statusCode": 401, "message": "about " + r.Header.Get("X-Identity-Header")})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": BearerToken, "expires_on": "4102444800", "resource": "https://vault.azure.net", "token_type": "Bearer", "client_id": "1",
	})
}

func (v *KeyVault) describe(name, version string, key *vaultKey) map[string]any {
	public := key.material[version].PublicKey
	return map[string]any{
		"key": map[string]any{
			"kid": "https://" + v.Address() + "/keys/" + name + "/" + version, "kty": "RSA", "key_ops": key.operations,
			"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
		},
		"attributes": map[string]any{"enabled": !key.disabled, "created": 1, "updated": 1},
	}
}

func (v *KeyVault) operate(w http.ResponseWriter, r *http.Request, described map[string]any, key *rsa.PrivateKey, operation string, fail func(int, string, string)) {
	var in struct{ Alg, Value string }
	err := json.NewDecoder(r.Body).Decode(&in)
	value, invalid := base64.RawURLEncoding.DecodeString(in.Value)
	if err != nil || invalid != nil {
		fail(http.StatusBadRequest, "BadParameter", "")
		return
	}
	var out []byte
	switch operation + " " + in.Alg {
	case "sign PS256":
		out, err = rsa.SignPSS(rand.Reader, key, crypto.SHA256, value, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "unwrapkey RSA-OAEP-256":
		out, err = rsa.DecryptOAEP(sha256.New(), nil, key, value, nil)
	default:
		fail(http.StatusBadRequest, "BadParameter", "")
		return
	}
	if err != nil {
		fail(http.StatusBadRequest, "BadParameter", "")
		return
	}
	id := described["key"].(map[string]any)["kid"]
	writeJSON(w, http.StatusOK, map[string]any{"kid": id, "value": base64.RawURLEncoding.EncodeToString(out)})
}
