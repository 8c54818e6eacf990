package contract_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

// body is a credential's body with one member written as it stands.
func body(member, value string) string {
	members := map[string]string{"name": `"x"`, "provider": `"sftp"`, "credential_type": `"user_password"`,
		"credentials": `{"host":"h","username":"u","password":"` + canary + `"}`}
	members[member] = value
	var out []string
	for _, name := range []string{"name", "provider", "credential_type", "credentials"} {
		out = append(out, `"`+name+`":`+members[name])
	}
	return "{" + strings.Join(out, ",") + "}"
}

func TestBodiesThatCannotBeParsed(t *testing.T) {
	s := start(t, nil)
	good := body("name", `"x"`)
	for name, sent := range map[string]string{
		"an empty one":                   "",
		"white space":                    " \n\t ",
		"a word":                         canary,
		"one cut off":                    good[:len(good)-2],
		"one with something behind it":   good + "x",
		"two":                            good + good,
		"one with a byte order mark":     "\ufeff" + good,
		"one in UTF-16":                  "\xff\xfe{\x00}\x00",
		"one with bad UTF-8":             body("name", "\"a\xff\""),
		"one with a surrogate in UTF-8":  body("name", "\"\xed\xa0\x80\""),
		"one with a raw NUL":             body("name", "\"a\x00b\""),
		"one with a raw line break":      body("name", "\"a\nb\""),
		"one with a comma at its end":    "{" + `"name":"x",` + "}",
		"one with a comment":             good + "// done",
		"one in single quotes":           strings.ReplaceAll(good, `"`, `'`),
		"one with a number that is none": body("name", "NaN"),
		"one with a leading zero":        body("name", "007"),
		"one nested without end":         body("credentials", strings.Repeat(`{"a":`, 20000)+"1"+strings.Repeat("}", 20000)),
		"one that only opens":            strings.Repeat("[", 100000),
	} {
		t.Run(name, func(t *testing.T) {
			s.on(t).call(s.here.owner, "POST", credentialsPath, sent).WantError(t, 400, "bad_request")
		})
	}
	want(t, "the list afterwards", s.list(s.get(s.here.owner, credentialsPath)), []object{})
}

func TestBodiesThatDoNotFit(t *testing.T) {
	s := start(t, nil)
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for _, c := range []struct {
		name, sent string
		detail     []string
	}{
		{"null", "null", []string{"body: type"}},
		{"a list", "[]", []string{"body: type"}},
		{"a string", `"` + canary + `"`, []string{"body: type"}},
		{"a number", "7", []string{"body: type"}},
		{"nothing in it", "{}", []string{"body.name: missing", "body.provider: missing", "body.credential_type: missing", "body.credentials: missing"}},
		{"a null name", body("name", "null"), []string{"body.name: type"}},
		{"a number for a name", body("name", "1e3"), []string{"body.name: type"}},
		{"an object for a name", body("name", `{"a":1}`), []string{"body.name: type"}},
		{"a NUL in the name", body("name", `"a\u0000b"`), []string{"body.name: pattern"}},
		{"a line break in the name", body("name", `"a\nb"`), []string{"body.name: pattern"}},
		{"an escape in the name", body("name", `"a\u001b[31mb"`), []string{"body.name: pattern"}},
		{"a C1 control in the name", body("name", `"a\u0085b"`), []string{"body.name: pattern"}},
		{"a name of white space", body("name", `" \u00a0\u2003\u3000"`), []string{"body.name: pattern"}},
		{"an empty name", body("name", `""`), []string{"body.name: length", "body.name: pattern"}},
		{"a long name", body("name", `"`+strings.Repeat("x", 256)+`"`), []string{"body.name: length"}},
		{"an empty provider", body("provider", `""`), []string{"body.provider: length"}},
		{"null credentials", body("credentials", "null"), []string{"body.credentials: type"}},
		{"a list of credentials", body("credentials", `["`+canary+`"]`), []string{"body.credentials: type"}},
		{"credentials as a string of JSON", body("credentials", `"{\"password\":\"`+canary+`\"}"`), []string{"body.credentials: type"}},
		{"an unknown field", body("name", `"x","colour":"`+canary+`"`), []string{"body.colour: unexpected"}},
		{"an unknown field with a secret for its name", body("name", `"x","`+canary+`/+==":1`), []string{"body.?: unexpected"}},
		{"a name in capitals beside the name", body("name", `"x","NAME":""`), []string{"body.NAME: unexpected"}},
		{"a name twice", body("name", `"x","name":"y"`), []string{"body.name: duplicate"}},
		{"a name twice, once escaped", body("name", `"x","n\u0061me":"y"`), []string{"body.name: duplicate"}},
		{"credentials twice", body("credentials", `{"host":"h"},"credentials":{"password":"`+canary+`"}`), []string{"body.credentials: duplicate"}},
		{"a password twice", body("credentials", `{"host":"h","username":"u","password":"p","password":"`+canary+`"}`), []string{"body.credentials.password: duplicate"}},
		{"a secret for a member's name twice", body("credentials", `{"`+canary+`/+==":1,"`+canary+`/+==":1}`), []string{"body.credentials: duplicate"}},
		{"a huge exponent", body("credentials", `{"host":"h","username":"u","password":"p","port":1e400}`), []string{"body.credentials.port: json"}},
		{"a number of many digits", body("credentials", `{"host":"h","username":"u","password":"p","port":`+strings.Repeat("9", 1000)+`}`), []string{"body.credentials.port: json"}},
		{"credentials nested deep", body("credentials", deep), []string{"body.credentials: json"}},
		{"a password of the wrong type", body("credentials", `{"host":"h","username":"u","password":["`+canary+`"]}`), []string{"body.credentials.password: type"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			a := s.call(s.here.owner, "POST", credentialsPath, c.sent)
			want(t, "detail", setOf(s.detail(a)), setOf(c.detail))
		})
	}
	want(t, "the list afterwards", s.list(s.get(s.here.owner, credentialsPath)), []object{})
	t.Run("detail stands in both forms", func(t *testing.T) {
		s := s.on(t)
		var e object
		s.call(s.here.owner, "POST", credentialsPath, body("credentials", `{"host":"h","username":"u","password":"p","port":0}`)).WantError(t, 422, "validation_error").Into(t, &e)
		want(t, "detail", e["detail"], []any{object{"loc": []any{"body", "credentials", "port"}, "msg": "Must be 1 or more", "type": "minimum"}})
		want(t, "details", e["error"].(object)["details"], e["detail"])
	})
}

