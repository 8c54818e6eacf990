package azure_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/probe/azure"
	"strongroom/secret"
)

func TestDataThatCannotWorkIsSaidWithoutConnecting(t *testing.T) {
	const host = "https://" + account + ".blob.core.windows.net"
	in := members{"container": "documents"}
	text := func(s string) members { return members{"connection_string": s} }
	for name, c := range map[string]struct {
		typ  strongroom.CredentialType
		data any
		code strongroom.CheckCode
		says string
	}{
		"no object":                         {"api_key", []string{accountKey}, strongroom.CheckProtocol, "does not fit the definition"},
		"no form":                           {"api_key", in, strongroom.CheckProtocol, "does not fit the definition"},
		"a number for a key":                {"api_key", members{"account_key": 7}, strongroom.CheckProtocol, "does not fit the definition"},
		"no account":                        {"api_key", members{"account_key": accountKey}, strongroom.CheckProtocol, "storage account's name"},
		"an account of another host":        {"api_key", members{"account_key": accountKey, "account_name": "evil.example.com/"}, strongroom.CheckProtocol, "storage account's name"},
		"a suffix with a port and a path":   {"api_key", byKey().with(members{"endpoint_suffix": "x:y/z"}), strongroom.CheckProtocol, "address cannot be read"},
		"a container's name that is none":   {"api_key", byKey().with(members{"container": "../" + sigCanary}), strongroom.CheckProtocol, "container's name"},
		"a key that is not base64":          {"api_key", byKey().with(members{"account_key": "canarySecret~8Q.abcdefgh"}), strongroom.CheckAuth, "not base64"},
		"a tenant that is a path":           {"client_credentials", byApplication().with(members{"tenant_id": "../x"}), strongroom.CheckAuth, "tenant_id must be"},
		"a signature without sig":           {"api_key", bySAS("sv=2024-11-04&sp=r").with(in), strongroom.CheckAuth, "signature cannot be read"},
		"a signature that is no query":      {"api_key", bySAS("sig=%zz").with(in), strongroom.CheckAuth, "signature cannot be read"},
		"a container's, which is not named": {"api_key", bySAS(sas(ofContainer)), strongroom.CheckProtocol, "none is named"},
		"a blob's, which is not named":      {"api_key", bySAS(sas("sr=b&sp=r")).with(in), strongroom.CheckProtocol, "store the whole SAS URL"},
		"a signature for queues":            {"api_key", bySAS(sas("ss=q&srt=sco&sp=rl")).with(in), strongroom.CheckPermission, "not for blobs"},
		"a URL of another container":        {"api_key", members{"sas_url": host + "/pictures?" + sas(ofContainer)}.with(in), strongroom.CheckProtocol, "of another container"},
		"a URL of no container":             {"api_key", members{"sas_url": host + "/No!?" + sas(ofContainer)}, strongroom.CheckProtocol, "container's name"},
		"a URL with a user":                 {"api_key", members{"sas_url": "https://" + clientSecret + "@x.example/?" + sas(ofAccount)}, strongroom.CheckProtocol, "address cannot be read"},
		"a URL of another scheme":           {"api_key", members{"sas_url": "ftp://x.example/?" + sas(ofAccount)}, strongroom.CheckProtocol, "address cannot be read"},
		"no connection string":              {"api_key", text(sigCanary[:5]), strongroom.CheckProtocol, "connection string cannot be read"},
		"a string without a secret":         {"api_key", text("AccountName=" + account), strongroom.CheckAuth, "signature cannot be read"},
		"a string without an account":       {"api_key", text("AccountKey=" + accountKey), strongroom.CheckProtocol, "storage account's name"},
		"a string whose host hides it":      {"api_key", text("BlobEndpoint=https://files.example.com;AccountKey=" + accountKey), strongroom.CheckProtocol, "storage account's name"},
		"a string with a container":         {"api_key", text("BlobEndpoint=" + host + "/documents;AccountName=" + account + ";AccountKey=" + accountKey), strongroom.CheckProtocol, "address cannot be read"},
		"a string for the emulator":         {"api_key", text("UseDevelopmentStorage=true"), strongroom.CheckBlockedAddress, "BlobEndpoint"},
		"receiving without reading":         {"azure_blob_receive", bySAS(sas("sr=c&sp=l")).with(in), strongroom.CheckPermission, "Read and List"},
		"receiving without listing":         {"azure_blob_receive", bySAS(sas("sr=c&sp=r")).with(in), strongroom.CheckPermission, "Read and List"},
		"receiving from one blob":           {"azure_blob_receive", members{"sas_url": host + "/documents/report.pdf?" + sas("sr=b&sp=rl")}.with(in), strongroom.CheckPermission, "Read and List"},
	} {
		t.Run(name, func(t *testing.T) {
			r := test(t, t.Context(), azure.Options{}, c.typ, c.data)
			wantFailure(t, r, c.code, c.says)
			wantPhases(t, r, "")
		})
	}
}

