package aws_test

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// ses is an account at the SES API, which checks each request's signature.
type ses struct {
	// secret and session belong to keyID.
	secret, session string
	// ahead is how far the API's clock is ahead of this machine's.
	ahead time.Duration
	// denied are the calls that the key's policy does not allow.
	denied []string
	// account is what GetAccount answers.
	account members
	// identities tells which there are, and whether they are verified.
	identities map[string]bool

	mu    sync.Mutex
	asked []*http.Request
}

func newSES() *ses {
	return &ses{secret: secretKey, account: members{
		"SendingEnabled": true, "ProductionAccessEnabled": true, "EnforcementStatus": "HEALTHY",
		"SendQuota": members{"Max24HourSend": 50000.0, "SentLast24Hours": 17.0, "MaxSendRate": 14.0},
	}}
}

func (s *ses) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r)
	s.mu.Unlock()
	if code, text := s.judge(r); code != "" {
		refuse(w, http.StatusForbidden, code, text)
		return
	}
	identity, ok := strings.CutPrefix(r.URL.Path, "/v2/email/identities/")
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/v2/email/account":
		s.answer(w, "ses:GetAccount", s.account)
	case r.Method == http.MethodGet && ok:
		verified, known := s.identities[identity]
		if !known && !s.denies("ses:GetEmailIdentity") {
			refuse(w, http.StatusNotFound, "NotFoundException", "Email identity does not exist")
			return
		}
		s.answer(w, "ses:GetEmailIdentity", members{"VerifiedForSendingStatus": verified})
	default:
		refuse(w, http.StatusNotFound, "UnknownOperationException", "")
	}
}

func (s *ses) denies(action string) bool {
	for _, d := range s.denied {
		if d == action {
			return true
		}
	}
	return false
}

func (s *ses) answer(w http.ResponseWriter, action string, content members) {
	if s.denies(action) {
		refuse(w, http.StatusForbidden, "AccessDeniedException", "User is not authorized to perform "+action)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(content)
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", code+":http://internal.amazon.com/coral/com.amazon.coral.service/")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(members{"message": text})
}

// judge checks the signature (Signature Version 4) as AWS does, the clock included.
func (s *ses) judge(r *http.Request) (code, text string) {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	parts := map[string]string{}
	for pair := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/")
	if scheme != "AWS4-HMAC-SHA256" || len(scope) != 5 {
		return "MissingAuthenticationTokenException", "Missing Authentication Token"
	}
	signedAt, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	switch now := time.Now().Add(s.ahead); {
	case err != nil, scope[1] != signedAt.Format("20060102"), scope[2] != region, scope[3] != "ses", scope[4] != "aws4_request":
		return "InvalidSignatureException", "Credential should be scoped to a valid region"
	case scope[0] != keyID:
		return "UnrecognizedClientException", "The security token included in the request is invalid."
	case now.Sub(signedAt) > 5*time.Minute:
		return "InvalidSignatureException", "Signature expired: " + signedAt.String() + " is now earlier than " + now.String()
	case signedAt.Sub(now) > 5*time.Minute:
		return "InvalidSignatureException", "Signature not yet current: " + signedAt.String() + " is still later than " + now.String()
	case r.Header.Get("X-Amz-Security-Token") != s.session:
		return "UnrecognizedClientException", "The security token included in the request is invalid."
	}
	if subtle.ConstantTimeCompare([]byte(s.sign(r, parts["SignedHeaders"], signedAt)), []byte(r.Header.Get("Authorization"))) != 1 {
		return "InvalidSignatureException", "The request signature we calculated does not match the signature you provided."
	}
	return "", ""
}

// sign makes the Authorization header that the request should have.
func (s *ses) sign(r *http.Request, signed string, at time.Time) string {
	body, _ := io.ReadAll(r.Body)
	hash := sha256.Sum256(body)
	again := &http.Request{
		Method: r.Method, Host: r.Host, ContentLength: r.ContentLength, Header: http.Header{},
		URL: &url.URL{Scheme: "https", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery},
	}
	for name := range strings.SplitSeq(signed, ";") {
		if v := r.Header.Values(name); len(v) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = v
		}
	}
	credentials := sdk.Credentials{AccessKeyID: keyID, SecretAccessKey: s.secret, SessionToken: s.session}
	if err := v4.NewSigner().SignHTTP(r.Context(), credentials, again, hex.EncodeToString(hash[:]), "ses", region, at); err != nil {
		return ""
	}
	return again.Header.Get("Authorization")
}
