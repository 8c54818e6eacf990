package azure_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/probe/azure"
)

const ends = "2999-01-01T00:00:00Z"

func TestAnAccountKeyThatWorksLists(t *testing.T) {
	for name, c := range map[string]struct {
		typ   strongroom.CredentialType
		data  members
		says  string
		asked string
		want  map[string]any
	}{
		"a container": {"api_key", byKey().with(members{"container": "documents"}), "listed the container's blobs",
			"GET /documents", map[string]any{"account": account, "container": "documents", "can_list": true}},
		"the account": {"api_key", byKey(), "listed the account's containers",
			"GET /", map[string]any{"account": account, "can_list": true}},
		"a container to receive from": {"azure_blob_receive", byKey().with(members{"container": "documents", "prefix": "in/ü x&y"}), "listed the container's blobs",
			"GET /documents", map[string]any{"account": account, "container": "documents", "can_list": true}},
		"by a connection string": {"api_key", members{"connection_string": "DefaultEndpointsProtocol=https;AccountName=" + account + ";AccountKey=" + accountKey + ";EndpointSuffix=core.windows.net;", "container": "documents"},
			"listed the container's blobs", "GET /documents", map[string]any{"account": account, "container": "documents", "can_list": true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStorage()
			r := test(t, t.Context(), lead(t, s), c.typ, c.data)
			wantSuccess(t, r, c.says, c.want)
			wantPhases(t, r, "connect tls operation")
			if s.paths() != c.asked || s.asked[0].URL.Query().Get("maxresults") != "1" {
				t.Errorf("asked %s with %s, want %s for one", s.paths(), s.asked[0].URL.RawQuery, c.asked)
			}
			if host := s.asked[0].Host; host != account+".blob.core.windows.net" {
				t.Errorf("asked the host %s", host)
			}
			if prefix, _ := c.data["prefix"].(string); s.asked[0].URL.Query().Get("prefix") != prefix {
				t.Errorf("asked with %s, want the prefix %q", s.asked[0].URL.RawQuery, prefix)
			}
		})
	}
}

func TestAccountsUnderTheirOwnAddressAreReached(t *testing.T) {
	for name, path := range map[string]string{"of its own host": "", "as a path, as emulators do": "/" + account} {
		t.Run(name, func(t *testing.T) {
			s := newStorage()
			s.at = path
			server, roots := serve(t, s)
			plain := httptest.NewServer(s)
			t.Cleanup(plain.Close)
			o := azure.Options{RootCAs: roots}
			if path != "" {
				for _, address := range []string{server.URL, plain.URL} {
					data := members{"connection_string": "BlobEndpoint=" + address + path + "/;AccountName=" + account + ";AccountKey=" + accountKey, "container": "documents"}
					r := test(t, t.Context(), o, "api_key", data)
					wantSuccess(t, r, "listed", map[string]any{"account": account, "container": "documents", "can_list": true})
				}
				r := test(t, t.Context(), o, "api_key", members{"sas_url": server.URL + path + "/documents?" + sas(ofContainer)})
				wantSuccess(t, r, "listed", map[string]any{"account": account, "container": "documents", "sas_expires_at": ends, "can_list": true})
				return
			}
			o.Address = server.Listener.Addr().String()
			r := test(t, t.Context(), o, "api_key", members{"connection_string": "BlobEndpoint=https://files.example.com;SharedAccessSignature=" + sas(ofAccount), "container": "documents"})
			wantSuccess(t, r, "listed", map[string]any{"container": "documents", "sas_expires_at": ends, "can_list": true})
		})
	}
}

