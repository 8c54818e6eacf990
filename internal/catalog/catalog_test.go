package catalog_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"strongroom/internal/catalog"
)

func TestTheCatalogHasTheContractsProviders(t *testing.T) {
	want := map[string][]string{
		"api_credential":           {"api_key", "user_password", "oauth2"},
		"aws_ses":                  {"api_key", "user_password"},
		"azure_blob":               {"api_key", "client_credentials", "azure_blob_receive"},
		"file_storage":             {"api_key", "user_password"},
		"google":                   {"google_oauth", "oauth2", "google_drive_receive"},
		"internal_postgresql":      {"user_password"},
		"microsoft":                {"oauth2", "client_credentials"},
		"postgresql":               {"user_password"},
		"sftp":                     {"user_password", "key_file", "sftp"},
		"sharepoint":               {"sharepoint_oauth", "oauth2", "sharepoint_receive"},
		"sharepoint_client_secret": {"client_credentials"},
	}
	var names []string
	for _, e := range mustLoad(t).Entries() {
		names = append(names, e.Provider)
		var types, published []string
		for i, typ := range e.CredentialTypes {
			types, published = append(types, string(typ)), append(published, e.CredentialProviders[i].Name)
		}
		expected, contract := want[e.Provider]
		if contract && !slices.Equal(types, expected) || !slices.Equal(published, types) {
			t.Errorf("%s takes %q and publishes %q, want %q", e.Provider, types, published, expected)
		}
		delete(want, e.Provider)
	}
	if len(want) > 0 || !slices.IsSorted(names) {
		t.Errorf("of the providers %q, these are missing: %v", names, want)
	}
}

func TestEntriesAreCompleteAndStable(t *testing.T) {
	categories := []string{"automation", "human_in_the_loop", "database", "messaging", "agent_in_the_loop", "storage"}
	again, err := catalog.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range mustLoad(t).Entries() {
		if e.Name != e.Provider || e.DisplayName == "" || e.Description == "" || !slices.Contains(categories, e.Category) || e.IsPlugin {
			t.Errorf("%s is not complete: %+v", e.Provider, e)
		}
		if u, err := url.Parse(e.Documentation); err != nil || u.Scheme != "https" || u.Host == "" {
			t.Errorf("%s has no link to documentation", e.Provider)
		}
		if e.ID.Version() != 5 || again.Entries()[i].ID != e.ID {
			t.Errorf("%s has the id %s, not the same version 5 each time", e.Provider, e.ID)
		}
	}
	if p, _ := again.Provider("sftp"); p.ID.String() != "27ace5fd-979d-539e-97f6-71e2220e727b" {
		t.Errorf("the id of sftp has changed: %s", p.ID)
	}
}

func TestProvidersAreFoundInAnyCase(t *testing.T) {
	c := mustLoad(t)
	for _, name := range []string{"sftp", "SFTP", "Sftp"} {
		if p, ok := c.Provider(name); !ok || p.Provider != "sftp" {
			t.Errorf("Provider(%q) = %q, %v", name, p.Provider, ok)
		}
	}
	for _, name := range []string{"", "sft", "sftp ", "ſftp"} {
		if p, ok := c.Provider(name); ok {
			t.Errorf("Provider(%q) = %q", name, p.Provider)
		}
	}
}

// secretName is how members are called that hold a secret, whole or in part.
var secretName = regexp.MustCompile(`password|passphrase|secret$|secret_access_key|_token$|account_key|private_key|api_key|^key$|connection_string|sas_`)

