package keyservice

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"strongroom/internal/seal"
)

// keyVault speaks Azure Key Vault's REST API. Its keys are RSA, and whoever has the public
// half can encrypt: so a ciphertext is signed with the key as well, which the vault alone
// can do, and one that is not is never decrypted. (RSA-OAEP and RSA-PSS are secure under
// one key together.) A ciphertext here is
//
//	offset  bytes
//	0       32     version of the key, as Azure writes it
//	32      n      the data key under RSA-OAEP-256; n is the length of the modulus
//	32+n    n      PS256 over infoKeyVault, and everything before
type keyVault struct {
	caller
	host, name, resource string
	tokens               azcore.TokenCredential

	// version is the one that encrypts: the URL's, or the newest when it was opened.
	version string
	mu      sync.Mutex
	// public has the public half of each version that was met.
	public map[string]*rsa.PublicKey
}

const (
	infoKeyVault       = "strongroom/keyvault/v1"
	keyVaultAPI        = "?api-version=7.4"
	keyVaultVersionLen = 32
	minModulus         = 2048 / 8
	maxModulus         = 4096 / 8
)

var (
	keyVaultPath    = regexp.MustCompile(`^([a-z0-9.-]+(?::[0-9]{1,5})?)/keys/([A-Za-z0-9-]+)(?:/([0-9a-f]{32}))?$`)
	keyVaultVersion = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// keyVaultHosts are the ends of the hosts that tokens are sent to, and what each token is
// asked for. A token for one vault opens all that the identity may open: another host gets
// one only where the operator names the resource.
var keyVaultHosts = map[string]string{
	".vault.azure.net":         "https://vault.azure.net",
	".managedhsm.azure.net":    "https://managedhsm.azure.net",
	".vault.azure.cn":          "https://vault.azure.cn",
	".vault.usgovcloudapi.net": "https://vault.usgovcloudapi.net",
}

func openKeyVault(ctx context.Context, l location, o Options) (seal.Service, error) {
	if err := l.only("resource"); err != nil {
		return nil, err
	}
	parts := keyVaultPath.FindStringSubmatch(l.path)
	if parts == nil {
		return nil, wrong(l.scheme, "the key is VAULT.vault.azure.net/keys/NAME, with /VERSION behind it or not")
	}
	v := &keyVault{host: parts[1], name: strings.ToLower(parts[2]), resource: l.query.Get("resource"), public: map[string]*rsa.PublicKey{}}
	for end, resource := range keyVaultHosts {
		if strings.HasSuffix(v.host, end) {
			v.resource = cmp.Or(v.resource, resource)
		}
	}
	if u, err := url.Parse(v.resource); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, wrong(l.scheme, "the host is none of Azure's: name what its tokens are for, as resource=https://vault.azure.net")
	}
	client := newHTTP(o.RootCAs)
	v.caller = caller{service: "Azure Key Vault", http: client, authorize: v.bear, judge: v.judgeAnswer}
	var err error
	if v.tokens, err = azureIdentity(client); err != nil {
		return nil, wrong(l.scheme, "Azure's variables do not name an identity: AZURE_TENANT_ID and AZURE_CLIENT_ID go with AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE")
	}
	v.version, _, err = v.look(ctx, parts[3], false)
	return v, err
}

// azureIdentity returns what a server has to show: a service principal of the environment,
// a federated token of the workload, or else the machine's managed identity, which
// AZURE_CLIENT_ID selects. What serves developers (az, azd) is not asked.
func azureIdentity(client *http.Client) (azcore.TokenCredential, error) {
	options := azcore.ClientOptions{Transport: client, Retry: policy.RetryOptions{MaxRetries: -1}}
	switch {
	case os.Getenv("AZURE_CLIENT_SECRET") != "", os.Getenv("AZURE_CLIENT_CERTIFICATE_PATH") != "":
		return azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{ClientOptions: options})
	case os.Getenv("AZURE_FEDERATED_TOKEN_FILE") != "":
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientOptions: options})
	}
	managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
	if id := os.Getenv("AZURE_CLIENT_ID"); id != "" {
		managed.ID = azidentity.ClientID(id)
	}
	return azidentity.NewManagedIdentityCredential(managed)
}

// bear adds an access token.
func (v *keyVault) bear(ctx context.Context, r *http.Request, _ []byte) error {
	token, err := v.tokens.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{v.resource + "/.default"}})
	if err != nil {
		status := 0
		if refused := (*azidentity.AuthenticationFailedError)(nil); errors.As(err, &refused) && refused.RawResponse != nil {
			status = refused.RawResponse.StatusCode
		}
		return v.noCredentials(status, err)
	}
	r.Header.Set("Authorization", "Bearer "+token.Token)
	return nil
}

// Name implements seal.Service: the vault and the key in it, without a version.
func (v *keyVault) Name() string { return "azurekeyvault:" + v.host + "/keys/" + v.name }

// Encrypt implements seal.Service. The vault is asked to sign alone: encrypting takes no
// more than the public half.
func (v *keyVault) Encrypt(ctx context.Context, key []byte) ([]byte, error) {
	public, err := v.half(ctx, v.version)
	if err != nil {
		return nil, err
	}
	encrypted, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, key, nil)
	if err != nil {
		return nil, v.refused("the key cannot encrypt")
	}
	out := append([]byte(v.version), encrypted...)
	digest := keyVaultDigest(out)
	signature, err := v.operate(ctx, v.version, "sign", "PS256", digest, false)
	if err != nil {
		return nil, err
	}
	if rsa.VerifyPSS(public, crypto.SHA256, digest, signature, keyVaultPSS) != nil {
		return nil, v.away("its signature is not the key's")
	}
	return append(out, signature...), nil
}

