package keyservicetest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Transit is a Vault or OpenBao server with the Transit engine at "transit".
type Transit struct {
	*Server
	// Token is the one that is accepted; Namespace is where the engine is, "" the root.
	Token, Namespace string

	mu sync.Mutex
	// Types are those of the keys that are not aes256-gcm96; Least the lowest version
	// that decrypts, where it is not 1; Derived the keys that want a context.
	types   map[string]string
	least   int
	derived map[string]bool
	keys    map[string]*symmetric
}

// NewTransit starts a server over HTTP with these keys.
func NewTransit(t testing.TB, token string, names ...string) *Transit {
	t.Helper()
	v := &Transit{Token: token, keys: map[string]*symmetric{}, types: map[string]string{}, derived: map[string]bool{}, least: 1}
	for _, n := range names {
		v.keys[n] = newSymmetric()
	}
	v.Server = start(t, false, http.HandlerFunc(v.answer))
	return v
}

// URL returns the location of a key.
func (v *Transit) URL(name string) string {
	where := "hashivault://" + name + "?address=http://" + v.Address()
	if v.Namespace != "" {
		where += "&namespace=" + v.Namespace
	}
	return where
}

// Rotate makes a new version of the key.
func (v *Transit) Rotate(name string) { v.change(func() { v.keys[name].rotate() }) }

// Recreate puts another key in the place of one of the same name.
func (v *Transit) Recreate(name string) { v.change(func() { v.keys[name] = newSymmetric() }) }

// Retire has versions below least decrypt no more.
func (v *Transit) Retire(least int) { v.change(func() { v.least = least }) }

// SetType makes the key one of another type, and derived or not.
func (v *Transit) SetType(name, kind string, derived bool) {
	v.change(func() { v.types[name], v.derived[name] = kind, derived })
}

func (v *Transit) change(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

func (v *Transit) answer(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	fail := func(status int, errors ...string) {
		writeJSON(w, status, map[string]any{"errors": append([]string{}, errors...)})
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/v1/transit/")
	operation, name, _ := strings.Cut(rest, "/")
	key := v.keys[name]
	switch {
	case r.Header.Get("X-Vault-Token") != v.Token, r.Header.Get("X-Vault-Request") != "true":
		fail(http.StatusForbidden, "permission denied")
	case !ok || r.Header.Get("X-Vault-Namespace") != v.Namespace:
		fail(http.StatusNotFound, "no handler for route")
	case operation == "keys" && key == nil:
		fail(http.StatusNotFound)
	case operation == "keys" && r.Method == http.MethodGet:
		kind := "aes256-gcm96"
		if v.types[name] != "" {
			kind = v.types[name]
		}
		writeJSON(w, http.StatusOK, map[string]any{"data": map[string]any{
			"name": name, "type": kind, "derived": v.derived[name], "latest_version": len(key.versions), "min_decryption_version": v.least,
		}})
	case r.Method != http.MethodPost && r.Method != http.MethodPut:
		fail(http.StatusMethodNotAllowed, "unsupported operation")
	case operation == "encrypt":
		v.encrypt(w, r, name, fail)
	case operation == "decrypt" && key == nil:
		fail(http.StatusBadRequest, "encryption key not found")
	case operation == "decrypt":
		v.decrypt(w, r, key, fail)
	default:
		fail(http.StatusNotFound)
	}
}

// encrypt makes the key where there is none, as the engine does for those who may create.
func (v *Transit) encrypt(w http.ResponseWriter, r *http.Request, name string, fail func(int, ...string)) {
	var in struct{ Plaintext string }
	plaintext, err := []byte(nil), json.NewDecoder(r.Body).Decode(&in)
	if err == nil {
		plaintext, err = base64.StdEncoding.DecodeString(in.Plaintext)
	}
	if err != nil {
		fail(http.StatusBadRequest, "failed to base64-decode plaintext")
		return
	}
	if v.keys[name] == nil {
		v.keys[name] = newSymmetric()
	}
	version, ciphertext := v.keys[name].seal(plaintext, nil)
	writeJSON(w, http.StatusOK, map[string]any{"data": map[string]any{
		"ciphertext": "vault:v" + strconv.Itoa(version) + ":" + base64.StdEncoding.EncodeToString(ciphertext), "key_version": version,
	}})
}

func (v *Transit) decrypt(w http.ResponseWriter, r *http.Request, key *symmetric, fail func(int, ...string)) {
	var in struct{ Ciphertext string }
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		fail(http.StatusBadRequest, "error parsing JSON")
		return
	}
	text, prefixed := strings.CutPrefix(in.Ciphertext, "vault:v")
	number, encoded, split := strings.Cut(text, ":")
	version, err := strconv.Atoi(number)
	ciphertext, invalid := base64.StdEncoding.DecodeString(encoded)
	if version == 0 {
		// The first releases counted from zero.
		version = 1
	}
	switch {
	case !prefixed:
		fail(http.StatusBadRequest, "invalid ciphertext: no prefix")
		return
	case !split || err != nil:
		fail(http.StatusBadRequest, "invalid ciphertext: version number could not be decoded")
		return
	case invalid != nil:
		fail(http.StatusBadRequest, "invalid ciphertext: could not decode base64")
		return
	case version > len(key.versions):
		fail(http.StatusBadRequest, "invalid ciphertext: version is too new")
		return
	case version < v.least:
		fail(http.StatusBadRequest, "ciphertext or signature version is disallowed by policy (too old)")
		return
	}
	plaintext, ok := key.open(version, ciphertext, nil)
	if !ok {
		fail(http.StatusInternalServerError, "1 error occurred:\n\t* cipher: message authentication failed\n\n")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plaintext)}})
}