func TestPublishedSchemasStandAlone(t *testing.T) {
	for _, e := range mustLoad(t).Entries() {
		for _, p := range e.CredentialProviders {
			t.Run(e.Provider+" "+p.Name, func(t *testing.T) {
				doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(p.Schema))
				if err != nil {
					t.Fatal(err)
				}
				c := jsonschema.NewCompiler()
				if err := c.AddResource("test:///schema", doc); err != nil {
					t.Fatal(err)
				}
				s, err := c.Compile("test:///schema")
				if err != nil {
					t.Fatal(err)
				}
				if s.DraftVersion != 2020 || !bytes.Contains(p.Schema, []byte(`"$schema":"https://json-schema.org/draft/2020-12/schema"`)) {
					t.Error("the schema does not say that it is of 2020-12")
				}
				if closed := s.AdditionalProperties == false; closed == p.IsOAuth {
					t.Errorf("additional members: closed %v, OAuth %v", closed, p.IsOAuth)
				}
			})
		}
	}
}

func TestEveryMemberIsDescribedAndEverySecretHidden(t *testing.T) {
	for _, e := range mustLoad(t).Entries() {
		for _, p := range e.CredentialProviders {
			var schema struct {
				Properties map[string]struct {
					Title, Format string
					Type          any
					WriteOnly     bool
					MaxLength     int
					Pattern       string
				}
			}
			if err := json.Unmarshal(p.Schema, &schema); err != nil {
				t.Fatal(err)
			}
			for name, m := range schema.Properties {
				at := e.Provider + " " + p.Name + " " + name
				if m.Title == "" {
					t.Errorf("%s has no title", at)
				}
				if secretName.MatchString(name) != m.WriteOnly {
					t.Errorf("%s: writeOnly is %v", at, m.WriteOnly)
				}
				if m.WriteOnly && m.Format == "" && m.Pattern == "" {
					t.Errorf("%s says nothing of its form", at)
				}
				if m.Type == "string" && m.MaxLength == 0 && m.Pattern == "" && m.Format != "uuid" && name != "auth_type" && name != "sslmode" && name != "protocol" {
					t.Errorf("%s may be of any length", at)
				}
			}
		}
	}
}

func TestDataIsSealedAsItCame(t *testing.T) {
	const received = "{ \"refresh_token\" : \"b\",\n\t\"access_token\":\"<a&\\u0062\\/>\", \"n\": 1.50e+2, \"big\": 12345678901234567890, \"extra\": { \"z\": [ 1 , 2 ], \"a\": null } }"
	const want = `{"refresh_token":"b","access_token":"<a&\u0062\/>","n":1.50e+2,"big":12345678901234567890,"extra":{"z":[1,2],"a":null}}`
	checked := mustCheck(t, mustLoad(t), "microsoft", "oauth2", received)
	if string(checked.Data) != want {
		t.Errorf("got  %s\nwant %s", checked.Data, want)
	}
}

func TestCheckKeepsNothingOfItsInput(t *testing.T) {
	data := []byte(`{"access_token":"abc"}`)
	checked, err := mustLoad(t).Check("microsoft", "oauth2", data)
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	if string(checked.Data) != `{"access_token":"abc"}` {
		t.Error("the result changed with the input")
	}
}