// Decrypt implements seal.Service.
func (v *keyVault) Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	n := (len(ciphertext) - keyVaultVersionLen) / 2
	if n < minModulus || n > maxModulus || len(ciphertext) != keyVaultVersionLen+2*n || !keyVaultVersion.Match(ciphertext[:keyVaultVersionLen]) {
		return nil, seal.ErrTampered
	}
	version, encrypted, signature := string(ciphertext[:keyVaultVersionLen]), ciphertext[keyVaultVersionLen:][:n], ciphertext[keyVaultVersionLen+n:]
	public, err := v.half(ctx, version)
	if err != nil {
		return nil, err
	}
	if rsa.VerifyPSS(public, crypto.SHA256, keyVaultDigest(ciphertext[:keyVaultVersionLen+n]), signature, keyVaultPSS) != nil {
		return nil, seal.ErrTampered
	}
	return v.operate(ctx, version, "unwrapkey", "RSA-OAEP-256", encrypted, true)
}

var keyVaultPSS = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}

func keyVaultDigest(signed []byte) []byte {
	sum := sha256.Sum256(append([]byte(infoKeyVault), signed...))
	return sum[:]
}

// half returns the public half of a version.
func (v *keyVault) half(ctx context.Context, version string) (*rsa.PublicKey, error) {
	v.mu.Lock()
	public, found := v.public[version]
	v.mu.Unlock()
	if found {
		return public, nil
	}
	_, public, err := v.look(ctx, version, true)
	return public, err
}

// look asks for a version of the key, the newest where it is "", and keeps its public half.
// Where a ciphertext named the version, one that the vault has not got is the ciphertext's fault.
func (v *keyVault) look(ctx context.Context, version string, decrypting bool) (string, *rsa.PublicKey, error) {
	var out struct {
		Key struct {
			ID         string   `json:"kid"`
			Type       string   `json:"kty"`
			Operations []string `json:"key_ops"`
			N          string   `json:"n"`
			E          string   `json:"e"`
		} `json:"key"`
		Attributes struct {
			Enabled bool `json:"enabled"`
		} `json:"attributes"`
	}
	if err := v.do(ctx, exchange{url: v.url(version, ""), decrypting: decrypting}, &out); err != nil {
		return "", nil, err
	}
	named := out.Key.ID[strings.LastIndex(out.Key.ID, "/")+1:]
	public, ok := rsaPublic(out.Key.N, out.Key.E)
	switch {
	case !keyVaultVersion.MatchString(named) || version != "" && named != version:
		return "", nil, v.away("its answer is about another key")
	case !strings.HasPrefix(out.Key.Type, "RSA"):
		return "", nil, v.refused("the key must be an RSA key")
	case !ok:
		return "", nil, v.refused("the key must have 2048 to 4096 bits")
	case !out.Attributes.Enabled:
		return "", nil, v.refused("the key is disabled")
	case !slices.Contains(out.Key.Operations, "sign") || !slices.Contains(out.Key.Operations, "unwrapKey"):
		return "", nil, v.refused("the key must allow the operations sign and unwrapKey")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.public[named] = public
	return named, public, nil
}

func rsaPublic(n, e string) (*rsa.PublicKey, bool) {
	modulus, err1 := base64.RawURLEncoding.DecodeString(n)
	exponent, err2 := base64.RawURLEncoding.DecodeString(e)
	if err1 != nil || err2 != nil || len(modulus) < minModulus || len(modulus) > maxModulus || len(exponent) == 0 || len(exponent) > 4 {
		return nil, false
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
	return public, public.Size() == len(modulus) && public.E > 2
}

// operate has the vault use the key. Bytes are base64url in its JSON (RFC 7515, section 2).
func (v *keyVault) operate(ctx context.Context, version, operation, algorithm string, value []byte, decrypting bool) ([]byte, error) {
	var out struct {
		Value string `json:"value"`
	}
	in := map[string]string{"alg": algorithm, "value": base64.RawURLEncoding.EncodeToString(value)}
	if err := v.do(ctx, exchange{url: v.url(version, "/"+operation), in: in, decrypting: decrypting}, &out); err != nil {
		return nil, err
	}
	result, err := base64.RawURLEncoding.DecodeString(out.Value)
	if err != nil || len(result) == 0 {
		return nil, v.away("its answer is not that of Azure Key Vault")
	}
	return result, nil
}

func (v *keyVault) url(version, operation string) string {
	path := "https://" + v.host + "/keys/" + v.name
	if version != "" {
		path += "/" + version
	}
	return path + operation + keyVaultAPI
}

// judgeAnswer knows Azure's errors by their code, and the reason within.
func (v *keyVault) judgeAnswer(status int, body []byte, decrypting bool) error {
	var answer struct {
		Error struct {
			Code  string `json:"code"`
			Inner struct {
				Code string `json:"code"`
			} `json:"innererror"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	code, reason := word(answer.Error.Code), word(answer.Error.Inner.Code)
	switch {
	case code == "":
		return nil
	case decrypting && (code == "BadParameter" || code == "KeyNotFound"):
		return seal.ErrTampered
	case reason == "KeyDisabled":
		return v.refused("the key is disabled")
	case status == http.StatusNotFound:
		return v.refused("there is no such key, or no such version of it")
	case status == http.StatusForbidden:
		return v.refused("the identity needs the role Key Vault Crypto User, and the vault's firewall must let it in")
	case status == http.StatusUnauthorized:
		return v.refused("the token is not accepted: the identity may be another tenant's")
	}
	return v.refused("it answers " + code)
}
