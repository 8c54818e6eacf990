package catalog_test

import (
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
)

func TestFaultyHealthSectionsAreRefusedByLine(t *testing.T) {
	with := func(section string) string {
		return strings.Replace(plain, "credential_types:", section+"\ncredential_types:", 1)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"a word", with("health: CANARY"), "12: health must be a mapping with the keys test, every"},
		{"no test", with("health: {every: 1h}"), `12: health lacks the key "test"`},
		{"an unknown test", with("health: {test: CANARY}"), "12: test must be one of sftp, postgresql,"},
		{"too often", with("health: {test: http, every: 1m}"), "12: every must be from 5m to 30d"},
		{"too seldom", with("health: {test: http, every: 31d}"), "12: every must be from 5m to 30d"},
		{"an interval in words", with("health: {test: http, every: daily}"), "12: every must be a duration"},
		{"userinfo without an endpoint", with("health: {test: userinfo}"), "12: the test userinfo needs userinfo_endpoint"},
		{"an unknown key", with("health: {test: http, url: https://acme.example}"), `12: unknown key "url"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := catalog.Load(directory(t, map[string]string{"acme.yaml": tc.text}))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("loading says %v, want %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error repeats a value: %v", err)
			}
		})
	}
}

func TestHowCredentialsAreTested(t *testing.T) {
	known, err := catalog.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		provider string
		typ      strongroom.CredentialType
		want     catalog.Test
	}{
		{"sftp", "key_file", catalog.TestSFTP},
		{"postgresql", "user_password", catalog.TestPostgreSQL},
		{"internal_postgresql", "user_password", catalog.TestPostgreSQL},
		{"aws_ses", "api_key", catalog.TestSES},
		{"azure_blob", "client_credentials", catalog.TestAzureBlob},
		{"microsoft", "oauth2", catalog.TestGraph},
		{"sharepoint", "sharepoint_receive", catalog.TestGraph},
		{"sharepoint_client_secret", "client_credentials", catalog.TestSharePoint},
		{"google", "google_oauth", catalog.TestUserinfo},
		{"api_credential", "api_key", catalog.TestHTTP},
		{"file_storage", "api_key", ""},
		{"sftp", "oauth2", ""},
	} {
		p, _ := known.Provider(tc.provider)
		h, ok := p.TestOf(tc.typ)
		if h.Test != tc.want || ok != (tc.want != "") || ok && (h.Every < time.Hour || h.Every > 24*time.Hour) {
			t.Errorf("%s %s is tested by %q every %s, want %q", tc.provider, tc.typ, h.Test, h.Every, tc.want)
		}
	}
}
