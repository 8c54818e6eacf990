package main

import (
	"strings"
	"testing"
)

// testKeys are one key of each form.
var testKeys = map[string]keyForm{"addr": formScalar, "proxies": formList, "issuer": formIssuers}

func TestConfigFileValuesTakeTheFormOfTheirFlags(t *testing.T) {
	f, err := parseConfigFile("c.yaml", []byte(`
addr: "127.0.0.1:0"
proxies: [10.0.0.0/8, 192.168.0.0/16]
issuer:
  - {issuer: "a,b=c", audience: x}
  - issuer: second
    audience: "7"
`), testKeys)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]setting{
		"addr":    {"127.0.0.1:0", 2},
		"proxies": {"10.0.0.0/8,192.168.0.0/16", 3},
		"issuer":  {`[{"audience":"x","issuer":"a,b=c"},{"audience":"7","issuer":"second"}]`, 4},
	}
	for key, w := range want {
		if f.settings[key] != w {
			t.Errorf("%s: %+v, want %+v", key, f.settings[key], w)
		}
	}
}

func TestConfigFileThatSaysNothingIsNoError(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n", "---\n"} {
		if f, err := parseConfigFile("c.yaml", []byte(text), testKeys); err != nil || len(f.settings) > 0 {
			t.Errorf("%q: %v, %v", text, f, err)
		}
	}
}

func TestConfigFileRefusesWithTheLineAndWithoutTheContent(t *testing.T) {
	const secret = "hunter2hunter2"
	for name, c := range map[string]struct{ text, want string }{
		"a key within a scalar's value":    {"addr:\n  host: " + secret, "c.yaml:1: addr must be a single value"},
		"a list where a scalar belongs":    {"addr: [" + secret + "]", "c.yaml:1: addr must be a single value"},
		"a list within a list":             {"proxies:\n  - [" + secret + "]", "c.yaml:1: proxies must be a single value"},
		"an alias":                         {"proxies: &a " + secret + "\naddr: *a", "c.yaml:1: proxies must be a single value"},
		"a tag":                            {"addr: !!binary " + secret, "c.yaml:1: addr must be a single value"},
		"an issuer that is no object":      {"issuer:\n  - " + secret, "c.yaml:2: here should stand settings"},
		"an issuer's key without a value":  {"issuer:\n  - issuer:\n", "c.yaml:2: issuer has no value"},
		"a key that is no word":            {"1: " + secret, "c.yaml:1: a key must be a plain word"},
		"a second document that goes on":   {"addr: a\n---\naddr: " + secret, "c.yaml:3: addr is set already, in line 1"},
		"an unclosed quote":                {"addr: \"" + secret, "c.yaml:1: this is not valid YAML"},
		"an unclosed bracket":              {"addr: a\nproxies: [" + secret, "c.yaml:2: this is not valid YAML"},
		"bytes that are no text":           {"addr: \xff" + secret, "c.yaml:1: this is not a text"},
		"a file that is far too large":     {"addr: " + strings.Repeat("x", maxConfigFile), "c.yaml:1: this is not a text"},
		"a very long unknown key":          {strings.Repeat("x", 5000) + ": " + secret, "c.yaml:1: unknown key \"" + strings.Repeat("x", 40) + "…\""},
		"a merge key, which hides a key":   {"<<: {addr: " + secret + "}", "c.yaml:1: "},
		"more tokens than any file needs":  {"proxies: [" + strings.Repeat("a,", maxConfigTokens), "c.yaml:1: the file is too long"},
		"a block of text as a key's value": {"addr: |\n  " + secret, "c.yaml:1: addr must be a single value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseConfigFile("c.yaml", []byte(c.text), testKeys)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("the error quotes the file: %v", err)
			}
		})
	}
}

func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"addr: a\n", "issuer:\n  - issuer: a\n    audience: b\n", "proxies: [a, b]\n", "? a\n: b", "&a *a", "<<: *x", "{", "a: !!str b", "- - -", "addr: |\n  x", "\t", "---\n...\n---",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parseConfigFile("c.yaml", []byte(text), testKeys)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "c.yaml:") || strings.Contains(err.Error(), "\n") {
				t.Errorf("not a sentence with a line: %q", err)
			}
			return
		}
		for key, s := range file.settings {
			if _, known := testKeys[key]; !known || s.line < 1 {
				t.Errorf("%q at %d", key, s.line)
			}
		}
	})
}
