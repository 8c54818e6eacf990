package contract_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// shippedProviders is how many definitions the service comes with, the contract's among
// them.
const shippedProviders = 46

func TestTheCatalogHasEveryProviderAndTypeOfTheContract(t *testing.T) {
	s := start(t, nil)
	providers := []string{"api_credential", "aws_ses", "azure_blob", "file_storage", "google", "internal_postgresql", "microsoft",
		"postgresql", "sftp", "sharepoint", "sharepoint_client_secret"}
	types := []string{"api_key", "azure_blob_receive", "client_credentials", "google_drive_receive", "google_oauth", "key_file",
		"oauth2", "sftp", "sharepoint_oauth", "sharepoint_receive", "user_password"}
	entries := s.list(s.get(s.here.owner, "/api/integrations/catalog"))
	listed := values(entries, "provider")
	for _, p := range providers {
		if !slices.Contains(listed, any(p)) {
			t.Errorf("the catalog lacks %s", p)
		}
	}
	want(t, "the number of providers", len(listed), shippedProviders)
	found := map[string]bool{}
	for _, e := range entries {
		for _, typ := range e["credential_types"].([]any) {
			found[typ.(string)] = true
		}
	}
	want(t, "the types", found, setOf(types))
	again := s.list(s.get(s.account(s.there.id), "/api/integrations/catalog"))
	want(t, "what another organization's program sees", again, entries)
}

func TestEachEntryOfTheCatalogIsWhole(t *testing.T) {
	s := start(t, nil)
	categories := []string{"automation", "human_in_the_loop", "database", "messaging", "agent_in_the_loop", "storage"}
	for _, e := range s.list(s.get(s.here.owner, "/api/integrations/catalog")) {
		t.Run(text(t, e, "provider"), func(t *testing.T) {
			if uuid.Validate(text(t, e, "id")) != nil || !slices.Contains(categories, text(t, e, "category")) {
				t.Error("its id is no UUID, or its category none of the contract's")
			}
			for _, field := range []string{"name", "display_name", "description"} {
				if text(t, e, field) == "" {
					t.Errorf("its %s is empty", field)
				}
			}
			want(t, "is_plugin", e["is_plugin"], false)
			var names []any
			for _, p := range e["credential_providers"].([]any) {
				provider := p.(object)
				names = append(names, provider["name"])
				if _, ok := provider["is_oauth"].(bool); !ok {
					t.Error("is_oauth is no truth value")
				}
				compiler := jsonschema.NewCompiler()
				if err := compiler.AddResource("https://contract.test/schema.json", mustParse([]byte(encode(t, provider["credential_schema"])))); err != nil {
					t.Fatal(err)
				}
				if _, err := compiler.Compile("https://contract.test/schema.json"); err != nil {
					t.Errorf("the schema of %v is none: %v", provider["name"], err)
				}
			}
			want(t, "the names of credential_providers", names, e["credential_types"])
		})
	}
}

func TestAPublishedSchemaSaysWhatTheServiceTakes(t *testing.T) {
	s := start(t, nil)
	for _, e := range s.list(s.get(s.here.owner, "/api/integrations/catalog")) {
		for _, p := range e["credential_providers"].([]any) {
			provider := p.(object)
			t.Run(text(t, e, "provider")+" "+text(t, provider, "name"), func(t *testing.T) {
				s := s.on(t)
				compiler := jsonschema.NewCompiler()
				if err := compiler.AddResource("https://contract.test/schema.json", mustParse([]byte(encode(t, provider["credential_schema"])))); err != nil {
					t.Fatal(err)
				}
				schema := compiler.MustCompile("https://contract.test/schema.json")
				for _, data := range []string{"{}", `{"host":"h"}`, `{"access_token":"a"}`, `{"api_key":"k"}`, `{"host":"h","username":"u","password":"p"}`, `{"nonsense":1}`} {
					value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(data)))
					if err != nil {
						t.Fatal(err)
					}
					fits := schema.Validate(value) == nil
					a := s.call(s.here.owner, "POST", credentialsPath, object{"name": "x", "provider": e["provider"], "credential_type": provider["name"], "credentials": rawJSON(data)})
					if taken := a.Status == 201; taken != fits {
						t.Errorf("%s fits the schema: %v, and is answered %d", data, fits, a.Status)
					}
				}
			})
		}
	}
}
