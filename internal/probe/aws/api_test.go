package aws_test

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/probe/aws"
)

func TestAnAccessKeyThatWorksTellsWhatTheAccountMaySend(t *testing.T) {
	r := test(t, t.Context(), serve(t, newSES()), "api_key", key())
	want := map[string]any{
		"region": region, "sending_enabled": true, "production_access": true, "enforcement_status": "HEALTHY",
		"send_quota": map[string]any{"max_24_hours": 50000.0, "sent_24_hours": 17.0, "max_per_second": 14.0},
	}
	if !r.Success || !reflect.DeepEqual(r.Details, want) {
		t.Errorf("%+v, want the details %v", r, want)
	}
	wantPhases(t, r, "connect tls operation")
}

func TestWhatTheAccountCannotDoIsSaid(t *testing.T) {
	const sender = "no-reply@mail.example.com"
	for name, c := range map[string]struct {
		change     func(*ses)
		data       members
		says       string
		verified   any
		production bool
	}{
		"everything is there":      {func(*ses) {}, key(), "may send", nil, true},
		"temporary keys":           {func(s *ses) { s.session = session }, key().with(members{"session_token": session}), "may send", nil, true},
		"sending is off":           {func(s *ses) { s.account["SendingEnabled"] = false }, key(), "switched off", nil, true},
		"the account is a sandbox": {func(s *ses) { s.account["ProductionAccessEnabled"] = false }, key(), "in the sandbox", nil, false},
		"the address is verified": {func(s *ses) { s.identities = map[string]bool{sender: true} },
			key().with(members{"from_address": sender}), "may send", true, true},
		"the address is not, but its domain": {func(s *ses) { s.identities = map[string]bool{sender: false, "mail.example.com": true} },
			key().with(members{"from_address": sender}), "may send", true, true},
		"the domain above is": {func(s *ses) { s.identities = map[string]bool{"example.com": true} },
			key().with(members{"from_address": sender}), "may send", true, true},
		"the address waits": {func(s *ses) { s.identities = map[string]bool{sender: false} },
			key().with(members{"from_address": sender}), "sender is not verified", false, true},
		"nobody knows the address": {func(*ses) {}, key().with(members{"from_address": sender}), "sender is not verified", false, true},
		"the key may not ask for identities": {func(s *ses) { s.denied = []string{"ses:GetEmailIdentity"} },
			key().with(members{"from_address": sender}), "may send", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSES()
			c.change(s)
			r := test(t, t.Context(), serve(t, s), "api_key", c.data)
			if !r.Success || !strings.Contains(r.Message, c.says) {
				t.Errorf("%+v, want %q", r, c.says)
			}
			if r.Details["from_address_verified"] != c.verified || r.Details["production_access"] != c.production {
				t.Errorf("%v, want verified %v and production %v", r.Details, c.verified, c.production)
			}
		})
	}
}

func TestAnAccessKeyThatIsRefusedIsToldWhy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ses)
		data   members
		code   strongroom.CheckCode
		says   string
	}{
		"another key": {func(*ses) {}, key().with(members{"access_key_id": "AKIAI44QH8DHBEXAMPLE"}),
			strongroom.CheckAuth, "not known to AWS; check it for a slip"},
		"another secret": {func(s *ses) { s.secret = "other" }, key(),
			strongroom.CheckAuth, "the secret access key is not this access key's"},
		"a temporary key without its token": {func(*ses) {}, key().with(members{"access_key_id": "ASIAI44QH8DHBEXAMPLE"}),
			strongroom.CheckAuth, "without its session token"},
		"another session token": {func(s *ses) { s.session = "other" }, key().with(members{"session_token": session}),
			strongroom.CheckAuth, "or the session token is not its own"},
		"a policy without GetAccount": {func(s *ses) { s.denied = []string{"ses:GetAccount"} }, key(),
			strongroom.CheckPermission, "ses:GetAccount is missing from its policy"},
		"a clock that is slow": {func(s *ses) { s.ahead = time.Hour }, key(), strongroom.CheckProtocol, "its clock is wrong"},
		"a clock that is fast": {func(s *ses) { s.ahead = -time.Hour }, key(), strongroom.CheckProtocol, "its clock is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSES()
			c.change(s)
			r := test(t, t.Context(), serve(t, s), "api_key", c.data)
			wantFailure(t, r, c.code, c.says)
			wantPhases(t, r, "connect tls operation")
			if len(s.asked) != 1 || r.Details != nil {
				t.Errorf("asked %d times, %v; want once and no details", len(s.asked), r.Details)
			}
		})
	}
}

