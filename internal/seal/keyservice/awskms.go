package keyservice

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"

	"strongroom/internal/seal"
)

// kms speaks AWS KMS's JSON protocol.
type kms struct {
	caller
	endpoint, region string
	// key is the key's ARN: an alias is resolved when the service is opened, so that one
	// which is pointed elsewhere changes nothing before the next start.
	key         string
	credentials aws.CredentialsProvider
	signer      *v4.Signer
}

var (
	kmsID     = regexp.MustCompile(`^(alias/[A-Za-z0-9/_-]+|[a-z0-9-]+)$`)
	kmsARN    = regexp.MustCompile(`^(arn:aws[a-z-]*:kms):([a-z0-9-]+):([0-9]{12}):(alias/[A-Za-z0-9/_-]+|key/[a-z0-9-]+)$`)
	awsRegion = regexp.MustCompile(`^[a-z]{2,5}(-[a-z0-9]+){2,4}$`)
)

// multiRegion begins the id of a key that has the same material in several regions.
const multiRegion = "key/mrk-"

// kmsContext is authenticated beside the ciphertext, shown in CloudTrail, and may be asked
// for by a key policy.
var kmsContext = map[string]string{"application": "strongroom"}

func openKMS(ctx context.Context, l location, o Options) (seal.Service, error) {
	if err := l.only("region", "endpoint"); err != nil {
		return nil, err
	}
	region := l.query.Get("region")
	if arn := kmsARN.FindStringSubmatch(l.path); arn != nil && cmp.Or(region, arn[2]) == arn[2] {
		region = arn[2]
	} else if !kmsID.MatchString(l.path) {
		return nil, wrong(l.scheme, "the key is its id, alias/NAME, or the ARN of either in the region that is named")
	}
	loaded, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithHTTPClient(awsClient()), config.WithRetryMaxAttempts(1))
	if err != nil {
		return nil, wrong(l.scheme, "AWS's variables or configuration files cannot be read")
	}
	if !awsRegion.MatchString(loaded.Region) {
		return nil, wrong(l.scheme, "name the region, as region=eu-west-1 or in AWS_REGION")
	}
	k := &kms{region: loaded.Region, key: l.path, credentials: loaded.Credentials, signer: v4.NewSigner()}
	k.caller = caller{service: "AWS KMS", http: newHTTP(awsRoots(loaded, o)), authorize: k.sign, judge: k.judgeAnswer}
	if k.endpoint, err = l.base(cmp.Or(l.query.Get("endpoint"), kmsEndpoint(k.region))); err != nil {
		return nil, err
	}
	return k, k.resolve(ctx)
}

// awsClient returns what AWS's library looks for credentials with. It takes no client but
// its own where AWS_CA_BUNDLE is set, so this is that one, on our connections.
func awsClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(exchangeTimeout).WithTransportOptions(func(t *http.Transport) {
		t.DialContext, t.Proxy = newDialer().DialContext, nil
	})
}

// awsRoots returns the certificates of AWS_CA_BUNDLE where it is set.
func awsRoots(loaded aws.Config, o Options) *x509.CertPool {
	if c, ok := loaded.HTTPClient.(*awshttp.BuildableClient); ok {
		if t := c.GetTransport(); t.TLSClientConfig != nil && t.TLSClientConfig.RootCAs != nil {
			return t.TLSClientConfig.RootCAs
		}
	}
	return o.RootCAs
}

// kmsEndpoint returns the region's address. Where it is another, the operator names it.
func kmsEndpoint(region string) string {
	domain := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain = "amazonaws.com.cn"
	}
	return "https://kms." + region + "." + domain
}

// resolve asks for the ARN of the key. It comes with every answer, so that no permission
// but those to encrypt and decrypt is needed.
func (k *kms) resolve(ctx context.Context) error {
	var out kmsAnswer
	in := kmsRequest{KeyID: k.key, Context: kmsContext, Plaintext: make([]byte, 1)}
	if err := k.call(ctx, "Encrypt", in, &out); err != nil {
		return err
	}
	if arn := kmsARN.FindStringSubmatch(out.KeyID); arn == nil || arn[2] != k.region || !strings.HasPrefix(arn[4], "key/") {
		return k.away("its answer names no key of the region")
	}
	k.key = out.KeyID
	return nil
}

