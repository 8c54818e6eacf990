package catalog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"strongroom/internal/catalog"
)

const acme = `provider: acme_billing
display_name: Acme Billing
description: Invoices and payments at Acme.
category: automation
documentation: https://acme.example/docs
credential_types:
  api_key:
    schema:
      type: object
      additionalProperties: false
      required: [api_key]
      properties:
        api_key:
          title: API key
          type: string
          minLength: 4
`

// directory writes the files and returns where they are.
func directory(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// problems returns the lines of a refusal to load, the directory taken off.
func problems(tb testing.TB, dir string) []string {
	tb.Helper()
	c, err := catalog.Load(dir)
	if err == nil || c != nil {
		tb.Fatalf("Load gave %v and the error %v", c, err)
	}
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, dir+"/")
	}
	return lines
}

func TestAnOperatorsDefinitionsJoinTheCatalog(t *testing.T) {
	dir := directory(t, map[string]string{
		"acme.yaml":    acme,
		"other.yml":    strings.Replace(acme, "acme_billing", "acme_shop", 1) + "plugin: false\n",
		"readme.txt":   "not read",
		".hidden.yaml": "not read either",
	})
	if err := os.Mkdir(filepath.Join(dir, "..data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "readme.txt"), filepath.Join(dir, "..data", "x.yaml")); err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(c.Entries()) - len(mustLoad(t).Entries()); got != 2 {
		t.Errorf("the directory added %d providers", got)
	}
	p, _ := c.Provider("ACME_billing")
	other, _ := c.Provider("acme_shop")
	if !p.IsPlugin || other.IsPlugin {
		t.Errorf("plugin is %v by default and %v where it is false", p.IsPlugin, other.IsPlugin)
	}
	mustCheck(t, c, "acme_billing", "api_key", `{"api_key":"abcd"}`)
	_, err = c.Check("acme_billing", "api_key", []byte(`{"api_key":"abc"}`))
	if got := violations(t, err); !slices.Equal(got, []string{"body.credentials.api_key: length"}) {
		t.Errorf("got %q", got)
	}
}

func TestALinkToADefinitionIsFollowed(t *testing.T) {
	dir, elsewhere := t.TempDir(), directory(t, map[string]string{"x": acme})
	if err := os.Symlink(filepath.Join(elsewhere, "x"), filepath.Join(dir, "acme.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.Load(dir); err != nil {
		t.Error(err)
	}
}

// in returns the definition with a line replaced (its text up to the end) or, where
// old is empty, with more at the end.
func in(old, replacement string) string {
	if old == "" {
		return acme + replacement
	}
	if !strings.Contains(acme, old) {
		panic("the definition has no " + old)
	}
	return strings.Replace(acme, old, replacement, 1)
}

func TestFaultyDefinitionsAreRefusedByLine(t *testing.T) {
	const property = "          minLength: 4\n"
	for _, tc := range []struct {
		name, text string
		want       []string // beginnings of lines after the file's name
	}{
		{"nothing", "", []string{`1: the file is empty`}},
		{"a comment alone", "# CANARY\n", []string{`1: the file is empty`}},
		{"broken YAML", "provider: acme\ndisplay_name: [CANARY\n", []string{`2: this is not valid YAML`}},
		{"a tab", "provider: acme\n\tdisplay_name: CANARY\n", []string{`2: this is not valid YAML`}},
		{"bytes that are not UTF-8", "provider: acme\ndisplay_name: CANARY\xff\n", []string{`2: this is not UTF-8`}},
		{"a list", "- CANARY\n", []string{`1: the definition must be a mapping`}},
		{"a second document", acme + "---\nprovider: CANARY\n", []string{`18: a second document begins here`}},
		{"an unknown key", in("description", "descriptions"), []string{`1: the definition lacks the key "description"`, `3: unknown key "descriptions"; the keys of the definition are provider, `}},
		{"an unknown key that is no name", in("", "\"CANARY is secret\": 1\n"), []string{`17: unknown key; the keys`}},
		{"a key twice", in("", "category: storage\n"), []string{`17: the key "category" is already used on line 4`}},
		{"a missing key", in("category: automation\n", ""), []string{`1: the definition lacks the key "category"`}},
		{"several faults at once", in("category: automation\ndocumentation: https://acme.example/docs", "category: \"CANARY x\"\ndocumentation: http://CANARY"), []string{`4: unknown category; use`, `5: documentation must be an https link`}},
		{"an id in capitals", in("acme_billing", "CANARY"), []string{`1: provider must be an id`}},
		{"an id too long", in("acme_billing", strings.Repeat("a", 64)), []string{`1: provider must be an id`}},
		{"an id that is a number", in("acme_billing", "7"), []string{`1: provider must be a text`}},
		{"the id of an embedded provider", in("acme_billing", "sftp"), []string{`1: provider "sftp" is already defined in providers/sftp.yaml`}},
		{"a name too long", in("Acme Billing", strings.Repeat("a", 129)), []string{`2: display_name must be a text of 1 to 128 bytes`}},
		{"an empty description", in("Invoices and payments at Acme.", `" "`), []string{`3: description must be a text`}},
		{"plugin in words", in("", "plugin: maybe\n"), []string{`17: plugin must be true or false`}},
		{"no credential types", acme[:strings.Index(acme, "credential_types")] + "credential_types: {}\n", []string{`6: credential_types must be a mapping of at least one`}},
		{"an unknown credential type", in("  api_key:\n    schema", "  api_keys:\n    schema"), []string{`7: unknown credential type "api_keys"; use one of api_key, oauth2,`}},
		{"a type without schema", in("    schema:\n", "    schemas:\n"), []string{`7: credential type api_key lacks the key "schema"`, `8: unknown key "schemas"`}},
		{"oauth in words", in("    schema:", "    oauth: yes\n    schema:"), []string{`8: oauth must be true or false`}},
		{"a schema that is a list", in("    schema:\n", "    schema: [CANARY]\n    x:\n"), []string{`8: the schema must be a mapping with type: object`, `9: unknown key "x"`}},
		{"a schema of strings", in("type: object", "type: string"), []string{`9: the schema must be a mapping with type: object`}},
		{"an unknown keyword", in(property, "          minLenght: 4\n"), []string{`16: unknown keyword "minLenght"`}},
		{"a keyword of the wrong type", in(property, "          minLength: CANARY\n"), []string{`16: this does not fit JSON Schema 2020-12 (must be an integer)`}},
		{"a type that is none", in("          type: string", "          type: strng"), []string{`15: this does not fit JSON Schema 2020-12`}},
		{"properties in a list", in("      properties:\n", "      required: CANARY\n      properties:\n"), []string{`12: the key "required" is already used on line 11`}},
		{"a pattern that is none", in(property, "          pattern: '(CANARY'\n"), []string{`16: this is no regular expression`}},
		{"a pattern's name that is none", in("      properties:\n", "      patternProperties: {'(CANARY': true}\n      properties:\n"), []string{`12: this is no regular expression`}},
		{"an unknown format", in(property, "          format: pasword\n"), []string{`16: unknown format "pasword"`}},
		{"a schema that is a word", in("        api_key:\n          title", "        other: CANARY\n        api_key:\n          title"), []string{`13: a schema must be a mapping, true or false`}},
		{"a reference to a file", in(property, "          $ref: file:///etc/CANARY\n"), []string{`16: $ref may only be "#/$defs/name"`}},
		{"a reference to a network", in(property, "          $ref: https://acme.example/CANARY.json#/$defs/x\n"), []string{`16: $ref may only be "#/$defs/name"`}},
		{"a reference to nothing", in(property, "          $ref: '#/$defs/gone'\n"), []string{`16: $ref names nothing`}},
		{"an id of its own", in("      type: object", "      $id: https://acme.example/CANARY\n      type: object"), []string{`9: $id is not allowed`}},
		{"another dialect", in("      type: object", "      $schema: http://json-schema.org/draft-07/schema#\n      type: object"), []string{`9: $schema may only be`}},
		{"recursion", in("      type: object", "      $defs: {a: {items: {$ref: '#/$defs/b'}}, b: {not: {$ref: '#/$defs/a'}}}\n      allOf: [{$ref: '#/$defs/a'}]\n      type: object"), []string{`9: this $ref leads back to itself`}},
		{"references that double and double", in("      type: object", doubling(20)+"      type: object"), []string{`9: the schema comes to more than 10000 parts`}},
		{"propertyNames below the top", in(property, "          propertyNames: {maxLength: 3}\n"), []string{`16: propertyNames may stand only at the top`}},
		{"$defs below the top", in(property, "          $defs: {}\n"), []string{`16: $defs may stand only at the top`}},
		{"a message too long", in(property, "          x-message: "+strings.Repeat("CANARY", 60)+"\n"), []string{`16: x-message must be a sentence`}},
		{"a private key inside a list", in(property, "          items: {format: private-key}\n"), []string{`16: format: private-key may stand only in`}},
		{"a passphrase without key", in(property, "          x-passphrase: [p]\n"), []string{`16: x-passphrase belongs beside`}},
		{"a passphrase that is no list", in(property, "          format: private-key\n          x-passphrase: p\n"), []string{`17: x-passphrase must be a list`}},
		{"a tag", in("automation", "!CANARY automation"), []string{`4: tags are not read here`}},
		{"a merge key", in("", "<<: {plugin: true}\n"), []string{`17: a key must be a plain or quoted string`}},
		{"a number for a key", in("", "7: CANARY\n"), []string{`17: a key must be a plain or quoted string`}},
		{"an alias to nothing", in("automation", "*CANARY"), []string{`4: this alias names no anchor above it`}},
		{"an alias to itself", in("", "plugin: &CANARY [*CANARY]\n"), []string{`17: this alias names no anchor above it`}},
		{"aliases that double and double", in("", bomb(30)), []string{`31: the value is larger than 1024 KiB`}},
		{"values 65 deep", in("", "plugin: "+strings.Repeat("[", 65)+strings.Repeat("]", 65)+"\n"), []string{`17: values are nested more than 64 deep`}},
		{"too many tokens", in("", strings.Repeat("- a\n", 20_000)), []string{`9994: the file has more than 20000 tokens`}},
		{"a number out of range", in("", "plugin: .inf\n"), []string{`17: `}},
		{"a file too large", acme + "#" + strings.Repeat("CANARY", 50_000), []string{`1: the file is larger than 256 KiB`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := problems(t, directory(t, map[string]string{"x.yaml": tc.text}))
			if len(got) != len(tc.want) {
				t.Fatalf("got %d problems, want %d: %q", len(got), len(tc.want), got)
			}
			for i, want := range tc.want {
				if !strings.HasPrefix(got[i], "x.yaml:"+want) {
					t.Errorf("got  %q\nwant %q", got[i], "x.yaml:"+want)
				}
				if strings.Contains(got[i], "CANARY") {
					t.Errorf("the problem quotes the file: %q", got[i])
				}
			}
		})
	}
}

// doubling is a schema whose references stand for 2^n parts.
func doubling(n int) string {
	defs := []string{"d0: {type: string}"}
	for i := range n {
		defs = append(defs, fmt.Sprintf("d%d: {allOf: [{$ref: '#/$defs/d%d'}, {$ref: '#/$defs/d%d'}]}", i+1, i, i))
	}
	slices.Reverse(defs)
	return "      $comment: doubling\n      allOf: [{$ref: '#/$defs/d" + fmt.Sprint(n) + "'}]\n      $defs: {" + strings.Join(defs, ", ") + "}\n"
}

// bomb is a document whose aliases stand for 2^n values.
func bomb(n int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x]\n")
	for i := range n {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return b.String()
}

func TestAllProblemsOfAllFilesAreToldAtOnce(t *testing.T) {
	dir := directory(t, map[string]string{
		"a.yaml": in("category: automation", "category: x"),
		"b.yaml": in("acme_billing", "acme_two"),
		"c.yaml": in("acme_billing", "acme_two"),
		"d.yml":  "[",
	})
	if err := os.Mkdir(filepath.Join(dir, "e.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	got := problems(t, dir)
	want := []string{"e.yaml:1: this is no regular file", `a.yaml:4: unknown category "x"`, `c.yaml:1: provider "acme_two" is already defined in ` + dir + "/b.yaml", "d.yml:1: this is not valid YAML"}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}

func TestADirectoryThatCannotBeUsedIsRefused(t *testing.T) {
	t.Run("missing", func(t *testing.T) {
		got := problems(t, filepath.Join(t.TempDir(), "gone"))
		if len(got) != 1 || !strings.Contains(got[0], "cannot be listed (no such file or directory)") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("too many files", func(t *testing.T) {
		files := map[string]string{}
		for i := range 201 {
			files[fmt.Sprintf("%d.yaml", i)] = acme
		}
		got := problems(t, directory(t, files))
		if len(got) != 1 || !strings.Contains(got[0], "holds 201 definitions") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("too many problems", func(t *testing.T) {
		var b strings.Builder
		for i := range 100 {
			fmt.Fprintf(&b, "unknown%c%c: 1\n", 'a'+i/26, 'a'+i%26)
		}
		got := problems(t, directory(t, map[string]string{"x.yaml": acme + b.String()}))
		if len(got) != 21 || !regexp.MustCompile(`^x.yaml:37: 80 more problems`).MatchString(got[20]) {
			t.Errorf("got %d problems, the last %q", len(got), got[len(got)-1])
		}
	})
}

func TestOperatorsMayUseAllOfJSONSchema(t *testing.T) {
	const schema = `      type: object
      required: [n, list]
      minProperties: 2
      maxProperties: 6
      propertyNames: {maxLength: 8}
      dependentRequired: {a: [b]}
      unevaluatedProperties: false
      properties:
        n: {type: number, exclusiveMinimum: 0, exclusiveMaximum: 10.5, multipleOf: 0.5}
        list: {type: array, uniqueItems: true, minItems: 1, maxItems: 3, contains: {const: 1}, prefixItems: [{type: integer}]}
        either:
          anyOf: [{type: string}, {type: boolean}]
        one:
          oneOf: [{type: integer}, {minimum: 5}]
          x-message: Send an integer below 5 or a fraction above
        a: {$ref: '#/$defs/short'}
        b: false
      $defs: {short: {type: string, maxLength: 2}}
`
	head, _, _ := strings.Cut(acme, "      type: object")
	c, err := catalog.Load(directory(t, map[string]string{"x.yaml": head + schema}))
	if err != nil {
		t.Fatal(err)
	}
	mustCheck(t, c, "acme_billing", "api_key", `{"n":1.5,"list":[1,2],"either":true,"one":7.5,"a":null}`)
	for _, tc := range []struct {
		data string
		want []string
	}{
		{`{}`, []string{": length", ".list: missing", ".n: missing"}},
		{`{"n":0,"list":[]}`, []string{".list: contains", ".list: length", ".n: minimum"}},
		{`{"n":10.5,"list":[1,1]}`, []string{".list: unique", ".n: maximum"}},
		{`{"n":0.3,"list":["x",1,2,3]}`, []string{".list: length", ".list[0]: type", ".n: multiple_of"}},
		{`{"n":1,"list":[1],"either":7}`, []string{".either: choice"}},
		{`{"n":1,"list":[1],"one":7}`, []string{".one: choice"}},
		{`{"n":1,"list":[1],"a":"xxx"}`, []string{".a: length", ".b: missing"}},
		{`{"n":1,"list":[1],"b":1}`, []string{".b: unexpected"}},
		{`{"n":1,"list":[1],"other":1}`, []string{".other: unexpected"}},
		{`{"n":1,"list":[1],"far too long":1}`, []string{": unexpected", ": unexpected"}},
	} {
		t.Run(tc.data, func(t *testing.T) {
			_, err := c.Check("acme_billing", "api_key", []byte(tc.data))
			want := make([]string, len(tc.want))
			for i, w := range tc.want {
				want[i] = "body.credentials" + w
			}
			if got := violations(t, err); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	_, err = c.Check("acme_billing", "api_key", []byte(`{"n":1,"list":[1],"one":7}`))
	if got := message(t, err, "body.credentials.one"); got != "Send an integer below 5 or a fraction above" {
		t.Errorf("got %q", got)
	}
}
