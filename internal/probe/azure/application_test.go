package azure_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/probe/azure"
)

// authority signs one application in, as Microsoft Entra does.
type authority struct {
	asked atomic.Int32
	// token is what it gives out.
	token string
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.asked.Add(1)
	w.Header().Set("Content-Type", "application/json")
	code, failed := 0, "invalid_request"
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/"+tenant+"/oauth2/v2.0/token":
		code = 90002
	case r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != "https://storage.azure.com/.default":
		code, failed = 70011, "invalid_scope"
	case r.PostFormValue("client_id") != clientID:
		code, failed = 700016, "unauthorized_client"
	case r.PostFormValue("client_secret") != clientSecret:
		code, failed = 7000215, "invalid_client"
	}
	if code != 0 {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(members{
			"error": failed, "error_codes": []int{code}, "error_description": fmt.Sprintf("AADSTS%d: %s", code, r.PostFormValue("client_secret")),
		})
		return
	}
	_ = json.NewEncoder(w).Encode(members{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": a.token})
}

// both starts an authority and a storage account.
func both(t *testing.T, signIn, blobs http.Handler) azure.Options {
	t.Helper()
	one, roots := serve(t, signIn)
	two, _ := serve(t, blobs)
	return azure.Options{Authority: one.URL, Address: two.Listener.Addr().String(), RootCAs: trust(roots, two.Certificate())}
}

func trust(roots *x509.CertPool, c *x509.Certificate) *x509.CertPool {
	roots.AddCert(c)
	return roots
}

func TestAnApplicationSignsInAndLists(t *testing.T) {
	for name, c := range map[string]struct {
		typ  strongroom.CredentialType
		data members
		says string
		want map[string]any
	}{
		"a container": {"client_credentials", byApplication().with(members{"container": "documents"}), "listed the container's blobs",
			map[string]any{"account": account, "container": "documents", "can_list": true}},
		"the account": {"client_credentials", byApplication(), "listed the account's containers", map[string]any{"account": account, "can_list": true}},
		"a container to receive from": {"azure_blob_receive", byApplication().with(members{"container": "documents", "prefix": "in/"}), "listed the container's blobs",
			map[string]any{"account": account, "container": "documents", "can_list": true}},
	} {
		t.Run(name, func(t *testing.T) {
			a, s := &authority{token: bearerToken}, newStorage()
			r := test(t, t.Context(), both(t, a, s), c.typ, c.data)
			wantSuccess(t, r, c.says, c.want)
			wantPhases(t, r, "connect tls login operation")
			if a.asked.Load() != 1 || len(s.asked) != 1 {
				t.Errorf("asked for %d tokens and %s, want one of each", a.asked.Load(), s.paths())
			}
		})
	}
}

func TestAnApplicationThatIsRefusedIsToldWhy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*authority, *storage)
		data   members
		code   strongroom.CheckCode
		says   string
		phases string
		asked  int
	}{
		"another secret":      {func(*authority, *storage) {}, byApplication().with(members{"client_secret": "wrong-one"}), strongroom.CheckAuth, "client secret is wrong", "connect tls login", 0},
		"another application": {func(*authority, *storage) {}, byApplication().with(members{"client_id": "x"}), strongroom.CheckAuth, "does not know the application in this tenant", "connect tls login", 0},
		"another tenant":      {func(*authority, *storage) {}, byApplication().with(members{"tenant_id": "contoso.example"}), strongroom.CheckAuth, "does not know the tenant", "connect tls login", 0},
		// The storage account's answer names another resource, which no token is asked for.
		"a token of another directory": {func(a *authority, _ *storage) { a.token = "other" }, byApplication(), strongroom.CheckAuth, "does not take the application's token", "connect tls login operation", 1},
		"no role":                      {func(_ *authority, s *storage) { s.unlisted = true }, byApplication(), strongroom.CheckPermission, "Storage Blob Data Reader", "connect tls login operation", 1},
	} {
		t.Run(name, func(t *testing.T) {
			a, s := &authority{token: bearerToken}, newStorage()
			c.change(a, s)
			r := test(t, t.Context(), both(t, a, s), "client_credentials", c.data)
			wantFailure(t, r, c.code, c.says)
			wantPhases(t, r, c.phases)
			if a.asked.Load() != 1 || len(s.asked) != c.asked {
				t.Errorf("asked for %d tokens and %q, want one and %d requests", a.asked.Load(), s.paths(), c.asked)
			}
		})
	}
}