func TestASignatureIsTriedWithWhatItMayDo(t *testing.T) {
	const host = "https://" + account + ".blob.core.windows.net"
	const listed, read, accepted = "listed the container's blobs", "may read blobs", "was accepted"
	in := members{"container": "documents"}
	for name, c := range map[string]struct {
		typ   strongroom.CredentialType
		data  members
		says  string
		asked string
	}{
		"of a container":                        {"api_key", bySAS(sas(ofContainer)).with(in), listed, "GET /documents"},
		"with its question mark":                {"api_key", bySAS("?" + sas(ofContainer)).with(in), listed, "GET /documents"},
		"in a URL":                              {"api_key", members{"sas_url": host + "/documents?" + sas(ofContainer)}, listed, "GET /documents"},
		"in a URL, both naming it":              {"api_key", members{"sas_url": host + "/documents?" + sas(ofContainer)}.with(in), listed, "GET /documents"},
		"in a URL that was to list":             {"api_key", members{"sas_url": host + "/documents?restype=container&comp=list&maxresults=9&" + sas(ofContainer)}, listed, "GET /documents"},
		"in a URL of the account":               {"api_key", members{"sas_url": host + "/?" + sas(ofAccount)}.with(in), listed, "GET /documents"},
		"in a connection string":                {"api_key", members{"connection_string": "BlobEndpoint=" + host + "/;SharedAccessSignature=" + sas(ofAccount)}.with(in), listed, "GET /documents"},
		"that may list alone":                   {"api_key", bySAS(sas("sr=c&sp=l")).with(in), listed, "GET /documents"},
		"that may read alone":                   {"api_key", bySAS(sas("sr=c&sp=r")).with(in), read, "HEAD /documents/strongroom-connection-test"},
		"that may write alone":                  {"api_key", bySAS(sas("sr=c&sp=cw")).with(in), accepted, "GET /documents"},
		"of a blob, in a URL":                   {"api_key", members{"sas_url": host + "/documents/report.pdf?" + sas("sr=b&sp=r")}, read, "HEAD /documents/report.pdf"},
		"of a blob that may be written":         {"api_key", members{"sas_url": host + "/documents/report.pdf?" + sas("sr=b&sp=w")}, accepted, "HEAD /documents/report.pdf"},
		"of the account, for objects":           {"api_key", bySAS(sas("ss=b&srt=o&sp=rl")).with(in), read, "HEAD /documents/strongroom-connection-test"},
		"of the account, for services":          {"api_key", bySAS(sas("ss=b&srt=s&sp=rl")).with(in), accepted, "GET /documents"},
		"by a policy that lists":                {"api_key", bySAS(sas("sr=c&si=lister")).with(in), listed, "GET /documents"},
		"by a policy that reads":                {"api_key", bySAS(sas("sr=c&si=reader")).with(in), read, "GET /documents, HEAD /documents/strongroom-connection-test"},
		"by a policy that writes":               {"api_key", bySAS(sas("sr=c&si=writer")).with(in), accepted, "GET /documents, HEAD /documents/strongroom-connection-test"},
		"to receive with":                       {"azure_blob_receive", bySAS(sas(ofContainer)).with(in), listed, "GET /documents"},
		"of the account, no container":          {"api_key", bySAS(sas(ofAccount)), "listed the account's containers", "GET /"},
		"of containers, but which is not named": {"api_key", bySAS(sas("ss=b&srt=co&sp=rl")), accepted, "GET /"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStorage()
			r := test(t, t.Context(), lead(t, s), c.typ, c.data)
			want := map[string]any{"account": account, "container": "documents", "sas_expires_at": ends, "can_list": strings.Contains(c.says, "listed")}
			if c.asked == "GET /" {
				delete(want, "container")
			}
			wantSuccess(t, r, c.says, want)
			if s.paths() != c.asked {
				t.Errorf("asked %s, want %s", s.paths(), c.asked)
			}
		})
	}
}