// TestNoSecretGoesOverPlainHTTP: even where the address were let through, nothing is sent.
func TestNoSecretGoesOverPlainHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) }))
	t.Cleanup(s.Close)
	o := azure.Options{Address: s.Listener.Addr().String()}
	for name, data := range map[string]members{
		"in a SAS URL":                  {"sas_url": "http://" + account + ".blob.core.windows.net/documents?" + sas(ofContainer)},
		"by a connection string":        {"connection_string": "DefaultEndpointsProtocol=http;AccountName=" + account + ";AccountKey=" + accountKey},
		"by its endpoint":               {"connection_string": "BlobEndpoint=http://files.example.com;AccountName=" + account + ";AccountKey=" + accountKey},
		"to an address of no name":      {"connection_string": "BlobEndpoint=http://192.0.2.7/" + account + ";AccountName=" + account + ";AccountKey=" + accountKey},
		"to a name like this machine's": {"connection_string": "BlobEndpoint=http://localhost.example.com/;AccountName=" + account + ";AccountKey=" + accountKey},
	} {
		t.Run(name, func(t *testing.T) {
			r := test(t, t.Context(), o, "api_key", data)
			wantFailure(t, r, strongroom.CheckTLS, "plain HTTP")
			wantPhases(t, r, "")
		})
	}
}

// FuzzData: no JSON makes a test panic or shows a secret. The context has ended, so that
// nothing is connected to.
func FuzzData(f *testing.F) {
	for _, m := range []members{
		byKey(), byApplication(), bySAS(sas(ofContainer)).with(members{"container": "documents"}), bySAS("?" + sas(ofAccount)),
		{"sas_url": "https://" + account + ".blob.core.windows.net/documents/a%2Fb/..?" + sas("sr=b&sp=r")},
		{"sas_url": "http://[::1]:10000/devstoreaccount1/$root?" + sas("sr=c&sp=r")},
		{"connection_string": "BlobEndpoint=http://localhost:10000/devstoreaccount1;AccountName=devstoreaccount1;AccountKey=" + accountKey, "container": "$web"},
		{"connection_string": "BlobEndpoint=https://x.example;SharedAccessSignature=" + sas(ofAccount)},
	} {
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		for _, typ := range []string{"api_key", "client_credentials", "azure_blob_receive"} {
			f.Add(typ, b)
		}
	}
	f.Add("api_key", []byte(`null`))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	prober := azure.New(local(), time.Now, azure.Options{})
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		r := prober.Blob(ctx, strongroom.CredentialType(typ), secret.New(data))
		shown, err := json.Marshal(r)
		if err != nil || r.Success || r.Code == "" || r.Message == "" {
			t.Fatalf("%+v, %v", r, err)
		}
		for _, s := range secretsOf(data) {
			if strings.Contains(string(shown), s) {
				t.Errorf("the result holds the secret: %s", shown)
			}
		}
	})
}

// secretsOf returns what of the data is secret, long enough not to stand in a sentence by
// chance, and not in the data a second time as something that is shown.
func secretsOf(data []byte) []string {
	var d struct {
		Key    string `json:"account_key"`
		Token  string `json:"sas_token"`
		URL    string `json:"sas_url"`
		String string `json:"connection_string"`
		Secret string `json:"client_secret"`
	}
	if json.Unmarshal(data, &d) != nil {
		return nil
	}
	found := []string{d.Key, d.Secret}
	_, query, _ := strings.Cut(d.URL, "?")
	_, shared, _ := strings.Cut(d.String, "SharedAccessSignature=")
	for _, s := range []string{d.Token, query, shared} {
		if values, err := url.ParseQuery(strings.TrimPrefix(s, "?")); err == nil {
			found = append(found, values.Get("sig"))
		}
	}
	_, key, _ := strings.Cut(d.String, "AccountKey=")
	key, _, _ = strings.Cut(key, ";")
	var long []string
	for _, s := range append(found, key) {
		if len(s) >= 20 && strings.Count(string(data), s) < 2 {
			long = append(long, s)
		}
	}
	return long
}
