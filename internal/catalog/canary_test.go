package catalog_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"strongroom"
)

// canary is a secret that no error may hold, nor canaryDigits, nor a part of either.
const (
	canary       = "Zq7xCanary9KvW"
	canaryDigits = "7741902883174019"
)

// canaries are the forms in which a secret may come into the wrong place.
func canaries() map[string]any {
	return map[string]any{
		"a string":              canary,
		"a string with a break": canary + "\n",
		"a long string":         strings.Repeat(canary, 2000),
		"a word in a sentence":  "the password is " + canary + "!",
		"a URL":                 "https://" + canary + ":" + canary + "@host name/" + canary + "#" + canary,
		"a connection URL":      "postgres://app:" + canary + "@:::/" + canary,
		"pairs":                 "host=x password='" + canary,
		"Azure's pairs":         "AccountName=" + canary + ";AccountKey=%" + canary,
		"a host key":            "ssh-rsa " + base64.StdEncoding.EncodeToString([]byte(canary)) + " " + canary,
		"PEM":                   "-----BEGIN " + canary + "-----\n" + canary + "\n-----END " + canary + "-----\n",
		"a broken key":          encode("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00"+canary)),
		"a number":              json.Number(canaryDigits),
		"a number below 0":      json.Number("-" + canaryDigits),
		"a number too long":     json.Number(strings.Repeat(canaryDigits, 4)),
		"true":                  true,
		"an object":             map[string]any{canary: canary, "value": []any{canary}},
		"a list":                []any{canary, []any{canary}, map[string]any{canary: json.Number(canaryDigits)}},
	}
}

// members returns the names that a published schema has properties for, at any depth.
func members(tb testing.TB, schema json.RawMessage) []string {
	tb.Helper()
	var doc any
	if err := json.Unmarshal(schema, &doc); err != nil {
		tb.Fatal(err)
	}
	found := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if p, ok := v["properties"].(map[string]any); ok {
				for name := range p {
					found[name] = true
				}
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(doc)
	var names []string
	for name := range found {
		names = append(names, name)
	}
	return names
}

func assertSilent(t *testing.T, err error) {
	t.Helper()
	said := everything(err)
	for _, secret := range []string{canary, canary[:7], canary[7:], canaryDigits, canaryDigits[:8], base64.StdEncoding.EncodeToString([]byte(canary))[:12]} {
		if strings.Contains(strings.ToLower(said), strings.ToLower(secret)) {
			t.Fatalf("the error holds a secret: %s", said)
		}
	}
}

func TestNoErrorHoldsWhatWasSent(t *testing.T) {
	c := mustLoad(t)
	seen := map[string]bool{}
	for _, entry := range c.Entries() {
		for _, pair := range entry.CredentialProviders {
			// Most OAuth types have one and the same schema.
			if seen[string(pair.Schema)] {
				continue
			}
			seen[string(pair.Schema)] = true
			names := append(members(t, pair.Schema), canary, "x-"+canary, "Unknown member "+canary)
			for _, name := range names {
				refused := 0
				for form, value := range canaries() {
					t.Run(entry.Provider+" "+pair.Name+" with "+form+" in "+name, func(t *testing.T) {
						for _, data := range []map[string]any{base(t, entry.Provider, pair.Name), {}} {
							data = maps.Clone(data)
							data[name] = value
							_, err := c.Check(entry.Provider, strongroom.CredentialType(pair.Name), []byte(example{data: data}.json(t)))
							if err != nil {
								refused++
								assertSilent(t, err)
							}
						}
					})
				}
				if refused == 0 {
					t.Errorf("%s %s refused none of the values in %q: the test shows nothing", entry.Provider, pair.Name, name)
				}
			}
		}
	}
}

func TestUnknownNamesAreToldOnlyWhereTheyLookLikeNames(t *testing.T) {
	for _, tc := range []struct{ name, want string }{
		{"hostname", "body.credentials.hostname"},
		{"X-API-Key", "body.credentials.X-API-Key"},
		{"password2", "body.credentials.password2"},
		{"AKIAIOSFODNN7EXAMPLE", "body.credentials"},
		{"hunter2canary", "body.credentials"},
		{"pass word", "body.credentials"},
		{"p@ssword", "body.credentials"},
		{"", "body.credentials"},
		{"pässword", "body.credentials"},
		{strings.Repeat("a", 64), "body.credentials." + strings.Repeat("a", 64)},
		{strings.Repeat("a", 65), "body.credentials"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := base(t, "sftp", "user_password")
			data[tc.name] = "x"
			_, err := mustLoad(t).Check("sftp", "user_password", []byte(example{data: data}.json(t)))
			if got := violations(t, err); len(got) != 1 || got[0] != tc.want+": unexpected" {
				t.Errorf("got %q", got)
			}
		})
	}
}