// TestAChallengeLeadsNowhere: the challenge's addresses are the server's own choice. One of
// this form would end the library's own reader of it.
func TestAChallengeLeadsNowhere(t *testing.T) {
	a := &authority{token: bearerToken}
	o := both(t, a, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="https://x" resource_id="https://graph.example.com"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	wantFailure(t, test(t, t.Context(), o, "client_credentials", byApplication()), strongroom.CheckProtocol, "(HTTP status 401)")
	if a.asked.Load() != 1 {
		t.Errorf("asked for %d tokens, want one", a.asked.Load())
	}
}

func TestAnAuthorityThatGivesNoTokenIsToldApart(t *testing.T) {
	refuses := func(status int, content string) http.HandlerFunc { return page(status, content) }
	for name, c := range map[string]struct {
		answer http.Handler
		code   strongroom.CheckCode
		says   string
	}{
		"the secret has expired":              {refuses(401, `{"error":"invalid_client","error_codes":[7000222]}`), strongroom.CheckAuth, "has expired"},
		"the tenant's form is wrong":          {refuses(400, `{"error":"invalid_request","error_codes":[900023]}`), strongroom.CheckAuth, "must be its UUID or one of its domains"},
		"there is no principal":               {refuses(400, `{"error":"invalid_client","error_codes":[7000229]}`), strongroom.CheckAuth, "no service principal"},
		"the application is off":              {refuses(400, `{"error":"unauthorized_client","error_codes":[7000112]}`), strongroom.CheckAuth, "is disabled"},
		"a policy blocks it":                  {refuses(400, `{"error":"access_denied","error_codes":[53003]}`), strongroom.CheckPermission, "Conditional Access"},
		"a code that is not known":            {refuses(400, `{"error":"invalid_client","error_codes":[7000299]}`), strongroom.CheckAuth, "(AADSTS7000299)"},
		"a code of another sort":              {refuses(400, `{"error":"invalid_client","error_codes":["`+clientSecret+`"]}`), strongroom.CheckAuth, "refused the application;"},
		"no code":                             {refuses(401, `{"error":"invalid_client"}`), strongroom.CheckAuth, "refused the application;"},
		"the scope is not of it":              {refuses(400, `{"error":"invalid_scope","error_codes":[70011]}`), strongroom.CheckProtocol, "(AADSTS70011)"},
		"it is asked too often":               {refuses(429, `{}`), strongroom.CheckProtocol, "too often"},
		"it is out of order":                  {refuses(503, `<html>`), strongroom.CheckProtocol, "(HTTP status 503)"},
		"a web page":                          {refuses(200, `<html><body>Sign in</body></html>`), strongroom.CheckProtocol, "not Microsoft Entra"},
		"a web page that says no":             {refuses(403, `<html>`), strongroom.CheckProtocol, "not Microsoft Entra"},
		"nothing":                             {refuses(200, ""), strongroom.CheckProtocol, "not Microsoft Entra"},
		"an object cut off":                   {refuses(200, `{"token_type":"Bearer","access_token":"`), strongroom.CheckProtocol, "not Microsoft Entra"},
		"no token":                            {refuses(200, `{"token_type":"Bearer"}`), strongroom.CheckProtocol, "not Microsoft Entra"},
		"a token of another sort":             {refuses(200, `{"token_type":"mac","access_token":"x"}`), strongroom.CheckProtocol, "not Microsoft Entra"},
		"a token with a line break":           {refuses(200, `{"token_type":"Bearer","access_token":"x\r\ny"}`), strongroom.CheckProtocol, "not Microsoft Entra"},
		"far too much":                        {refuses(200, strings.Repeat(" ", 4<<20)), strongroom.CheckProtocol, "sent more than a test reads"},
		"a redirect, to where no secret goes": {http.RedirectHandler("https://example.com/", http.StatusTemporaryRedirect), strongroom.CheckProtocol, "not Microsoft Entra"},
		"a hang-up":                           {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), strongroom.CheckProtocol, "Microsoft Entra broke the connection off"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStorage()
			r := test(t, t.Context(), both(t, c.answer, s), "client_credentials", byApplication())
			wantFailure(t, r, c.code, c.says)
			wantPhases(t, r, "connect tls login")
			if len(s.asked) != 0 {
				t.Errorf("asked %s without a token", s.paths())
			}
		})
	}
}

func TestASilentAuthorityEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	silent := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	wantFailure(t, test(t, ctx, both(t, silent, newStorage()), "client_credentials", byApplication()), strongroom.CheckTimeout, "Microsoft Entra did not answer in time")
}

// TestTheEnvironmentHasNoSay runs the next test in a process that has had the settings from
// its start.
func TestTheEnvironmentHasNoSay(t *testing.T) {
	c := exec.Command(os.Args[0], "-test.run=^TestRequestsHoldWhatTheyMustAndNoMore$", "-test.v")
	c.Env = []string{
		"HOME=" + t.TempDir(), "AZURE_TENANT_ID=ambient", "AZURE_CLIENT_ID=ambient", "AZURE_CLIENT_SECRET=ambient", "AZURE_USERNAME=ambient",
		"AZURE_PASSWORD=ambient", "AZURE_AUTHORITY_HOST=https://127.0.0.1:1", "AZURE_REGIONAL_AUTHORITY_NAME=TryAutoDetect", "REGION_NAME=ambient",
		"MSAL_FORCE_REGION=ambient", "AZURE_SDK_GO_LOGGING=all", "AZURE_FEDERATED_TOKEN_FILE=/nowhere", "AZURE_TOKEN_CREDENTIALS=prod",
		"AZURE_ADDITIONALLY_ALLOWED_TENANTS=*", "AZURE_STORAGE_ACCOUNT_NAME=ambient", "AZURE_STORAGE_ACCOUNT_KEY=ambient",
		"AZURE_STORAGE_ACCOUNT=ambient", "AZURE_STORAGE_KEY=ambient", "AZURE_STORAGE_SAS_TOKEN=ambient", "AZURE_STORAGE_CONNECTION_STRING=ambient",
		"AZURE_STORAGE_DISABLE_EXPECT_CONTINUE_HEADER=true", "IDENTITY_ENDPOINT=http://127.0.0.1:1", "IDENTITY_HEADER=ambient",
		"MSI_ENDPOINT=http://127.0.0.1:1", "OS=ambient",
		"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "ALL_PROXY=http://127.0.0.1:1",
	}
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "blob.core.windows.net") {
		t.Errorf("the library logs what it does:\n%s", out)
	}
}

func TestRequestsHoldWhatTheyMustAndNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		data members
		want []string
	}{
		"an account key": {byKey(), []string{"Accept", "Accept-Encoding", "Authorization", "User-Agent", "X-Ms-Date", "X-Ms-Version"}},
		"a signature":    {bySAS(sas(ofAccount)), []string{"Accept", "Accept-Encoding", "User-Agent", "X-Ms-Version"}},
		"an application": {byApplication(), []string{"Accept", "Accept-Encoding", "Authorization", "User-Agent", "X-Ms-Version"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStorage()
			if r := test(t, t.Context(), both(t, &authority{token: bearerToken}, s), "api_key", c.data); !r.Success || len(s.asked) != 1 {
				t.Fatalf("%+v after %s", r, s.paths())
			}
			header := s.asked[0].Header
			if got := slices.Sorted(maps.Keys(header)); !slices.Equal(got, c.want) {
				t.Errorf("the headers are %v, want %v", got, c.want)
			}
			if agent := header.Get("User-Agent"); !strings.HasPrefix(agent, "Go-http-client/") {
				t.Errorf("the client calls itself %q", agent)
			}
		})
	}
}