func TestBodiesThatAreUnusualAndRight(t *testing.T) {
	s := start(t, nil)
	program := s.account(s.here.id)
	for _, c := range []struct{ name, sent, stored string }{
		{"white space around it", "\r\n\t " + body("name", `"x"`) + " \n", "x"},
		{"letters of other scripts", body("name", `"Geheim \u00fc 密码 🔑"`), "Geheim ü 密码 🔑"},
		{"escaped members", strings.Replace(body("name", `"x"`), `"name"`, `"\u006eame"`, 1), "x"},
		{"half of a surrogate pair", body("name", `"a\ud800b"`), "a\ufffdb"},
		{"markup", body("name", `"<b>&amp;\"'</b>"`), `<b>&amp;"'</b>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			got := s.object(s.call(s.here.owner, "POST", credentialsPath, c.sent), 201)
			want(t, "the name", got["name"], c.stored)
			s.opened(program, text(t, got, "id"))
		})
	}
}

func TestQueriesThatDoNotFit(t *testing.T) {
	s := start(t, nil)
	account, _ := s.newAccount(s.here.admin, "sync")
	for _, path := range []string{credentialsPath, credentialsPath + "/provider/sftp", accountsPath, account + "/api-keys"} {
		for _, c := range []struct{ query, detail string }{
			{"limit=0", "limit"}, {"limit=-1", "limit"}, {"limit=1001", "limit"}, {"limit=", "limit"}, {"limit=ten", "limit"}, {"limit=1.5", "limit"}, {"limit=1e2", "limit"},
			{"limit=0x10", "limit"}, {"limit=99999999999999999999", "limit"}, {"limit=%D9%A3", "limit"}, {"limit=1&limit=1", "limit"}, {"limit=%00", "limit"}, {"limit=+5", "limit"},
			{"offset=-1", "offset"}, {"offset=99999999999999999999", "offset"}, {"offset=two", "offset"}, {"offset=0&offset=1", "offset"},
		} {
			t.Run(path[:min(len(path), 40)]+"?"+c.query, func(t *testing.T) {
				s := s.on(t)
				want(t, "detail", s.detail(s.get(s.here.admin, path+"?"+c.query)), []string{"query." + c.detail + ": value"})
			})
		}
		for _, query := range []string{"limit=%", "limit=%zz", "%", "a=%f", "a;b=c"} {
			t.Run(path[:min(len(path), 40)]+"?"+query, func(t *testing.T) {
				s.on(t).get(s.here.admin, path+"?"+query).WantError(t, 400, "bad_request")
			})
		}
		for _, query := range []string{"", "&", "limit=1000", "offset=0", "offset=2147483648", "colour=red&colour=blue", "Limit=0"} {
			t.Run(path[:min(len(path), 40)]+"?"+query+" is right", func(t *testing.T) {
				s.on(t).get(s.here.admin, path+"?"+query).Want(t, 200)
			})
		}
	}
	for _, query := range []string{"scope=everything", "scope=Organization", "scope=", "scope=own&scope=own", "provider=a&provider=b", "provider=" + strings.Repeat("a", 300), "provider=%ff"} {
		t.Run("credentials?"+query[:min(len(query), 30)], func(t *testing.T) {
			s := s.on(t)
			name, _, _ := strings.Cut(query, "=")
			want(t, "detail", s.detail(s.get(s.here.admin, credentialsPath+"?"+query)), []string{"query." + name + ": value"})
		})
	}
	t.Run("several at once are all told", func(t *testing.T) {
		s := s.on(t)
		want(t, "detail", s.detail(s.get(s.here.admin, credentialsPath+"?limit=0&offset=-1&scope=x&provider=%00")),
			[]string{"query.limit: value", "query.offset: value", "query.provider: value", "query.scope: value"})
	})
	t.Run("where no query is read garbage is refused all the same", func(t *testing.T) {
		s.on(t).get(s.here.admin, credentialsPath+"/"+uuid.NewString()+"?%zz").WantError(t, 400, "bad_request")
	})
}