func TestEveryErrorCodeOfAWSHasASentence(t *testing.T) {
	for code, c := range map[string]struct {
		status int
		want   strongroom.CheckCode
		says   string
	}{
		"InvalidClientTokenId":         {403, strongroom.CheckAuth, "not known"},
		"SignatureDoesNotMatch":        {403, strongroom.CheckAuth, "signature does not fit"},
		"IncompleteSignature":          {400, strongroom.CheckAuth, "cannot read the request's signature"},
		"IncompleteSignatureException": {403, strongroom.CheckAuth, "cannot read the request's signature"},
		"ExpiredToken":                 {403, strongroom.CheckAuth, "session token has expired"},
		"ExpiredTokenException":        {403, strongroom.CheckAuth, "session token has expired"},
		"RequestTimeTooSkewed":         {403, strongroom.CheckProtocol, "its clock is wrong"},
		"RequestExpired":               {400, strongroom.CheckProtocol, "its clock is wrong"},
		"AccessDenied":                 {403, strongroom.CheckPermission, "may not call SES"},
		"NotAuthorized":                {400, strongroom.CheckPermission, "may not call SES"},
		"OptInRequired":                {403, strongroom.CheckPermission, "not signed up"},
		"SubscriptionRequired":         {403, strongroom.CheckPermission, "not signed up"},
		"AccountSuspendedException":    {400, strongroom.CheckPermission, "suspended"},
		"TooManyRequestsException":     {429, strongroom.CheckProtocol, "too often"},
		"ThrottlingException":          {400, strongroom.CheckProtocol, "too often"},
		"InternalFailure":              {500, strongroom.CheckProtocol, "out of order (HTTP status 500)"},
		"ServiceUnavailable":           {503, strongroom.CheckProtocol, "out of order (HTTP status 503)"},
		"SomethingNobodyKnows":         {400, strongroom.CheckProtocol, "(HTTP status 400)"},
		secretKey:                      {400, strongroom.CheckProtocol, "(HTTP status 400)"},
	} {
		t.Run(code, func(t *testing.T) {
			var asked atomic.Int32
			o := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				refuse(w, c.status, code, secretKey)
			}))
			wantFailure(t, test(t, t.Context(), o, "api_key", key()), c.want, c.says)
			if asked.Load() != 1 {
				t.Errorf("asked %d times, want once", asked.Load())
			}
		})
	}
}

func TestAnswersThatAreNoneOfSESAreToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"a web page":               {page(http.StatusOK, "<html><body>Sign in</body></html>"), "is not Amazon SES"},
		"a web page that says no":  {page(http.StatusForbidden, "<html>Forbidden by the proxy</html>"), "(HTTP status 403)"},
		"nothing":                  {page(http.StatusOK, ""), "is not Amazon SES"},
		"an empty object":          {page(http.StatusOK, "{}"), "is not Amazon SES"},
		"an object cut off":        {page(http.StatusOK, `{"SendQuota": {"Max24HourSend": 5`), "is not Amazon SES"},
		"other types":              {page(http.StatusOK, `{"SendQuota": ["x"]}`), "is not Amazon SES"},
		"an array":                 {page(http.StatusOK, `[]`), "is not Amazon SES"},
		"deep nesting":             {page(http.StatusOK, strings.Repeat(`{"Details":`, 50000)), "is not Amazon SES"},
		"far too much":             {page(http.StatusOK, `{"SendQuota": "`+strings.Repeat("x", 4<<20)), "sent more than a test reads"},
		"far too much of an error": {page(http.StatusForbidden, strings.Repeat("x", 4<<20)), "sent more than a test reads"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				panic("the redirect was followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "(HTTP status 302)"},
		"a hang-up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "broke the connection off"},
	} {
		t.Run(name, func(t *testing.T) {
			wantFailure(t, test(t, t.Context(), serve(t, c.answer), "api_key", key()), strongroom.CheckProtocol, c.says)
		})
	}
}

func page(status int, content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, content)
	}
}

