package keyservice

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"

	"strongroom/internal/seal"
)

// transit speaks the Transit engine's API, which Vault and OpenBao share.
type transit struct {
	caller
	address, namespace, mount, key string
}

var (
	transitName       = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	transitPath       = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$`)
	transitCiphertext = regexp.MustCompile(`^vault:v[1-9][0-9]{0,8}:[A-Za-z0-9+/]+={0,2}$`)
)

// maxToken bounds a token and a file of certificates, in bytes.
const (
	maxToken        = 16 << 10
	maxCertificates = 1 << 20
)

func openTransit(ctx context.Context, l location, o Options) (seal.Service, error) {
	if err := l.only("address", "mount", "namespace"); err != nil {
		return nil, err
	}
	t := &transit{
		key: l.path, mount: strings.Trim(cmp.Or(l.query.Get("mount"), "transit"), "/"),
		namespace: strings.Trim(cmp.Or(l.query.Get("namespace"), variable("NAMESPACE")), "/"),
	}
	switch {
	case !transitName.MatchString(t.key):
		return nil, wrong(l.scheme, "the key is a name of letters, digits, dots, dashes and underscores")
	case !transitPath.MatchString(t.mount) || t.namespace != "" && !transitPath.MatchString(t.namespace):
		return nil, wrong(l.scheme, "mount and namespace are paths of letters, digits, dots, dashes and underscores")
	}
	address := cmp.Or(l.query.Get("address"), variable("ADDR"))
	if address == "" {
		return nil, wrong(l.scheme, "name the server, as address=https://vault.example.com:8200 or in VAULT_ADDR or BAO_ADDR")
	}
	var err error
	if t.address, err = l.base(address); err != nil {
		return nil, err
	}
	roots, err := transitRoots(l, o)
	if err != nil {
		return nil, err
	}
	t.caller = caller{service: "Vault", http: newHTTP(roots), authorize: t.bear, judge: t.judgeAnswer}
	return t, t.look(ctx)
}

// variable returns a variable of Vault's command line, or OpenBao's.
func variable(name string) string {
	return cmp.Or(os.Getenv("VAULT_"+name), os.Getenv("BAO_"+name))
}

func transitRoots(l location, o Options) (*x509.CertPool, error) {
	path := variable("CACERT")
	if path == "" {
		return o.RootCAs, nil
	}
	text, err := readBounded(path, maxCertificates)
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(text) {
		return nil, wrong(l.scheme, "the file of VAULT_CACERT or BAO_CACERT holds no certificates (PEM)")
	}
	return roots, nil
}

// look finds out whether the key is there and of a kind to be relied on. Encryption alone
// would not tell: under many policies it makes a key where there is none.
func (t *transit) look(ctx context.Context) error {
	var out struct {
		Data struct {
			Name    string `json:"name"`
			Type    string `json:"type"`
			Derived bool   `json:"derived"`
		} `json:"data"`
	}
	if err := t.do(ctx, t.exchange("keys", nil), &out); err != nil {
		return err
	}
	switch {
	case out.Data.Name != t.key:
		return t.away("its answer is about another key")
	case !slices.Contains([]string{"aes256-gcm96", "aes128-gcm96", "chacha20-poly1305", "xchacha20-poly1305"}, out.Data.Type):
		return t.refused("the key must be symmetric: aes256-gcm96, which is the default type")
	case out.Data.Derived:
		return t.refused("the key must not be a derived one")
	}
	return nil
}

type transitRequest struct {
	Plaintext  []byte `json:"plaintext,omitempty"`
	Ciphertext string `json:"ciphertext,omitempty"`
}

type transitAnswer struct {
	Data struct {
		Plaintext  []byte `json:"plaintext"`
		Ciphertext string `json:"ciphertext"`
	} `json:"data"`
}

// Encrypt implements seal.Service: under the key's newest version.
func (t *transit) Encrypt(ctx context.Context, key []byte) ([]byte, error) {
	var out transitAnswer
	if err := t.do(ctx, t.exchange("encrypt", transitRequest{Plaintext: key}), &out); err != nil {
		return nil, err
	}
	if !transitCiphertext.MatchString(out.Data.Ciphertext) {
		return nil, t.away("its answer holds no ciphertext")
	}
	return []byte(out.Data.Ciphertext), nil
}

// Decrypt implements seal.Service: under the version that the ciphertext names.
func (t *transit) Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	if !transitCiphertext.Match(ciphertext) {
		return nil, seal.ErrTampered
	}
	e := t.exchange("decrypt", transitRequest{Ciphertext: string(ciphertext)})
	e.decrypting = true
	var out transitAnswer
	err := t.do(ctx, e, &out)
	return out.Data.Plaintext, err
}

// Name implements seal.Service. The address is no part of it: a server may move. Another
// server that has a key of the same name has not the same key, and opens nothing.
func (t *transit) Name() string {
	return "hashivault:" + strings.Join([]string{t.namespace, t.mount, t.key}, ":")
}

func (t *transit) exchange(operation string, in any) exchange {
	return exchange{url: t.address + "/v1/" + t.mount + "/" + operation + "/" + t.key, in: in}
}

// bear adds the token. It is read anew for each call, since an agent renews it.
func (t *transit) bear(_ context.Context, r *http.Request, _ []byte) error {
	token := []byte(variable("TOKEN"))
	if path := variable("TOKEN_FILE"); len(token) == 0 && path != "" {
		var err error
		if token, err = readBounded(path, maxToken); err != nil {
			return t.refused("the file of VAULT_TOKEN_FILE or BAO_TOKEN_FILE cannot be read")
		}
	}
	text := string(bytes.TrimSpace(token))
	if text == "" {
		return t.refused("there is no token: set VAULT_TOKEN or VAULT_TOKEN_FILE, or BAO_TOKEN or BAO_TOKEN_FILE")
	}
	r.Header.Set("X-Vault-Token", text)
	r.Header.Set("X-Vault-Request", "true")
	if t.namespace != "" {
		r.Header.Set("X-Vault-Namespace", t.namespace)
	}
	return nil
}

func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = errors.New("the file is too long")
	}
	return text, err
}

// judgeAnswer knows the errors by their status, and where that is not enough by their
// text, which has been the same in all versions of both.
func (t *transit) judgeAnswer(status int, body []byte, decrypting bool) error {
	var answer struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Errors == nil {
		return nil
	}
	says := func(text string) bool {
		return slices.ContainsFunc(answer.Errors, func(e string) bool { return strings.Contains(e, text) })
	}
	switch {
	// A ciphertext that does not open has had status 400 and 500 (since Vault 1.5).
	case decrypting && says("message authentication failed"), decrypting && says("invalid ciphertext"):
		return seal.ErrTampered
	case says("disallowed by policy"):
		return t.refused("the key's min_decryption_version is higher than the version that is needed")
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return t.refused("the token is not valid (any more), or its policies do not allow to read the key, encrypt and decrypt")
	case status == http.StatusNotFound, says("encryption key not found"):
		return t.refused("there is no such key, mount or namespace")
	}
	return t.refused("it does not take the request")
}
