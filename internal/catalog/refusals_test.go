package catalog_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/catalog"
)

// base returns the first example of a pair.
func base(tb testing.TB, provider, typ string) map[string]any {
	tb.Helper()
	for _, e := range examples() {
		if e.provider == provider && e.typ == typ {
			return maps.Clone(e.data)
		}
	}
	tb.Fatalf("%s %s has no example", provider, typ)
	return nil
}

// gone takes a member out of an example.
type gone struct{}

// TestWrongDataIsRefusedWhereItIsWrong is long: it is a table.
func TestWrongDataIsRefusedWhereItIsWrong(t *testing.T) {
	k := testKeys()
	for _, tc := range []struct {
		provider, typ, name string
		change              map[string]any
		want                []string // below body.credentials
	}{
		{"sftp", "user_password", "no host", map[string]any{"host": gone{}}, []string{"host: missing"}},
		{"sftp", "user_password", "a required member that is null", map[string]any{"password": nil}, []string{"password: missing"}},
		{"sftp", "user_password", "nothing at all", map[string]any{"host": gone{}, "username": gone{}, "password": gone{}}, []string{"host: missing", "password: missing", "username: missing"}},
		{"sftp", "user_password", "a host with its scheme", map[string]any{"host": "sftp://sftp.example.com"}, []string{"host: format"}},
		{"sftp", "user_password", "a host with its port", map[string]any{"host": "sftp.example.com:22"}, []string{"host: format"}},
		{"sftp", "user_password", "an empty host", map[string]any{"host": ""}, []string{"host: length"}},
		{"sftp", "user_password", "a host that is a number", map[string]any{"host": 7}, []string{"host: type"}},
		{"sftp", "user_password", "port 0", map[string]any{"port": 0}, []string{"port: minimum"}},
		{"sftp", "user_password", "port 70000", map[string]any{"port": 70000}, []string{"port: maximum"}},
		{"sftp", "user_password", "port 70000 as a string", map[string]any{"port": "70000"}, []string{"port: format"}},
		{"sftp", "user_password", "a port with a fraction", map[string]any{"port": 22.5}, []string{"port: type"}},
		{"sftp", "user_password", "a port in words", map[string]any{"port": "ssh"}, []string{"port: format"}},
		{"sftp", "user_password", "an empty port", map[string]any{"port": ""}, []string{"port: length"}},
		{"sftp", "user_password", "a private key beside the password", map[string]any{"private_key_data": k.plain["RSA PKCS#1"]}, []string{"private_key_data: unexpected"}},
		{"sftp", "user_password", "a revoked host key", map[string]any{"host_key": "@revoked * " + k.hostKey}, []string{"host_key: format"}},
		{"sftp", "user_password", "a host key of two lines", map[string]any{"host_key": k.hostKey + "\n" + k.hostKey}, []string{"host_key: format"}},
		{"sftp", "user_password", "a host key under another type's name", map[string]any{"host_key": strings.Replace(k.hostKey, "ssh-ed25519", "ssh-rsa", 1)}, []string{"host_key: format"}},
		{"sftp", "user_password", "a fingerprint cut short", map[string]any{"host_key": k.hostPrint[:20]}, []string{"host_key: format"}},
		{"sftp", "user_password", "a bad host key in a list", map[string]any{"host_key": []any{k.hostKey, "x", 7}}, []string{"host_key[1]: format", "host_key[2]: type"}},
		{"sftp", "user_password", "no host keys in the list", map[string]any{"host_key": []any{}}, []string{"host_key: length"}},
		{"sftp", "user_password", "another way to sign in", map[string]any{"auth_type": "private_key"}, []string{"auth_type: enum"}},
		{"sftp", "user_password", "a path with a line break", map[string]any{"test_path": "/in\n"}, []string{"test_path: pattern"}},
		{"sftp", "key_file", "no key", map[string]any{"private_key_data": gone{}}, []string{"private_key_data: missing"}},
		{"sftp", "key_file", "two keys", map[string]any{"private_key": k.plain["RSA PKCS#1"]}, []string{"private_key_data: conflict"}},
		{"sftp", "key_file", "two passphrases", map[string]any{"passphrase": "a", "private_key_passphrase": "b"}, []string{"private_key_passphrase: conflict"}},
		{"sftp", "key_file", "a key longer than any", map[string]any{"private_key_data": strings.Repeat("x", 16385)}, []string{"private_key_data: length"}},
		{"sftp", "sftp", "no way to sign in", map[string]any{"auth_type": gone{}}, []string{"auth_type: missing"}},
		{"sftp", "sftp", "another way to sign in", map[string]any{"auth_type": "agent"}, []string{"auth_type: enum"}},
		{"sftp", "sftp", "no password", map[string]any{"password": gone{}}, []string{"password: missing"}},
		{"sftp", "sftp", "no key", map[string]any{"auth_type": "private_key"}, []string{"private_key_data: missing"}},

		{"postgresql", "user_password", "no database", map[string]any{"database": gone{}}, []string{"database: missing"}},
		{"postgresql", "user_password", "empty fields", map[string]any{"host": "", "username": ""}, []string{"host: length", "username: length"}},
		{"postgresql", "user_password", "another TLS mode", map[string]any{"sslmode": "on"}, []string{"sslmode: enum"}},
		{"postgresql", "user_password", "a certificate that is none", map[string]any{"sslrootcert": k.publicPEM}, []string{"sslrootcert: format"}},
		{"postgresql", "user_password", "a key behind the certificate", map[string]any{"sslrootcert": k.cert + k.plain["RSA PKCS#1"]}, []string{"sslrootcert: format"}},
		{"postgresql", "user_password", "text behind the certificate", map[string]any{"sslrootcert": k.cert + "x"}, []string{"sslrootcert: format"}},
		{"postgresql", "user_password", "a connection string for MySQL", map[string]any{"connection_string": "mysql://db/app"}, []string{"connection_string: format"}},
		{"postgresql", "user_password", "a URL whose password is not encoded", map[string]any{"connection_string": "postgres://app:p@ss#1@db/app"}, []string{"connection_string: format"}},
		{"postgresql", "user_password", "a URL with a slash in its password", map[string]any{"connection_string": "postgres://app:p/ss@db/app"}, []string{"connection_string: format"}},
		{"postgresql", "user_password", "a URL with a broken escape", map[string]any{"connection_string": "postgres://app:%zz@db/app"}, []string{"connection_string: format"}},
		{"postgresql", "user_password", "a URL with a port that is none", map[string]any{"connection_string": "postgres://app@db:54321x/app"}, []string{"connection_string: format"}},
		{"postgresql", "user_password", "a URL with a bare IPv6 address", map[string]any{"connection_string": "postgres://app@2001:db8::1/app"}, []string{"connection_string: format"}},
		{"postgresql", "user_password", "pairs with an open quote", map[string]any{"connection_string": "host=db password='x"}, []string{"connection_string: format"}},
		{"postgresql", "user_password", "pairs without a value's name", map[string]any{"connection_string": "host=db secret"}, []string{"connection_string: format"}},
		{"postgresql", "user_password", "a password for a connection string", map[string]any{"connection_string": "hunter2"}, []string{"connection_string: format"}},
		{"postgresql", "user_password", "an empty connection string", map[string]any{"connection_string": ""}, []string{"connection_string: length"}},
		{"postgresql", "user_password", "an unknown member", map[string]any{"hostname": "x"}, []string{"hostname: unexpected"}},
		{"internal_postgresql", "user_password", "no password", map[string]any{"password": gone{}}, []string{"password: missing"}},

		{"aws_ses", "api_key", "the keys swapped", map[string]any{"access_key_id": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "secret_access_key": "AKIA EXAMPLE AKIA EXAMPLE"}, []string{"access_key_id: pattern", "secret_access_key: pattern"}},
		{"aws_ses", "api_key", "a region's name", map[string]any{"region": "Ireland"}, []string{"region: pattern"}},
		{"aws_ses", "api_key", "a sender that is no address", map[string]any{"from_address": "nobody"}, []string{"from_address: format"}},
		{"aws_ses", "user_password", "a port that SES does not have", map[string]any{"port": 26}, []string{"port: enum"}},

		{"azure_blob", "api_key", "nothing to sign in with", map[string]any{"account_key": gone{}}, []string{"account_key: missing"}},
		{"azure_blob", "api_key", "a key without its account", map[string]any{"account_name": gone{}}, []string{"account_name: missing"}},
		{"azure_blob", "api_key", "a key that is not base64", map[string]any{"account_key": "not base64!"}, []string{"account_key: format"}},
		{"azure_blob", "api_key", "a SAS token without signature", map[string]any{"sas_token": "sv=2024-11-04"}, []string{"sas_token: pattern"}},
		{"azure_blob", "api_key", "a SAS URL without signature", map[string]any{"sas_url": "https://a.example.com/c"}, []string{"sas_url: pattern"}},
		{"azure_blob", "api_key", "a connection string without key", map[string]any{"connection_string": "AccountName=x"}, []string{"connection_string: format"}},
		{"azure_blob", "api_key", "a container in capitals", map[string]any{"container": "Documents"}, []string{"container: pattern"}},
		{"azure_blob", "client_credentials", "a client that is no UUID", map[string]any{"client_id": "my app"}, []string{"client_id: format"}},
		{"azure_blob", "azure_blob_receive", "no container", map[string]any{"container": gone{}}, []string{"container: missing"}},
		{"azure_blob", "azure_blob_receive", "a principal without its secret", map[string]any{"tenant_id": uuidText, "client_id": uuidText}, []string{"client_secret: missing"}},
		{"azure_blob", "azure_blob_receive", "nothing to sign in with", map[string]any{"account_key": gone{}}, []string{"account_key: missing"}},

		{"sharepoint_client_secret", "client_credentials", "no secret", map[string]any{"client_secret": gone{}}, []string{"client_secret: missing"}},
		{"sharepoint_client_secret", "client_credentials", "a tenant's name", map[string]any{"tenant_id": "Contoso Ltd"}, []string{"tenant_id: pattern"}},
		{"sharepoint_client_secret", "client_credentials", "a site over plain HTTP", map[string]any{"site_url": "http://contoso.sharepoint.com"}, []string{"site_url: format"}},

		{"google", "google_oauth", "no token", map[string]any{"access_token": gone{}, "refresh_token": gone{}}, []string{"access_token: missing"}},
		{"google", "google_oauth", "a token with a line break", map[string]any{"access_token": "ya29\n"}, []string{"access_token: pattern"}},
		{"google", "google_oauth", "a lifetime alone", map[string]any{"expires_at": gone{}}, []string{"expires_at: missing"}},
		{"google", "google_oauth", "an expiry in milliseconds", map[string]any{"expires_at": 1924973045000}, []string{"expires_at: maximum"}},
		{"google", "google_oauth", "an expiry that is in the year 10000 in UTC", map[string]any{"expires_at": "9999-12-31T23:59:59-23:59"}, []string{"expires_at: format"}},
		{"google", "google_oauth", "an expiry without zone", map[string]any{"expires_at": "2031-01-02 15:04:05"}, []string{"expires_at: format"}},
		{"google", "google_oauth", "an expiry that is true", map[string]any{"expires_at": true}, []string{"expires_at: type"}},
		{"google", "google_oauth", "an e-mail that is none", map[string]any{"email": "person"}, []string{"email: format"}},
		{"google", "google_oauth", "scopes in an object", map[string]any{"scope": map[string]any{}}, []string{"scope: type"}},
		{"google", "google_oauth", "a scope with a space in a list", map[string]any{"scope": []any{"openid", "a b"}}, []string{"scope[1]: pattern"}},
		{"google", "google_oauth", "too many scopes in a string", map[string]any{"scope": manyScopes(201)}, []string{"scope: format"}},
		{"google", "google_oauth", "a scope too long in a string", map[string]any{"scope": strings.Repeat("s", 513)}, []string{"scope: format"}},
		{"google", "oauth2", "no token", map[string]any{"refresh_token": gone{}}, []string{"access_token: missing"}},
		{"google", "google_drive_receive", "a folder that is a number", map[string]any{"folder_id": 1}, []string{"folder_id: type"}},
		{"sharepoint", "sharepoint_oauth", "no token", map[string]any{"access_token": gone{}, "refresh_token": gone{}}, []string{"access_token: missing"}},
		{"sharepoint", "oauth2", "no token", map[string]any{"access_token": gone{}, "refresh_token": nil}, []string{"access_token: missing"}},
		{"sharepoint", "sharepoint_receive", "a site that is no link", map[string]any{"site_url": "finance"}, []string{"site_url: format"}},
		{"microsoft", "oauth2", "a lifetime in words", map[string]any{"expires_in": "an hour"}, []string{"expires_in: pattern"}},

		{"microsoft", "oauth2", "a tenant with its address", map[string]any{"tenant": "contoso.onmicrosoft.com/x"}, []string{"tenant: pattern"}},
		{"microsoft", "oauth2", "a tenant that is a number", map[string]any{"tenant": 1}, []string{"tenant: type"}},
		{"microsoft", "oauth2", "a client's secret that is none", map[string]any{"client_id": "", "client_secret": "a\n"}, []string{"client_id: length", "client_secret: pattern"}},
		{"microsoft", "client_credentials", "no client", map[string]any{"client_id": gone{}, "client_secret": nil}, []string{"client_id: missing", "client_secret: missing"}},
		{"microsoft", "client_credentials", "a lifetime alone", map[string]any{"expires_at": gone{}, "expires_in": 3600}, []string{"expires_at: missing"}},
		{"salesforce", "oauth2", "another company's host", map[string]any{"domain": "evil.example.com/x"}, []string{"domain: pattern"}},
		{"zoho", "oauth2", "another company's domain", map[string]any{"domain": "zoho.example"}, []string{"domain: pattern"}},
		{"zendesk", "oauth2", "a whole host for a subdomain", map[string]any{"subdomain": "acme.zendesk.com"}, []string{"subdomain: pattern"}},
		{"zoom_server_to_server", "client_credentials", "no account", map[string]any{"account_id": gone{}}, []string{"account_id: missing"}},
		{"zoom_server_to_server", "client_credentials", "a parameter more", map[string]any{"account_id": "a&grant_type=x"}, []string{"account_id: pattern"}},

		{"api_credential", "api_key", "no key", map[string]any{"api_key": gone{}}, []string{"api_key: missing"}},
		{"api_credential", "api_key", "two keys", map[string]any{"key": "x"}, []string{"api_key: conflict"}},
		{"api_credential", "api_key", "a key with a line break", map[string]any{"api_key": "sk\n"}, []string{"api_key: pattern"}},
		{"api_credential", "api_key", "a header and a parameter", map[string]any{"query_parameter": "k"}, []string{"query_parameter: conflict"}},
		{"api_credential", "api_key", "a header with its colon", map[string]any{"header": "X-Key:"}, []string{"header: format"}},
		{"api_credential", "api_key", "an address with a password", map[string]any{"base_url": "https://user:pass@api.example.com"}, []string{"base_url: format"}},
		{"api_credential", "api_key", "an address with a fragment", map[string]any{"base_url": "https://api.example.com/#x"}, []string{"base_url: format"}},
		{"api_credential", "api_key", "an address with a port that is none", map[string]any{"base_url": "https://api.example.com:70000/"}, []string{"base_url: format"}},
		{"api_credential", "api_key", "an address with a host that is none", map[string]any{"base_url": "https://-api.example.com/"}, []string{"base_url: format"}},
		{"api_credential", "api_key", "an empty address", map[string]any{"base_url": ""}, []string{"base_url: length"}},
		{"sftp", "user_password", "a host of too many letters", map[string]any{"host": strings.Repeat("a.", 127) + "a"}, []string{"host: format"}},
		{"sftp", "user_password", "an IPv4 address in brackets", map[string]any{"host": "[192.0.2.1]"}, []string{"host: format"}},
		{"api_credential", "api_key", "a file for an address", map[string]any{"test_url": "file:///etc/passwd"}, []string{"test_url: format"}},
		{"api_credential", "api_key", "a status that is none", map[string]any{"expected_status": 42}, []string{"expected_status: minimum"}},
		{"api_credential", "user_password", "a colon in the user name", map[string]any{"username": "a:b"}, []string{"username: pattern"}},
		{"api_credential", "oauth2", "no token", map[string]any{"access_token": gone{}, "refresh_token": gone{}}, []string{"access_token: missing"}},

		{"file_storage", "api_key", "no bucket", map[string]any{"bucket": gone{}}, []string{"bucket: missing"}},
		{"file_storage", "api_key", "a path style in words", map[string]any{"path_style": "yes"}, []string{"path_style: type"}},
		{"file_storage", "user_password", "SMB without its share", map[string]any{"share": gone{}}, []string{"share: missing"}},
		{"file_storage", "user_password", "a share with its path", map[string]any{"share": `\\files\invoices`}, []string{"share: pattern"}},
	} {
		t.Run(tc.provider+" "+tc.typ+" with "+tc.name, func(t *testing.T) {
			data := base(t, tc.provider, tc.typ)
			for name, v := range tc.change {
				if _, out := v.(gone); out {
					delete(data, name)
				} else {
					data[name] = v
				}
			}
			_, err := mustLoad(t).Check(tc.provider, strongroom.CredentialType(tc.typ), []byte(example{data: data}.json(t)))
			want := make([]string, len(tc.want))
			for i, w := range tc.want {
				want[i] = "body.credentials." + w
			}
			if got := violations(t, err); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func manyScopes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("s")
		b.WriteString(strings.Repeat("x", i%3))
		b.WriteString(" ")
	}
	return b.String()
}

func TestWhatIsNoObjectIsRefused(t *testing.T) {
	many := `{"access_token":"x","list":[` + strings.Repeat("0,", 2000) + `0]}`
	for _, tc := range []struct{ name, data, want string }{
		{"nothing", ``, "body.credentials: json"},
		{"half an object", `{"access_token":`, "body.credentials: json"},
		{"two objects", `{} {}`, "body.credentials: json"},
		{"a comment", "{} // x", "body.credentials: json"},
		{"null", `null`, "body.credentials: type"},
		{"a string", `"CANARY"`, "body.credentials: type"},
		{"a list", `[{"access_token":"x"}]`, "body.credentials: type"},
		{"bytes that are not UTF-8", "{\"access_token\":\"\xff\xfe\"}", "body.credentials: json"},
		{"a member twice", `{"access_token":"a","access_token":"b"}`, "body.credentials.access_token: duplicate"},
		{"a member twice in two spellings", `{"access_token":"a","\u0061ccess_token":"b"}`, "body.credentials.access_token: duplicate"},
		{"a member twice, deep down", `{"access_token":"a","extra":[0,{"k":1,"k":2}]}`, "body.credentials.extra[1].k: duplicate"},
		{"a member twice whose name may be a secret", `{"access_token":"a","hunter2canary":1,"hunter2canary":2}`, "body.credentials: duplicate"},
		{"lists 33 deep", `{"access_token":"x","l":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, "body.credentials: json"},
		{"lists a million deep", strings.Repeat("[", 250_000), "body.credentials: json"},
		{"too many values", many, "body.credentials: json"},
		{"more than 256 KiB", `{"access_token":"` + strings.Repeat("x", 256<<10) + `"}`, "body.credentials: json"},
		{"a number of a gigabyte", `{"access_token":"x","expires_at":1e999999999}`, "body.credentials.expires_at: json"},
		{"a number too near to nothing", `{"access_token":"x","expires_at":1e-999999999}`, "body.credentials.expires_at: json"},
		{"a number of many digits", `{"access_token":"x","expires_at":1` + strings.Repeat("0", 50) + `}`, "body.credentials.expires_at: json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := mustLoad(t).Check("google", "oauth2", []byte(tc.data))
			if got := violations(t, err); !slices.Equal(got, []string{tc.want}) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestListsMayBe31Deep(t *testing.T) {
	mustCheck(t, mustLoad(t), "google", "oauth2", `{"access_token":"x","l":`+strings.Repeat("[", 31)+strings.Repeat("]", 31)+`}`)
}

func TestAnUnknownProviderIsNamedAsSuch(t *testing.T) {
	_, err := mustLoad(t).Check("CANARY", "api_key", []byte(`{}`))
	if got := strongroom.CodeOf(err); got != strongroom.CodeInvalidProvider {
		t.Errorf("got the code %q", got)
	}
	if strings.Contains(everything(err), "CANARY") {
		t.Error("the error repeats the name")
	}
}

func TestATypeTheProviderDoesNotTakeListsThoseItDoes(t *testing.T) {
	_, err := mustLoad(t).Check("sftp", "CANARY", []byte(`{}`))
	if got, want := violations(t, err), []string{"body.credential_type: " + catalog.ErrorEnum}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got := message(t, err, "body.credential_type")
	if !strings.Contains(got, "user_password, key_file, sftp") || strings.Contains(got, "CANARY") {
		t.Errorf("the message is %q", got)
	}
}

func TestMessagesSayWhatToDo(t *testing.T) {
	for _, tc := range []struct{ provider, typ, data, at, want string }{
		{"sftp", "user_password", `{}`, "host", "Field required"},
		{"sftp", "user_password", `{"port":0}`, "port", "Must be 1 or more"},
		{"sftp", "user_password", `{"port":[]}`, "port", "Must be an integer or a string"},
		{"sftp", "user_password", `{"password":""}`, "password", "Must not be empty"},
		{"sftp", "user_password", `{"username":"` + strings.Repeat("é", 256) + `"}`, "username", "Must have at most 255 characters"},
		{"sftp", "user_password", `{"auth_type":"x"}`, "auth_type", "Must be password"},
		{"sftp", "user_password", `{"extra":1}`, "extra", "This field is not part of the schema; remove it"},
		{"sftp", "sftp", `{"auth_type":"x"}`, "auth_type", "Must be one of: password, private_key"},
		{"google", "oauth2", `{}`, "access_token", "Send access_token, refresh_token or both"},
		{"google", "oauth2", `{"access_token":"x","expires_in":1}`, "expires_at", "Send expires_at beside expires_in, for a lifetime alone does not say when it began"},
		{"azure_blob", "api_key", `{}`, "account_key", "Send account_key, sas_token, sas_url or connection_string"},
		{"api_credential", "api_key", `{"api_key":"a","key":"b"}`, "api_key", "Send api_key or key, not both"},
		{"aws_ses", "api_key", `{"from_address":"x"}`, "from_address", "Must be a valid email"},
	} {
		t.Run(tc.want, func(t *testing.T) {
			_, err := mustLoad(t).Check(tc.provider, strongroom.CredentialType(tc.typ), []byte(tc.data))
			if got := message(t, err, "body.credentials."+tc.at); got != tc.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
