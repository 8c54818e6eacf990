package catalog_test

import (
	"strings"
	"testing"

	"strongroom/internal/catalog"
)

// TestFaultyOAuthSectionsAreRefusedByLine is long: it is a table.
func TestFaultyOAuthSectionsAreRefusedByLine(t *testing.T) {
	// with replaces a part of the plain definition; add puts lines before the types.
	with := func(old, replacement string) string {
		if !strings.Contains(plain, old) {
			t.Fatalf("the definition has no %q", old)
		}
		return strings.Replace(plain, old, replacement, 1)
	}
	add := func(lines string) string { return with("credential_types:", lines+"credential_types:") }
	const token, types = "https://acme.example/token", "  oauth2: {oauth: true}\n"
	placed := func(pattern string) string { return withVariable("https://acme.example/{v}/token", pattern) }
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"a word", with("oauth:\n", "oauth: CANARY\nx:\n"), []string{`6: oauth must be a mapping with the keys documentation,`, `7: unknown key "x"`}},
		{"nothing", plain[:strings.Index(plain, "oauth:")] + "oauth:\ncredential_types:\n  oauth2: {oauth: true}\n", []string{`6: oauth must be a mapping`}},
		{"an unknown key", add("  token_url: https://CANARY.example\n"), []string{`12: unknown key "token_url"; the keys of oauth are documentation,`}},
		{"required keys missing", "provider: acme\ndisplay_name: A\ndescription: A\ncategory: storage\ndocumentation: https://acme.example\noauth: {discovery: https://acme.example}\ncredential_types:\n" + types,
			[]string{`6: oauth lacks the key "documentation"`, `6: oauth lacks the key "client_authentication"`, `6: oauth lacks the key "lifetime"`}},
		{"documentation over plain HTTP", with("https://acme.example/docs/oauth", "http://CANARY"), []string{`7: documentation must be an https link`}},
		{"no token endpoint", with("  token_endpoint: "+token+"\n", ""), []string{`6: oauth needs token_endpoint, or discovery`}},
		{"no authorization endpoint", with("  authorization_endpoint: https://acme.example/authorize\n", ""), []string{`6: a type with the grant authorization_code needs authorization_endpoint, or discovery`}},
		{"another way to authenticate", with("post", "CANARY"), []string{`10: client_authentication must be one of basic, post, none`}},
		{"another format", add("  request_format: xml\n"), []string{`12: request_format must be one of form, json`}},

		{"an address over plain HTTP", with(token, "http://CANARY.example/token"), []string{`9: token_endpoint must begin with https://; http:// is for loopback hosts alone`}},
		{"an address that only looks like loopback", with(token, "http://127.0.0.1.example/"), []string{`9: token_endpoint must begin with https://`}},
		{"an address of another scheme", with(token, "ftp://acme.example/"), []string{`9: token_endpoint must be a whole address that begins with https://`}},
		{"an address without host", with(token, "https:///token"), []string{`9: token_endpoint must be a whole address`}},
		{"an address with a password", with(token, "https://u:CANARY@acme.example/"), []string{`9: token_endpoint must not hold a user name`}},
		{"an address with a fragment", with(token, "'https://acme.example/#CANARY'"), []string{`9: token_endpoint must not have a fragment`}},
		{"an address with a space", with(token, "https://acme.example/CANARY x"), []string{`9: token_endpoint must be an address without spaces, quotes and single braces`}},
		{"an address with an open brace", with(token, "https://acme.example/{x"), []string{`9: token_endpoint must be an address without spaces`}},
		{"an address in a list", with(token, "[x]"), []string{`9: token_endpoint must be a text`}},
		{"an issuer with a query", add("  issuer: https://acme.example/?CANARY=1\n  jwks_uri: https://acme.example/keys\n"), []string{`12: issuer is an issuer, which has no query`}},
		{"a discovery with a query", add("  discovery: https://acme.example/?CANARY=1\n"), []string{`12: discovery is an issuer, which has no query`}},
		{"an issuer without keys", add("  issuer: https://acme.example\n"), []string{`6: ID tokens are verified with issuer and jwks_uri together`}},
		{"keys without issuer", add("  jwks_uri: https://acme.example/keys\n"), []string{`6: ID tokens are verified with issuer and jwks_uri together`}},

		{"an address with an unknown variable", with(token, "https://{v}.acme.example/"), []string{`9: token_endpoint names the variable "v", which is not defined`}},
		{"the token's tenant outside of the issuer", with(token, "https://acme.example/{tenantid}"), []string{`9: token_endpoint names the variable "tenantid"`}},
		{"the token's tenant as the issuer's host", add("  issuer: https://{tenantid}/\n  jwks_uri: https://acme.example/keys\n"), []string{`12: issuer lets the variable "tenantid" choose`}},
		{"a variable for a port", withVariable("https://acme.example:{v}/", "[0-9]+"), []string{`9: token_endpoint must be a whole address`}},
		{"a variable for a scheme", withVariable("{v}://acme.example/", "https|http"), []string{`9: token_endpoint must be a whole address`}},
		{"a variable for a password", withVariable("https://{v}@acme.example/", "[a-z]+"), []string{`9: token_endpoint must not hold a user name`}},
		{"a variable for a whole host", withVariable("https://{v}/token", "[a-z.]+[a-z]"), []string{`9: token_endpoint lets the variable "v" choose whose host gets the client's secret`}},
		{"a variable for a top-level domain", withVariable("https://acme.{v}/token", "[a-z]{2,3}"), []string{`9: token_endpoint lets the variable "v" choose`}},
		{"a variable for a registered domain", withVariable("https://accounts.{v}.com/token", "[a-z]+"), []string{`9: token_endpoint lets the variable "v" choose`}},
		{"a variable for a part of a registered domain", withVariable("https://{v}-acme.com/token", "[a-z]+"), []string{`9: token_endpoint lets the variable "v" choose`}},

		{"a variable with a slash", placed("[a-z/]+"), []string{`13: the pattern must match ASCII letters, digits and -._~ alone`}},
		{"a variable with an at sign", placed("[a-z]+@[a-z]+"), []string{`13: the pattern must match`}},
		{"a variable with a colon", placed("[a-z]+(:[0-9]+)?"), []string{`13: the pattern must match`}},
		{"a variable with a percent sign", placed("([a-z]|%2[fF])+"), []string{`13: the pattern must match`}},
		{"a variable of anything", placed(".+"), []string{`13: the pattern must match`}},
		{"a variable of all but slashes", placed("[^/]+"), []string{`13: the pattern must match`}},
		{"a variable of space", placed(`a\s`), []string{`13: the pattern must match`}},
		{"a variable with letters beyond ASCII in disguise", placed("(?i)kilo"), []string{`13: the pattern must match`}},
		{"a variable that may be empty", placed("[a-z]*"), []string{`13: the pattern must match`}},
		{"a variable that may be two dots", placed("[a-z.]+"), []string{`13: the pattern must match`}},
		{"a variable that escapes its anchors", placed("a)|(?:b"), []string{`13: this is no regular expression`}},
		{"a variable that quotes its anchors", placed(`\Qa`), []string{`13: this is no regular expression`}},
		{"a variable without pattern", add("  variables: {v: {title: V, default: x}}\n"), []string{`12: the variable "v" lacks the key "pattern"`}},
		{"a variable without title", add("  variables: {v: {pattern: x, default: x}}\n"), []string{`12: the variable "v" lacks the key "title"`}},
		{"a variable with an unknown key", add("  variables: {v: {title: V, pattern: x, default: x, secret: true}}\n"), []string{`12: unknown key "secret"; the keys of the variable "v" are title,`}},
		{"a variable that nothing uses", add("  variables: {v: {title: V, pattern: x}}\n"), []string{`12: no address uses this variable`}},
		{"a default that does not match", add("  variables: {v: {title: V, pattern: '[a-z]+', default: CANARY}}\n"), []string{`12: the default does not match the pattern`}},
		{"an example that does not match", add("  variables: {v: {title: V, pattern: '[a-z]+', default: x, example: CANARY}}\n"), []string{`12: the example does not match the pattern`}},
		{"a variable named as a token", add("  variables: {access_token: {title: V, pattern: x, default: x}}\n"), []string{`12: a variable's name must be`}},
		{"a variable named as the token's tenant", add("  variables: {tenantid: {title: V, pattern: x, default: x}}\n"), []string{`12: a variable's name must be`}},
		{"a variable in capitals", add("  variables: {V: {title: V, pattern: x, default: x}}\n"), []string{`12: a variable's name must be`}},
		{"variables in a list", add("  variables: [CANARY]\n"), []string{`12: variables must be a mapping`}},

		{"scopes in a text", add("  scopes: openid CANARY\n"), []string{`12: scopes must be a list of at most 200 items, each one scope`}},
		{"a scope with a space", add("  scopes: [openid, a CANARY]\n"), []string{`12: each item of scopes must be one scope`}},
		{"a scope twice", add("  scopes: [openid, openid]\n"), []string{`12: scopes has the same item twice`}},
		{"a separator that is none", add("  scope_separator: x\n"), []string{`12: scope_separator must be`}},
		{"a parameter that the service sets", add("  authorization_parameters: {State: x, code_challenge: x, prompt: x}\n"), []string{`12: the parameter State is set by the service itself`, `12: the parameter code_challenge is set`}},
		{"a token parameter that the service sets", add("  token_parameters: {client_secret: CANARY, grant_type: x}\n"), []string{`12: the parameter client_secret is set`, `12: the parameter grant_type is set`}},
		{"a parameter that is true", add("  token_parameters: {offline: true}\n"), []string{`12: each value of token_parameters must be a text`}},
		{"a parameter with a line break", add("  token_parameters: {x: \"CANARY\\n\"}\n"), []string{`12: each value of token_parameters must be a text`}},
		{"a parameter whose name is none", add("  token_parameters: {'a CANARY': x}\n"), []string{`12: a parameter's name must be`}},
		{"parameters in a list", add("  token_parameters: [x]\n"), []string{`12: token_parameters must be a mapping`}},
		{"a header that the service sets", add("  headers: {Authorization: CANARY, content-type: x, Cookie: x}\n"), []string{`12: the header Authorization is set`, `12: the header content-type is set`, `12: the header Cookie is set`}},
		{"a header whose name is none", add("  headers: {'X-A:': x}\n"), []string{`12: a header's name must be`}},
		{"a header with a line break", add("  headers: {X-A: \"x\\r\\nCookie: CANARY\"}\n"), []string{`12: each value of headers must be a text`}},

		{"a lifetime in words", with("{default: 3600}", "{default: an hour}"), []string{`11: default must be a duration as in "45s", "1h" or "30d"`}},
		{"no time to live", with("{default: 3600}", "{default: 0}"), []string{`11: default must be a duration`}},
		{"a part of a second", with("{default: 3600}", "{default: 1500ms}"), []string{`11: default must be a duration`}},
		{"a century", with("{default: 3600}", "{default: 36500d}"), []string{`11: default must be a duration`}},
		{"a lifetime that is two things", with("{default: 3600}", "{default: 1h, never: true}"), []string{`11: lifetime needs exactly one of default`}},
		{"a lifetime that is nothing", with("{default: 3600}", "{never: false}"), []string{`11: lifetime needs exactly one of default`}},
		{"a lifetime's member that is none", with("{default: 3600}", "{default: 1h, member: a..b}"), []string{`11: member must be a member's name, or a path`}},
		{"refresh in words", add("  refresh: rotates\n"), []string{`12: refresh must be a mapping with the keys rotates,`}},
		{"rotates in words", add("  refresh: {rotates: sometimes}\n"), []string{`12: rotates must be true or false`}},
		{"an error code that is a number", add("  errors: {dead: [400]}\n"), []string{`12: each item of dead must be one error code`}},
		{"an error code with two meanings", add("  errors: {dead: [a], transient: [b], misconfigured: [b]}\n"), []string{`12: the code "b" stands in two lists of errors`}},
		{"a limit of nothing", add("  limits: {requests_per_second: 0}\n"), []string{`12: requests_per_second must be a number from 0.01 to 1000`}},
		{"half a request", add("  limits: {concurrent: 1.5}\n"), []string{`12: concurrent must be a whole number from 1 to 256`}},
		{"a limit in words", add("  limits: {concurrent: many}\n"), []string{`12: concurrent must be a whole number`}},
		{"an account's path that is none", add("  account: {email: 'a b'}\n"), []string{`12: email must be a member's name`}},
		{"a grant type that nothing uses", add("  client_credentials_grant_type: x\n"), []string{`6: client_credentials_grant_type is of no use`}},

		{"a section that no type uses", with(types, "  api_key: {schema: {type: object}}\n"), []string{`6: no credential type has oauth: true`}},
		{"another grant", with(types, "  oauth2: {oauth: true, grant: password}\n"), []string{`13: grant must be one of authorization_code, client_credentials`}},
		{"client credentials without secret", strings.Replace(with("post", "none"), types, "  oauth2: {oauth: true, grant: client_credentials}\n", 1), []string{`13: grant client_credentials needs a client with a secret`}},
		{"a grant of a type without OAuth", with(types, types+"  api_key: {grant: client_credentials, scopes: [a], properties: {}, schema: {type: object}}\n"), []string{`14: grant is for types with oauth: true`, `14: scopes is for types`, `14: properties is for types`, `14: credential type api_key has a schema and properties`}},
		{"a schema and properties", with(types, "  oauth2: {oauth: true, schema: {type: object}, properties: {}}\n"), []string{`13: credential type oauth2 has a schema and properties`}},
		{"a schema beside variables", strings.Replace(placed("[a-z]+"), types, "  oauth2: {oauth: true, schema: {type: object}}\n", 1), []string{`15: a provider with variables has the standard schema`}},
		{"a property that is standard", with(types, "  oauth2: {oauth: true, properties: {scope: {type: string}}}\n"), []string{`13: the standard schema or a variable has the member "scope" already`}},
		{"a property that is a variable", strings.Replace(placed("[a-z]+"), types, "  oauth2: {oauth: true, properties: {v: {type: string}}}\n", 1), []string{`15: the standard schema or a variable has the member "v" already`}},
		{"properties in a list", with(types, "  oauth2: {oauth: true, properties: [x]}\n"), []string{`13: properties must be a mapping`}},
		{"a property with an unknown keyword", with(types, "  oauth2:\n    oauth: true\n    properties:\n      x:\n        minLenght: 4\n"), []string{`17: unknown keyword "minLenght"`}},
		{"a property whose keyword has the wrong type", with(types, "  oauth2:\n    oauth: true\n    properties:\n      x:\n        minLength: CANARY\n"), []string{`17: this does not fit JSON Schema 2020-12 (must be an integer)`}},
		{"a grant without section", in("    schema:", "    oauth: true\n    grant: client_credentials\n    scopes: [a]\n    schema:"), []string{`9: grant needs the definition's section oauth`, `10: scopes needs the definition's section oauth`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, err := range catalog.ReadDefinition("x.yaml", []byte(tc.text)) {
				got = append(got, err.Error())
			}
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