func TestAnAnswerThatNeverEndsEndsWithTheContext(t *testing.T) {
	for name, begin := range map[string]string{"no answer": "", "half an answer": `{"SendQuota": {`} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			o := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if begin != "" {
					_, _ = io.WriteString(w, begin)
					_ = http.NewResponseController(w).Flush()
				}
				<-r.Context().Done()
			}))
			wantFailure(t, test(t, ctx, o, "api_key", key()), strongroom.CheckTimeout, "did not answer in time")
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantFailure(t, test(t, ctx, serve(t, newSES()), "api_key", key()), strongroom.CheckTimeout, "given up")
}

func TestConnectionsThatFailAreToldApart(t *testing.T) {
	o := serve(t, newSES())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	for name, c := range map[string]struct {
		options aws.Options
		code    strongroom.CheckCode
		says    string
		phases  string
	}{
		"nobody vouches for the certificate": {aws.Options{Endpoint: o.Endpoint}, strongroom.CheckTLS, "a CA that is trusted", "connect tls"},
		"nobody listens":                     {aws.Options{Endpoint: "https://" + l.Addr().String()}, strongroom.CheckRefused, "refused", "connect"},
		"the address is of the inside":       {aws.Options{Endpoint: "https://127.0.0.2:1"}, strongroom.CheckBlockedAddress, "--allow-addresses", "connect"},
		"the region's name is not known":     {aws.Options{}, strongroom.CheckDNS, "check the region", "dns"},
	} {
		t.Run(name, func(t *testing.T) {
			r := test(t, t.Context(), c.options, "api_key", key())
			wantFailure(t, r, c.code, c.says)
			wantPhases(t, r, c.phases)
		})
	}
}

// TestTheEnvironmentHasNoSay runs the next test in a process that has had the settings from
// its start.
func TestTheEnvironmentHasNoSay(t *testing.T) {
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config", "credentials"} {
		if err := os.WriteFile(filepath.Join(home, ".aws", name), []byte("[default]\naws_access_key_id=AMBIENT\naws_secret_access_key=ambient\nregion=us-east-1\nendpoint_url=http://127.0.0.1:1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(os.Args[0], "-test.run=^TestARequestHoldsWhatItMustAndNoMore$", "-test.v")
	c.Env = []string{
		"HOME=" + home, "AWS_ACCESS_KEY_ID=AMBIENT", "AWS_SECRET_ACCESS_KEY=ambient", "AWS_SESSION_TOKEN=ambient", "AWS_REGION=us-east-1",
		"AWS_DEFAULT_REGION=us-east-1", "AWS_PROFILE=ambient", "AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_ENDPOINT_URL_SESV2=http://127.0.0.1:1",
		"AWS_CA_BUNDLE=/nowhere", "AWS_MAX_ATTEMPTS=9", "AWS_RETRY_MODE=adaptive", "AWS_NEW_RETRIES_2026=true", "AWS_USE_FIPS_ENDPOINT=true",
		"AWS_USE_DUALSTACK_ENDPOINT=true", "AWS_EXECUTION_ENV=ambient", "AWS_LAMBDA_FUNCTION_NAME=ambient", "_X_AMZN_TRACE_ID=ambient",
		"AWS_SDK_UA_APP_ID=ambient", "AWS_ENABLE_DEFAULT_SOCKET_TIMEOUT_2026=true", "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:1",
		"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "ALL_PROXY=http://127.0.0.1:1",
	}
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestARequestHoldsWhatItMustAndNoMore(t *testing.T) {
	s := newSES()
	if r := test(t, t.Context(), serve(t, s), "api_key", key()); !r.Success || len(s.asked) != 1 {
		t.Fatalf("%+v after %d requests", r, len(s.asked))
	}
	header := s.asked[0].Header
	want := []string{"Accept-Encoding", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "Authorization", "User-Agent", "X-Amz-Date"}
	if got := slices.Sorted(maps.Keys(header)); !slices.Equal(got, want) {
		t.Errorf("the headers are %v, want %v", got, want)
	}
	if agent := header.Get("User-Agent"); !strings.HasPrefix(agent, "Go-http-client/") {
		t.Errorf("the client calls itself %q", agent)
	}
	if attempt := header.Get("Amz-Sdk-Request"); strings.Contains(attempt, "max=9") {
		t.Errorf("it may be tried again: %q", attempt)
	}
	// The process must not have changed its mind about where SES is.
	wantFailure(t, test(t, t.Context(), aws.Options{}, "api_key", key()), strongroom.CheckDNS, region)
}