func TestWhatAzureDoesNotBelieveIsToldWhy(t *testing.T) {
	in := members{"container": "documents"}
	other := strings.Replace(sas(ofContainer), url.QueryEscape(sigCanary), "other", 1)
	for name, c := range map[string]struct {
		change func(*storage)
		typ    strongroom.CredentialType
		data   members
		code   strongroom.CheckCode
		says   string
	}{
		"another key":                                        {func(s *storage) { s.key = "b3RoZXI=" }, "api_key", byKey(), strongroom.CheckAuth, "account key is not this storage account's"},
		"a clock that is fast":                               {func(s *storage) { s.behind = time.Hour }, "api_key", byKey(), strongroom.CheckProtocol, "its clock is wrong"},
		"a clock that is slow":                               {func(s *storage) { s.behind = -time.Hour }, "api_key", byKey(), strongroom.CheckProtocol, "its clock is wrong"},
		"another signature":                                  {func(*storage) {}, "api_key", bySAS(other).with(in), strongroom.CheckAuth, "does not fit"},
		"another container's":                                {func(s *storage) { s.bound = "pictures" }, "api_key", bySAS(sas(ofContainer)).with(in), strongroom.CheckAuth, "does not fit"},
		"a signature that ended":                             {func(*storage) {}, "api_key", bySAS("sv=2024-11-04&sr=c&sp=rl&se=2020-01-01T00:00:00Z&sig=" + url.QueryEscape(sigCanary)).with(in), strongroom.CheckAuth, "has expired on 2020-01-01T00:00:00Z"},
		"a signature that waits":                             {func(*storage) {}, "api_key", bySAS(sas(ofContainer + "&st=2998-01-01T00:00:00Z")).with(in), strongroom.CheckAuth, "good from 2998-01-01T00:00:00Z"},
		"a container that is not":                            {func(*storage) {}, "api_key", byKey().with(members{"container": "pictures"}), strongroom.CheckProtocol, "container does not exist"},
		"a container that a reading signature is for":        {func(s *storage) { s.bound = "pictures" }, "api_key", bySAS(sas("sr=c&sp=r")).with(members{"container": "pictures"}), strongroom.CheckProtocol, "container does not exist"},
		"a blob that is not":                                 {func(*storage) {}, "api_key", members{"sas_url": "https://" + account + ".blob.core.windows.net/documents/other.pdf?" + sas("ss=b&srt=o&sp=r")}, strongroom.CheckProtocol, "blob that the SAS URL names does not exist"},
		"a policy that does not list what is to be received": {func(*storage) {}, "azure_blob_receive", bySAS(sas("sr=c&si=reader")).with(in), strongroom.CheckPermission, "which receiving needs"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStorage()
			c.change(s)
			r := test(t, t.Context(), lead(t, s), c.typ, c.data)
			wantFailure(t, r, c.code, c.says)
			wantPhases(t, r, "connect tls operation")
			if len(s.asked) != 1 {
				t.Errorf("asked %s, want one request", s.paths())
			}
		})
	}
}

func TestEveryErrorCodeOfAzureHasASentence(t *testing.T) {
	for code, c := range map[string]struct {
		status int
		want   strongroom.CheckCode
		says   string
	}{
		"AuthorizationFailure":               {403, strongroom.CheckPermission, "firewall"},
		"AuthorizationPermissionMismatch":    {403, strongroom.CheckPermission, "may not list"},
		"AuthorizationProtocolMismatch":      {403, strongroom.CheckPermission, "HTTPS"},
		"AuthorizationServiceMismatch":       {403, strongroom.CheckPermission, "not for blobs"},
		"AuthorizationSourceIPMismatch":      {403, strongroom.CheckPermission, "other addresses"},
		"AuthorizationResourceTypeMismatch":  {403, strongroom.CheckPermission, "resource type Container"},
		"AccountIsDisabled":                  {403, strongroom.CheckPermission, "disabled"},
		"InsufficientAccountPermissions":     {403, strongroom.CheckPermission, "may only be read"},
		"KeyBasedAuthenticationNotPermitted": {403, strongroom.CheckPermission, "takes no account keys"},
		"InvalidAuthenticationInfo":          {400, strongroom.CheckAuth, "account key"},
		"NoAuthenticationInformation":        {401, strongroom.CheckAuth, "account key"},
		"ContainerBeingDeleted":              {409, strongroom.CheckProtocol, "being deleted"},
		"ContainerDisabled":                  {409, strongroom.CheckProtocol, "disabled"},
		"ResourceNotFound":                   {404, strongroom.CheckProtocol, "does not exist"},
		"InvalidQueryParameterValue":         {400, strongroom.CheckAuth, "cannot read the shared access signature"},
		"InvalidHeaderValue":                 {400, strongroom.CheckProtocol, "version"},
		"ServerBusy":                         {503, strongroom.CheckProtocol, "try again later"},
		"InternalError":                      {500, strongroom.CheckProtocol, "try again later"},
		"OperationTimedOut":                  {500, strongroom.CheckTimeout, "in time"},
		"TooManyRequests":                    {429, strongroom.CheckProtocol, "try again later"},
		"SomethingNobodyKnows":               {400, strongroom.CheckProtocol, "(HTTP status 400)"},
		"SomethingNobodyKnowsEither":         {502, strongroom.CheckProtocol, "(HTTP status 502)"},
		sigCanary:                            {400, strongroom.CheckProtocol, "(HTTP status 400)"},
	} {
		t.Run(code, func(t *testing.T) {
			s := newStorage()
			s.refusal, s.status = code, c.status
			wantFailure(t, test(t, t.Context(), lead(t, s), "api_key", byKey()), c.want, c.says)
			if len(s.asked) != 1 {
				t.Errorf("asked %s, want one request", s.paths())
			}
		})
	}
}

