package azure_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// storage is a storage account's blob service. It believes the account's key, signatures
// with the one sig that it knows, and tokens of the authority.
type storage struct {
	// key is the account's, in base64.
	key string
	// at is the path that the account stands at; "" for a host of its own.
	at string
	// bound is the container that signatures of a container are for.
	bound string
	// refusal is a code that everything is refused with, status and all, once who asks is
	// believed.
	refusal string
	status  int
	// behind is how far the service's clock is behind this machine's.
	behind time.Duration
	// unlisted: applications have no role here.
	unlisted bool

	mu    sync.Mutex
	asked []*http.Request
}

func newStorage() *storage { return &storage{key: accountKey, bound: "documents"} }

// paths are what was asked for, in order.
func (s *storage) paths() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, r := range s.asked {
		all = append(all, r.Method+" "+r.URL.Path)
	}
	return strings.Join(all, ", ")
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r)
	s.mu.Unlock()
	now := time.Now().Add(-s.behind)
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	w.Header().Set("X-Ms-Version", r.Header.Get("X-Ms-Version"))
	w.Header().Set("X-Ms-Request-Id", "0f1e2d3c")
	status, code := s.judge(r, now)
	if code == "" && s.refusal != "" {
		status, code = s.status, s.refusal
	}
	if code != "" {
		refuse(w, r, status, code)
		return
	}
	s.answer(w, r)
}

func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	w.Header().Set("X-Ms-Error-Code", code)
	w.Header().Set("Content-Type", "application/xml")
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="https://login.example.com" resource_id="https://graph.example.com"`)
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s</Message></Error>", code, r.URL.RawQuery)
	}
}

// answer lists, or tells of a blob; "report.pdf" in "documents" is the only one.
func (s *storage) answer(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, s.at)
	query := r.URL.Query()
	container, blob, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case container == "" && query.Get("comp") == "list":
		_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://%s/"><MaxResults>%s</MaxResults><Containers><Container><Name>documents</Name></Container></Containers><NextMarker>more</NextMarker></EnumerationResults>`, r.Host, query.Get("maxresults"))
	case container != "documents":
		refuse(w, r, http.StatusNotFound, "ContainerNotFound")
	case blob == "" && query.Get("restype") == "container" && query.Get("comp") == "list":
		_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://%s/" ContainerName="documents"><Prefix>%s</Prefix><MaxResults>%s</MaxResults><Blobs><Blob><Name>report.pdf</Name><Properties/></Blob></Blobs><NextMarker/></EnumerationResults>`, r.Host, html.EscapeString(query.Get("prefix")), query.Get("maxresults"))
	case blob == "report.pdf" && r.Method == http.MethodHead:
		w.Header().Set("X-Ms-Blob-Type", "BlockBlob")
	case blob != "":
		refuse(w, r, http.StatusNotFound, "BlobNotFound")
	default:
		refuse(w, r, http.StatusBadRequest, "InvalidUri")
	}
}

// judge finds out whether who asks is believed, and may ask this.
func (s *storage) judge(r *http.Request, now time.Time) (status int, code string) {
	authorization := r.Header.Get("Authorization")
	query := r.URL.Query()
	switch {
	case strings.HasPrefix(authorization, "Bearer "):
		return s.judgeToken(authorization)
	case strings.HasPrefix(authorization, "SharedKey "):
		signed, err := http.ParseTime(r.Header.Get("X-Ms-Date"))
		if err != nil || now.Sub(signed).Abs() > 15*time.Minute || subtle.ConstantTimeCompare([]byte(authorization), []byte("SharedKey "+account+":"+s.sign(r))) != 1 {
			return http.StatusForbidden, "AuthenticationFailed"
		}
		return 0, ""
	case query.Get("sig") != "":
		return s.judgeSAS(r, now)
	}
	return http.StatusUnauthorized, "NoAuthenticationInformation"
}

func (s *storage) judgeToken(authorization string) (int, string) {
	switch {
	case authorization != "Bearer "+bearerToken:
		return http.StatusUnauthorized, "InvalidAuthenticationInfo"
	case s.unlisted:
		return http.StatusForbidden, "AuthorizationPermissionMismatch"
	}
	return 0, ""
}

// judgeSAS believes a signature first, and then asks what it allows, as Azure does.
func (s *storage) judgeSAS(r *http.Request, now time.Time) (int, string) {
	query := r.URL.Query()
	container, blob, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, s.at), "/"), "/")
	ends, err := time.Parse(time.RFC3339, query.Get("se"))
	begins, _ := time.Parse(time.RFC3339, query.Get("st"))
	good := query.Get("sig") == sigCanary && (err == nil && now.Before(ends) || query.Get("si") != "") && !now.Before(begins)
	if types := query.Get("srt"); types == "" {
		good = good && container == s.bound && (query.Get("sr") != "b" || blob == "report.pdf")
	}
	kind, permission := "c", "l"
	switch {
	case blob != "":
		kind, permission = "o", "r"
	case container == "":
		kind = "s"
	}
	stated := query.Get("sp")
	if query.Get("si") != "" {
		stated = policies[query.Get("si")]
	}
	switch {
	case !good:
		return http.StatusForbidden, "AuthenticationFailed"
	case query.Get("srt") != "" && !strings.Contains(query.Get("srt"), kind):
		return http.StatusForbidden, "AuthorizationResourceTypeMismatch"
	case !strings.Contains(stated, permission):
		return http.StatusForbidden, "AuthorizationPermissionMismatch"
	}
	return 0, ""
}

// policies are stored access policies and what they allow.
var policies = map[string]string{"lister": "l", "reader": "r", "writer": "w"}

// sign computes a request's signature as Microsoft documents it for Shared Key
// (https://learn.microsoft.com/en-us/rest/api/storageservices/authorize-with-shared-key).
func (s *storage) sign(r *http.Request) string {
	lines := []string{r.Method}
	for _, name := range []string{"Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"} {
		lines = append(lines, r.Header.Get(name))
	}
	var own []string
	for name, values := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-ms-") {
			own = append(own, lower+":"+strings.Join(values, ","))
		}
	}
	slices.Sort(own)
	lines = append(lines, own...)
	resource := "/" + account + r.URL.EscapedPath()
	var parameters []string
	for name, values := range r.URL.Query() {
		slices.Sort(values)
		parameters = append(parameters, strings.ToLower(name)+":"+strings.Join(values, ","))
	}
	slices.Sort(parameters)
	lines = append(lines, append([]string{resource}, parameters...)...)
	key, _ := base64.StdEncoding.DecodeString(s.key)
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(strings.Join(lines, "\n")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