// kmsRequest and kmsAnswer are those of Encrypt and Decrypt; bytes are base64 in JSON. The
// algorithm is left out and so SYMMETRIC_DEFAULT, which asymmetric keys refuse.
type kmsRequest struct {
	KeyID      string            `json:"KeyId"`
	Plaintext  []byte            `json:",omitempty"`
	Ciphertext []byte            `json:"CiphertextBlob,omitempty"`
	Context    map[string]string `json:"EncryptionContext"`
}

type kmsAnswer struct {
	KeyID      string `json:"KeyId"`
	Plaintext  []byte
	Ciphertext []byte `json:"CiphertextBlob"`
}

// Encrypt implements seal.Service.
func (k *kms) Encrypt(ctx context.Context, key []byte) ([]byte, error) {
	var out kmsAnswer
	err := k.call(ctx, "Encrypt", kmsRequest{KeyID: k.key, Context: kmsContext, Plaintext: key}, &out)
	return out.Ciphertext, err
}

// Decrypt implements seal.Service. The key is named, so that KMS opens nothing that
// another key made.
func (k *kms) Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	var out kmsAnswer
	err := k.call(ctx, "Decrypt", kmsRequest{KeyID: k.key, Context: kmsContext, Ciphertext: ciphertext}, &out)
	return out.Plaintext, err
}

// Name implements seal.Service: the key's ARN. A multi-Region key is one key wherever a
// replica of it is asked.
func (k *kms) Name() string {
	arn := kmsARN.FindStringSubmatch(k.key)
	if strings.HasPrefix(arn[4], multiRegion) {
		arn[2] = "*"
	}
	return "awskms:" + strings.Join(arn[1:], ":")
}

func (k *kms) call(ctx context.Context, operation string, in kmsRequest, out *kmsAnswer) error {
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"TrentService." + operation}}
	return k.do(ctx, exchange{url: k.endpoint + "/", header: header, in: in}, out)
}

// sign adds the signature of AWS's Signature Version 4.
func (k *kms) sign(ctx context.Context, r *http.Request, body []byte) error {
	found, err := k.credentials.Retrieve(ctx)
	if err != nil {
		status := 0
		if answered := (interface{ HTTPStatusCode() int })(nil); errors.As(err, &answered) {
			status = answered.HTTPStatusCode()
		}
		return k.noCredentials(status, err)
	}
	sum := sha256.Sum256(body)
	if err := k.signer.SignHTTP(ctx, found, r, hex.EncodeToString(sum[:]), "kms", k.region, time.Now()); err != nil {
		return k.refused("the request cannot be signed")
	}
	return nil
}

// judgeAnswer knows AWS's errors by their type; nearly all have status 400.
func (k *kms) judgeAnswer(_ int, body []byte, _ bool) error {
	var answer struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	code := word(answer.Type[strings.LastIndex(answer.Type, "#")+1:])
	switch code {
	case "":
		return nil
	case "InvalidCiphertextException", "IncorrectKeyException":
		return seal.ErrTampered
	case "ThrottlingException", "RequestLimitExceeded", "LimitExceededException", "DependencyTimeoutException",
		"KMSInternalException", "KeyUnavailableException", "ServiceUnavailable", "ServiceUnavailableException", "InternalFailure":
		return k.away("it answers " + code)
	}
	hint, known := kmsHints[code]
	if !known {
		hint = "look at the key's and the identity's policies, which must allow kms:Encrypt and kms:Decrypt"
	}
	return k.refused("it answers " + code + ": " + hint)
}

var kmsHints = map[string]string{
	"NotFoundException":                   "there is no such key in this region and account",
	"DisabledException":                   "the key is disabled",
	"KMSInvalidStateException":            "the key is disabled, being deleted, or without its material",
	"InvalidKeyUsageException":            "the key must be symmetric and for encryption",
	"InvalidSignatureException":           "the secret access key is wrong, or this machine's clock",
	"ExpiredTokenException":               "the credentials have expired",
	"UnrecognizedClientException":         "the access key is not known",
	"IncompleteSignatureException":        "the credentials are not complete",
	"InvalidClientTokenId":                "the access key is not known",
	"MissingAuthenticationToken":          "the credentials are not complete",
	"RequestExpired":                      "this machine's clock is wrong",
	"MissingAuthenticationTokenException": "the credentials are not complete",
}
