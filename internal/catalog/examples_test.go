package catalog_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// example is complete data that a person might send for a pair.
type example struct {
	name, provider, typ string
	data                map[string]any
}

const uuidText = "6c0c2a3e-93f4-4f5b-9d2f-0f6a2f6d1f10"

func token(more map[string]any) map[string]any {
	t := map[string]any{
		"access_token": "ya29.a0AfB_byC-example", "refresh_token": "1//0g-example", "token_type": "Bearer",
		"expires_at": "2031-01-02T15:04:05Z", "expires_in": json.Number("3599"), "scope": "openid email", "id_token": "e30.e30.c2ln",
	}
	maps.Copy(t, more)
	return t
}

// examples has at least one for every pair of the embedded catalog.
var examples = sync.OnceValue(makeExamples)

func makeExamples() []example {
	k := testKeys()
	server := func(more map[string]any) map[string]any {
		m := map[string]any{"host": "sftp.example.com", "port": 2222, "username": "upload", "test_path": "/incoming", "host_key": k.hostKey}
		maps.Copy(m, more)
		return m
	}
	database := map[string]any{
		"host": "db.example.com", "port": "5432", "username": "app", "password": "s3cr et'\\", "database": "app",
		"sslmode": "verify-full", "sslrootcert": k.cert,
	}
	azureKey := "RXhhbXBsZUtleUV4YW1wbGVLZXlFeGFtcGxlS2V5RXhhbXBsZUtleUV4YW1wbGVLZXlFeGFtcGxlS2V5MTIzNA=="
	principal := map[string]any{"tenant_id": "contoso.onmicrosoft.com", "client_id": uuidText, "client_secret": "abc8Q~example-secret-value"}
	with := func(m map[string]any, more map[string]any) map[string]any {
		m = maps.Clone(m)
		maps.Copy(m, more)
		return m
	}
	return append(oauthExamples(), []example{
		{"a password", "sftp", "user_password", server(map[string]any{"password": "pä55 wörd", "auth_type": "password"})},
		{"the least there can be", "sftp", "user_password", map[string]any{"host": "192.0.2.7", "username": "u", "password": "p"}},
		{"optional members sent as null", "sftp", "user_password", map[string]any{"host": "::1", "username": "u", "password": "p", "port": nil, "host_key": nil, "test_path": nil}},
		{"a fingerprint for a host key", "sftp", "user_password", server(map[string]any{"password": "p", "host_key": k.hostPrint})},
		{"several host keys, one with its host", "sftp", "user_password", server(map[string]any{"password": "p", "host_key": []any{k.hostPrint, "[sftp.example.com]:2222 " + k.hostKey + " comment"}})},
		{"a key", "sftp", "key_file", server(map[string]any{"private_key_data": k.plain["Ed25519 OpenSSH"], "auth_type": "private_key"})},
		{"a protected key", "sftp", "key_file", server(map[string]any{"private_key": k.protected["RSA traditional PEM"], "passphrase": passphrase})},
		{"by password", "sftp", "sftp", server(map[string]any{"auth_type": "password", "password": "p", "private_key_data": nil})},
		{"by key", "sftp", "sftp", server(map[string]any{"auth_type": "private_key", "private_key_data": k.plain["ECDSA OpenSSH"], "private_key_passphrase": ""})},

		{"single fields", "postgresql", "user_password", database},
		{"a port as a number", "postgresql", "user_password", with(database, map[string]any{"port": 6432})},
		{"single fields and a null connection string", "postgresql", "user_password", with(database, map[string]any{"connection_string": nil, "sslmode": nil, "sslrootcert": nil})},
		{"a URL", "postgresql", "user_password", map[string]any{"connection_string": "postgresql://app:p%40ss@db.example.com:5432/app?sslmode=require&application_name=x"}},
		{"a URL with several hosts", "postgresql", "user_password", map[string]any{"connection_string": "postgres://app@a.example.com:5432,[2001:db8::1]:5433,c.example.com/app?target_session_attrs=read-write"}},
		{"a URL with a socket", "postgresql", "user_password", map[string]any{"connection_string": "postgres://%2Fvar%2Frun%2Fpostgresql/app"}},
		{"a URL with nothing in it", "postgresql", "user_password", map[string]any{"connection_string": "postgresql://"}},
		{"pairs", "postgresql", "user_password", map[string]any{"connection_string": `host = db.example.com user=app password='it\'s \\ a = secret' dbname=app`}},
		{"a connection string that wins over empty fields", "postgresql", "user_password", map[string]any{"connection_string": "host=db", "host": "", "port": "", "username": "", "password": "", "database": ""}},
		{"single fields", "internal_postgresql", "user_password", database},

		{"an access key", "aws_ses", "api_key", map[string]any{
			"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "region": "eu-west-1",
			"from_address": "no-reply@example.com", "configuration_set": "main",
		}},
		{"temporary keys", "aws_ses", "api_key", map[string]any{
			"access_key_id": "ASIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "region": "us-gov-west-1", "session_token": "IQoJb3JpZ2luX2VjEXAMPLE==",
		}},
		{"SMTP", "aws_ses", "user_password", map[string]any{"username": "AKIAIOSFODNN7EXAMPLE", "password": "BExampleSmtpPassword", "region": "eu-central-1", "port": 465, "host": "email-smtp.eu-central-1.amazonaws.com", "from_address": "a@example.com"}},

		{"an account key", "azure_blob", "api_key", map[string]any{"account_name": "examplestorage", "account_key": azureKey, "container": "documents", "endpoint_suffix": "core.windows.net"}},
		{"a SAS token", "azure_blob", "api_key", map[string]any{"account_name": "examplestorage", "sas_token": "?sv=2024-11-04&ss=b&sig=abc%2Fdef%3D"}},
		{"a SAS URL", "azure_blob", "api_key", map[string]any{"sas_url": "https://examplestorage.blob.core.windows.net/documents?sv=2024-11-04&sig=abc%2Fdef%3D"}},
		{"a connection string", "azure_blob", "api_key", map[string]any{"connection_string": "DefaultEndpointsProtocol=https;AccountName=examplestorage;AccountKey=" + azureKey + ";EndpointSuffix=core.windows.net"}},
		{"a connection string with a SAS", "azure_blob", "api_key", map[string]any{"connection_string": "BlobEndpoint=https://examplestorage.blob.core.windows.net/;SharedAccessSignature=sv=2024-11-04&sig=abc%3D"}},
		{"a service principal", "azure_blob", "client_credentials", with(principal, map[string]any{"account_name": "examplestorage", "container": "$web"})},
		{"an account key", "azure_blob", "azure_blob_receive", map[string]any{"account_name": "examplestorage", "account_key": azureKey, "container": "documents", "prefix": "in/"}},
		{"a service principal", "azure_blob", "azure_blob_receive", with(principal, map[string]any{"tenant_id": uuidText, "account_name": "examplestorage", "container": "documents"})},

		{"an application", "sharepoint_client_secret", "client_credentials", with(principal, map[string]any{"site_url": "https://contoso.sharepoint.com/sites/finance"})},
		{"tokens", "sharepoint", "sharepoint_oauth", token(nil)},
		{"tokens", "sharepoint", "oauth2", token(map[string]any{"ext_expires_in": 3599})},
		{"tokens and a folder", "sharepoint", "sharepoint_receive", token(map[string]any{"site_url": "https://contoso.sharepoint.com/sites/finance", "drive_id": "b!abc", "folder_path": "/Shared"})},
		{"tokens", "google", "google_oauth", token(map[string]any{"email": "person@example.com"})},
		{"a refresh token alone", "google", "oauth2", map[string]any{"refresh_token": "1//0g-example"}},
		{"an access token alone", "google", "oauth2", map[string]any{"access_token": "ya29.example", "email": nil, "scope": nil, "refresh_token": nil}},
		{"tokens and a folder", "google", "google_drive_receive", token(map[string]any{"folder_id": "1AbCdEf", "scope": []any{"https://www.googleapis.com/auth/drive"}})},
		{"tokens as an old endpoint sends them", "microsoft", "oauth2", token(map[string]any{"expires_in": "3599", "expires_at": json.Number("1924973045.5"), "foci": "1", "nested": map[string]any{"a": []any{1, nil}}})},

		{"a key", "api_credential", "api_key", map[string]any{"api_key": "sk-example-0123456789", "header": "Authorization", "prefix": "Bearer", "base_url": "https://api.example.com/v1", "test_url": "http://10.0.0.5:8080/health", "expected_status": 204}},
		{"a key under the other spelling", "api_credential", "api_key", map[string]any{"key": "sk-example-0123456789", "query_parameter": "apikey"}},
		{"basic authentication", "api_credential", "user_password", map[string]any{"username": "app", "password": "with: colon", "base_url": "https://[2001:db8::1]:8443/"}},
		{"tokens", "api_credential", "oauth2", token(map[string]any{"base_url": "https://api.example.com"})},

		{"a bucket", "file_storage", "api_key", map[string]any{"endpoint": "https://s3.example.com", "region": "us-east-1", "bucket": "example-files", "access_key_id": "minio", "secret_access_key": "minio-example-secret", "path_style": true, "prefix": "in/"}},
		{"a share", "file_storage", "user_password", map[string]any{"host": "files.example.com", "share": "invoices", "domain": "CORP", "username": "svc", "password": "p", "path": "/2031"}},
		{"WebDAV", "file_storage", "user_password", map[string]any{"protocol": "webdav", "host": "files.example.com", "port": 8443, "username": "svc", "password": "p", "path": "/remote.php/dav"}},
	}...)
}

func (e example) json(tb testing.TB) string {
	tb.Helper()
	text, err := json.Marshal(e.data)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func TestCompleteExamplesAreAccepted(t *testing.T) {
	c := mustLoad(t)
	for _, e := range examples() {
		t.Run(e.provider+" "+e.typ+" with "+e.name, func(t *testing.T) {
			data := e.json(t)
			if checked := mustCheck(t, c, strings.ToUpper(e.provider), e.typ, data); string(checked.Data) != data {
				t.Error("Check changed data that was compact already")
			}
		})
	}
}

func TestEveryPairHasAnExample(t *testing.T) {
	var have []string
	for _, e := range examples() {
		have = append(have, e.provider+" "+e.typ)
	}
	for _, e := range mustLoad(t).Entries() {
		for _, typ := range e.CredentialTypes {
			if pair := e.Provider + " " + string(typ); !slices.Contains(have, pair) {
				t.Errorf("%s has no example", pair)
			}
		}
	}
}