func page(status int, content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, content)
	}
}

func TestAnswersThatAreNoneOfAzureAreToldApart(t *testing.T) {
	const start = `<?xml version="1.0"?><EnumerationResults ServiceEndpoint="https://x/"><Containers>`
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"a web page":               {page(http.StatusOK, "<html><body>Sign in</body></html>"), "did not answer as Azure"},
		"a web page that says no":  {page(http.StatusForbidden, "<html>Forbidden by the proxy</html>"), "(HTTP status 403)"},
		"a page that is not":       {page(http.StatusNotFound, "<html>Not found</html>"), "(HTTP status 404)"},
		"nothing":                  {page(http.StatusOK, ""), "did not answer as Azure"},
		"XML cut off":              {page(http.StatusOK, start+"<Container><Name>x"), "did not answer as Azure"},
		"JSON":                     {page(http.StatusOK, `{"value": []}`), "did not answer as Azure"},
		"deep nesting":             {page(http.StatusOK, start+strings.Repeat("<Container>", 50000)), "did not answer as Azure"},
		"far too much":             {page(http.StatusOK, start+strings.Repeat("<!-- x -->", 400<<10)), "sent more than a test reads"},
		"far too much of an error": {page(http.StatusForbidden, strings.Repeat("x", 4<<20)), "sent more than a test reads"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("the redirect was followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "redirects to another address (HTTP status 302)"},
		"a hang-up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "broke the connection off"},
	} {
		t.Run(name, func(t *testing.T) {
			o := lead(t, c.answer)
			wantFailure(t, test(t, t.Context(), o, "api_key", byKey()), strongroom.CheckProtocol, c.says)
			// The same, where a blob is looked at.
			r := test(t, t.Context(), o, "api_key", members{"sas_url": "https://" + account + ".blob.core.windows.net/documents/report.pdf?" + sas("sr=b&sp=r")})
			if r.Success {
				t.Errorf("%+v passes for Azure", r)
			}
		})
	}
}

func TestAnAnswerThatNeverEndsEndsWithTheContext(t *testing.T) {
	for name, begin := range map[string]string{"no answer": "", "half an answer": "<?xml"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			o := lead(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if begin != "" {
					_, _ = io.WriteString(w, begin)
					_ = http.NewResponseController(w).Flush()
				}
				<-r.Context().Done()
			}))
			wantFailure(t, test(t, ctx, o, "api_key", byKey()), strongroom.CheckTimeout, "did not answer in time")
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantFailure(t, test(t, ctx, lead(t, newStorage()), "api_key", byKey()), strongroom.CheckTimeout, "given up")
}

func TestConnectionsThatFailAreToldApart(t *testing.T) {
	server, _ := serve(t, newStorage())
	at := func(address string) members {
		return members{"connection_string": "BlobEndpoint=" + address + "/" + account + ";AccountName=" + account + ";AccountKey=" + accountKey}
	}
	for name, c := range map[string]struct {
		data   members
		code   strongroom.CheckCode
		says   string
		phases string
	}{
		"an account that is not":             {byKey(), strongroom.CheckDNS, "there is no account of this name", "dns"},
		"nobody vouches for the certificate": {at(server.URL), strongroom.CheckTLS, "a CA that is trusted", "connect tls"},
		"the address is of the inside":       {at("https://127.0.0.2:1"), strongroom.CheckBlockedAddress, "--allow-addresses", "connect"},
		"and so is this machine over HTTP":   {at("http://[::1]:1"), strongroom.CheckBlockedAddress, "--allow-addresses", "connect"},
	} {
		t.Run(name, func(t *testing.T) {
			r := test(t, t.Context(), azure.Options{}, "api_key", c.data)
			wantFailure(t, r, c.code, c.says)
			wantPhases(t, r, c.phases)
		})
	}
}
