package keyservicetest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What KMS knows callers by, and where it stands.
const (
	AccessKey = "AKIAEXAMPLEEXAMPLE00"
	SecretKey = "kms-secret-access-key-of-the-tests"
	Region    = "eu-west-1"
	account   = "arn:aws:kms:" + Region + ":123456789012:"
)

// KMS is AWS KMS in one region and account.
type KMS struct {
	*Server

	mu sync.Mutex
	// Aliases are by name, "alias/" included; keys by their id.
	aliases map[string]string
	keys    map[string]*symmetric
}

// NewKMS starts a server over HTTP with these keys.
func NewKMS(t testing.TB, ids ...string) *KMS {
	t.Helper()
	k := &KMS{aliases: map[string]string{}, keys: map[string]*symmetric{}}
	for _, id := range ids {
		k.keys[id] = newSymmetric()
	}
	k.Server = start(t, false, http.HandlerFunc(k.answer))
	return k
}

// URL returns the location of a key, by its id, alias or ARN.
func (k *KMS) URL(key string) string {
	return "awskms://" + key + "?region=" + Region + "&endpoint=http://" + k.Address()
}

// ARN returns a key's.
func (k *KMS) ARN(id string) string { return account + "key/" + id }

// Alias points an alias at a key.
func (k *KMS) Alias(name, id string) { k.change(func() { k.aliases["alias/"+name] = id }) }

// Rotate makes new material for the key.
func (k *KMS) Rotate(id string) { k.change(func() { k.keys[id].rotate() }) }

// Disable disables the key.
func (k *KMS) Disable(id string) { k.change(func() { k.keys[id].disabled = true }) }

func (k *KMS) change(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

func (k *KMS) answer(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fail := func(code string) {
		writeJSON(w, http.StatusBadRequest, map[string]string{"__type": "com.amazonaws.kms#" + code, "message": "about " + r.Header.Get("Authorization")})
	}
	body, err := io.ReadAll(r.Body)
	if code := checkSignature(r, body); err != nil || code != "" {
		fail(code)
		return
	}
	var in struct {
		KeyID             string `json:"KeyId"`
		Plaintext         []byte
		CiphertextBlob    []byte
		EncryptionContext map[string]string
	}
	if json.Unmarshal(body, &in) != nil || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		fail("SerializationException")
		return
	}
	id, key := k.find(in.KeyID)
	switch operation := r.Header.Get("X-Amz-Target"); {
	case key == nil:
		fail("NotFoundException")
	case key.disabled:
		fail("DisabledException")
	case operation == "TrentService.Encrypt" && len(in.Plaintext) > 0 && len(in.Plaintext) <= 4096:
		version, sealed := key.seal(in.Plaintext, kmsAssociated(id, in.EncryptionContext))
		blob := append([]byte(fmt.Sprintf("%-40s%c", id, version)), sealed...)
		writeJSON(w, http.StatusOK, map[string]any{"KeyId": k.ARN(id), "CiphertextBlob": blob, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
	case operation == "TrentService.Decrypt" && len(in.CiphertextBlob) > 0 && len(in.CiphertextBlob) <= 6144:
		k.decrypt(w, id, key, in.CiphertextBlob, in.EncryptionContext, fail)
	default:
		fail("ValidationException")
	}
}

func (k *KMS) decrypt(w http.ResponseWriter, id string, key *symmetric, blob []byte, context map[string]string, fail func(string)) {
	if len(blob) < 41 {
		fail("InvalidCiphertextException")
		return
	}
	if made := strings.TrimRight(string(blob[:40]), " "); made != id && k.keys[made] != nil {
		fail("IncorrectKeyException")
		return
	}
	plaintext, ok := key.open(int(blob[40]), blob[41:], kmsAssociated(string(bytes.TrimRight(blob[:40], " ")), context))
	if !ok {
		fail("InvalidCiphertextException")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"KeyId": k.ARN(id), "Plaintext": plaintext, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
}

func (k *KMS) find(name string) (string, *symmetric) {
	name = strings.TrimPrefix(strings.TrimPrefix(name, account), "key/")
	if id, found := k.aliases[name]; found {
		name = id
	}
	return name, k.keys[name]
}

func kmsAssociated(id string, context map[string]string) []byte {
	text := id
	for _, name := range slices.Sorted(maps.Keys(context)) {
		text += "\x00" + name + "\x00" + context[name]
	}
	return []byte(text)
}

// checkSignature makes the signature of Signature Version 4 once more, and returns the
// error code where it is another.
func checkSignature(r *http.Request, body []byte) string {
	fields := map[string]string{}
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	date := r.Header.Get("X-Amz-Date")
	if scheme != "AWS4-HMAC-SHA256" || len(date) != len("20060102T150405Z") {
		return "MissingAuthenticationTokenException"
	}
	scope := date[:8] + "/" + Region + "/kms/aws4_request"
	if fields["Credential"] != AccessKey+"/"+scope {
		return "UnrecognizedClientException"
	}
	canonical := r.Method + "\n" + r.URL.EscapedPath() + "\n" + r.URL.RawQuery + "\n"
	signed := strings.Split(fields["SignedHeaders"], ";")
	for _, must := range []string{"host", "x-amz-date", "x-amz-target"} {
		if !slices.Contains(signed, must) {
			return "InvalidSignatureException"
		}
	}
	for _, name := range signed {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		canonical += name + ":" + strings.TrimSpace(value) + "\n"
	}
	canonical += "\n" + fields["SignedHeaders"] + "\n" + hexSum(body)
	key := []byte("AWS4" + SecretKey)
	for _, part := range []string{date[:8], Region, "kms", "aws4_request"} {
		key = sum(key, part)
	}
	want := hex.EncodeToString(sum(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+hexSum([]byte(canonical))))
	if !hmac.Equal([]byte(want), []byte(fields["Signature"])) {
		return "InvalidSignatureException"
	}
	return ""
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