func TestWhatMayBeKnownOfTokens(t *testing.T) {
	at := func(s string) *time.Time {
		v := must(time.Parse(time.RFC3339Nano, s))
		return &v
	}
	email := "person@example.com"
	for _, tc := range []struct {
		name, provider, typ, more string
		want                      catalog.Checked
	}{
		{"nothing", "google", "oauth2", ``, catalog.Checked{}},
		{"a time of another zone", "google", "oauth2", `,"expires_at":"2031-01-02T17:04:05.1234567+02:00"`, catalog.Checked{ExpiresAt: at("2031-01-02T15:04:05.123456Z")}},
		{"seconds", "google", "oauth2", `,"expires_at":1924973045`, catalog.Checked{ExpiresAt: at("2030-12-31T18:44:05Z")}},
		{"seconds with a fraction", "google", "oauth2", `,"expires_at":1.9249730455e9`, catalog.Checked{ExpiresAt: at("2030-12-31T18:44:05.5Z")}},
		{"a time long past", "google", "oauth2", `,"expires_at":0`, catalog.Checked{ExpiresAt: at("1970-01-01T00:00:00Z")}},
		{"scopes in a string", "microsoft", "oauth2", `,"scope":" openid  email openid\n"`, catalog.Checked{Scopes: []string{"openid", "email"}}},
		{"scopes in a list", "microsoft", "oauth2", `,"scope":["b","a","b"]`, catalog.Checked{Scopes: []string{"b", "a"}}},
		{"no scopes", "microsoft", "oauth2", `,"scope":""`, catalog.Checked{}},
		{"null for everything", "google", "google_oauth", `,"expires_at":null,"scope":null,"email":null,"expires_in":null`, catalog.Checked{}},
		{"Google's account", "google", "google_oauth", `,"email":"person@example.com"`, catalog.Checked{AccountEmail: &email}},
		{"another provider's account", "microsoft", "oauth2", `,"email":"person@example.com"`, catalog.Checked{AccountEmail: &email}},
		{"scopes with the provider's separator", "slack", "oauth2", `,"scope":"chat:write,channels:read, chat:write"`, catalog.Checked{Scopes: []string{"chat:write", "channels:read"}}},
		{"scopes with another's separator", "microsoft", "oauth2", `,"scope":"a,b"`, catalog.Checked{Scopes: []string{"a,b"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := `{"access_token":"x"` + tc.more + `}`
			got := mustCheck(t, mustLoad(t), tc.provider, tc.typ, data)
			if (got.ExpiresAt == nil) != (tc.want.ExpiresAt == nil) || got.ExpiresAt != nil && (!got.ExpiresAt.Equal(*tc.want.ExpiresAt) || got.ExpiresAt.Location() != time.UTC) {
				t.Errorf("it expires at %v, want %v", got.ExpiresAt, tc.want.ExpiresAt)
			}
			if !slices.Equal(got.Scopes, tc.want.Scopes) {
				t.Errorf("its scopes are %q, want %q", got.Scopes, tc.want.Scopes)
			}
			if (got.AccountEmail == nil) != (tc.want.AccountEmail == nil) || got.AccountEmail != nil && *got.AccountEmail != *tc.want.AccountEmail {
				t.Errorf("its account is %v", got.AccountEmail)
			}
		})
	}
}

func TestOnlyTokensAreReadForWhatMayBeKnown(t *testing.T) {
	checked := mustCheck(t, mustLoad(t), "sftp", "user_password", `{"host":"h","username":"u","password":"p"}`)
	if checked.ExpiresAt != nil || checked.Scopes != nil || checked.AccountEmail != nil || checked.OAuth || checked.AccessToken || checked.Renewable {
		t.Errorf("got %+v", checked)
	}
}

func TestCheckTellsWhatCanBeKeptFresh(t *testing.T) {
	type fresh struct{ oauth, accessToken, renewable bool }
	for _, tc := range []struct {
		name, provider, typ, data string
		want                      fresh
	}{
		{"both tokens", "google", "oauth2", `{"access_token":"a","refresh_token":"r"}`, fresh{true, true, true}},
		{"an access token alone", "google", "oauth2", `{"access_token":"a"}`, fresh{true, true, false}},
		{"an access token and a null", "google", "oauth2", `{"access_token":"a","refresh_token":null}`, fresh{true, true, false}},
		{"a refresh token alone", "google", "oauth2", `{"refresh_token":"r"}`, fresh{true, false, true}},
		{"a client", "spotify", "client_credentials", `{"client_id":"i","client_secret":"s"}`, fresh{true, false, true}},
		{"a client and its token", "spotify", "client_credentials", `{"client_id":"i","client_secret":"s","access_token":"a"}`, fresh{true, true, true}},
		{"tokens of nobody knows whom", "api_credential", "oauth2", `{"access_token":"a","refresh_token":"r"}`, fresh{false, false, false}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checked := mustCheck(t, mustLoad(t), tc.provider, tc.typ, tc.data)
			if got := (fresh{checked.OAuth, checked.AccessToken, checked.Renewable}); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}
