package keyservice

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"sync"

	"cloud.google.com/go/compute/metadata"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"strongroom/internal/seal"
)

// cloudKMS speaks Google Cloud KMS's REST API.
type cloudKMS struct {
	caller
	endpoint, key string

	mu sync.Mutex
	// tokens is nil until the credentials have been found.
	tokens oauth2.TokenSource
}

const (
	cloudKMSEndpoint = "https://cloudkms.googleapis.com"
	cloudKMSScope    = "https://www.googleapis.com/auth/cloudkms"
)

var cloudKMSKey = regexp.MustCompile(`^projects/[a-z0-9.:-]+/locations/[a-z0-9-]+/keyRings/[A-Za-z0-9_-]+/cryptoKeys/[A-Za-z0-9_-]+$`)

func openCloudKMS(_ context.Context, l location, o Options) (seal.Service, error) {
	if err := l.only("endpoint"); err != nil {
		return nil, err
	}
	if !cloudKMSKey.MatchString(l.path) {
		return nil, wrong(l.scheme, "the key is projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, without a version")
	}
	endpoint, err := l.base(cmp.Or(l.query.Get("endpoint"), cloudKMSEndpoint))
	if err != nil {
		return nil, err
	}
	k := &cloudKMS{endpoint: endpoint, key: l.path}
	k.caller = caller{service: "Google Cloud KMS", http: newHTTP(o.RootCAs), authorize: k.bear, judge: k.judgeAnswer}
	return k, nil
}

// cloudKMSBody is a request and an answer; bytes are base64 in JSON.
type cloudKMSBody struct {
	Plaintext  []byte `json:"plaintext,omitempty"`
	Ciphertext []byte `json:"ciphertext,omitempty"`
}

// Encrypt implements seal.Service: under the key's primary version.
func (k *cloudKMS) Encrypt(ctx context.Context, key []byte) ([]byte, error) {
	var out cloudKMSBody
	err := k.do(ctx, exchange{url: k.endpoint + "/v1/" + k.key + ":encrypt", in: cloudKMSBody{Plaintext: key}}, &out)
	return out.Ciphertext, err
}

// Decrypt implements seal.Service: under the version that the ciphertext names.
func (k *cloudKMS) Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	var out cloudKMSBody
	err := k.do(ctx, exchange{url: k.endpoint + "/v1/" + k.key + ":decrypt", in: cloudKMSBody{Ciphertext: ciphertext}, decrypting: true}, &out)
	return out.Plaintext, err
}

// Name implements seal.Service: the resource name. Google never lets a key's name be used
// for another one.
func (k *cloudKMS) Name() string { return "gcpkms:" + k.key }

// bear adds an access token of the application default credentials.
func (k *cloudKMS) bear(ctx context.Context, r *http.Request, _ []byte) error {
	type result struct {
		token *oauth2.Token
		err   error
	}
	// Google's library hears of no context once it looks for a token, and keeps one that
	// comes too late for the next call.
	got := make(chan result, 1)
	go func() {
		token, err := k.token(ctx)
		got <- result{token, err}
	}()
	select {
	case <-ctx.Done():
		return k.noCredentials(0, ctx.Err())
	case found := <-got:
		if found.err != nil {
			return found.err
		}
		found.token.SetAuthHeader(r)
		return nil
	}
}

func (k *cloudKMS) token(ctx context.Context) (*oauth2.Token, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tokens == nil {
		lasting := context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, k.http)
		found, err := google.FindDefaultCredentials(lasting, cloudKMSScope)
		if err != nil {
			return nil, k.noCredentials(0, err)
		}
		k.tokens = found.TokenSource
	}
	token, err := k.tokens.Token()
	if err != nil {
		if status := googleStatus(err); status > 0 {
			return nil, k.noCredentials(status, err)
		}
		// The library does not say what kept it from asking.
		return nil, k.away("whoever gives the credentials for it does not answer")
	}
	return token, nil
}

// googleStatus returns the status that whoever gives tokens answered with, or 0.
func googleStatus(err error) int {
	if refused := (*oauth2.RetrieveError)(nil); errors.As(err, &refused) && refused.Response != nil {
		return refused.Response.StatusCode
	}
	if refused := (*metadata.Error)(nil); errors.As(err, &refused) {
		return refused.Code
	}
	return 0
}

// judgeAnswer knows Google's errors by their canonical code (google.rpc.Code).
func (k *cloudKMS) judgeAnswer(_ int, body []byte, decrypting bool) error {
	var answer struct {
		Error struct {
			Status string `json:"status"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	code := word(answer.Error.Status)
	switch {
	case code == "":
		return nil
	case code == "INVALID_ARGUMENT" && decrypting:
		return seal.ErrTampered
	}
	if hint, known := cloudKMSHints[code]; known {
		return k.refused("it answers " + code + ": " + hint)
	}
	return k.away("it answers " + code)
}

var cloudKMSHints = map[string]string{
	"INVALID_ARGUMENT":    "the key must be symmetric and for encryption",
	"NOT_FOUND":           "there is no such key",
	"PERMISSION_DENIED":   "the identity needs the role Cloud KMS CryptoKey Encrypter/Decrypter on the key, and the project its API enabled",
	"UNAUTHENTICATED":     "the credentials are not accepted",
	"FAILED_PRECONDITION": "the key, or the version that is needed, is disabled or destroyed",
}
