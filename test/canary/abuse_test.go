package canary_test

import (
	"encoding/base64"
	"net/http"
	"strings"

	"strongroom/internal/app/apptest"
)

// abuse is a call that goes wrong with a secret in it.
type abuse struct {
	name    string
	request apptest.Request
	status  int
}

func sftp(data string) string { return object("sftp", "user_password", data) }

// bodies are calls with secrets in places of a body where none belong, or in bodies that
// are no good.
func (s *spy) bodies() []abuse {
	x := s.secret("x")
	quoted := string(mustJSON(x))
	post := func(name string, status int, body any) abuse {
		return abuse{name, apptest.Request{Method: http.MethodPost, Path: credentials, Token: s.admin, Body: body}, status}
	}
	typed := func(contentType string, body any) apptest.Request {
		return apptest.Request{Method: http.MethodPost, Path: credentials, Token: s.admin, Body: body, Header: http.Header{"Content-Type": {contentType}}}
	}
	return []abuse{
		post("an object in place of the password", 422, sftp(with("password", map[string]string{"value": x}))),
		post("a list in place of the password", 422, sftp(with("password", []string{x}))),
		post("a list in place of the data", 422, sftp("["+quoted+"]")),
		post("a text in place of the data", 422, sftp(quoted)),
		post("an object in place of the name", 422, `{"name":{"password":`+quoted+`},"provider":"sftp","credential_type":"user_password","credentials":{}}`),
		post("a secret as the port", 422, sftp(`{"host":"h","username":"u","password":"p","port":`+quoted+`}`)),
		post("a secret as the host", 422, sftp(`{"host":`+string(mustJSON(x+" /"))+`,"username":"u","password":"p"}`)),
		post("a secret as the host key", 422, sftp(`{"host":"h","username":"u","password":"p","host_key":`+quoted+`}`)),
		post("unknown fields that are named like secrets", 422, sftp(`{"host":"h","username":"u","password":"p","secret":`+quoted+`,"api_key":`+quoted+`,"access_token":`+quoted+`}`)),
		post("a field of the data whose name is the secret", 422, sftp(with(s.marker, "p"))),
		post("a field of the data whose name has the secret in it", 422, sftp(with("password: "+x, "p"))),
		post("an unknown field beside the data", 422, `{"name":"n","provider":"sftp","credential_type":"user_password","password":`+quoted+`,"credentials":{}}`),
		post("a field beside the data whose name is the secret", 422, `{"name":"n","provider":"sftp","credential_type":"user_password",`+string(mustJSON(s.marker))+`:1,"credentials":{}}`),
		post("the password twice", 422, sftp(`{"host":"h","username":"u","password":`+quoted+`,"password":`+quoted+`}`)),
		post("a secret as the provider", 400, object(s.marker, "user_password", "{}")),
		post("a secret as the type", 422, object("sftp", s.marker, "{}")),
		post("a name that is far too long", 422, `{"name":"`+strings.Repeat(s.marker, 20)+`","provider":"sftp","credential_type":"user_password","credentials":{}}`),
		post("JSON that is cut off in the secret", 400, sftp(with("password", x))[:150]),
		post("JSON with a bare secret", 400, `{"credentials":{"password":`+s.marker+`}}`),
		post("JSON with something behind it", 400, sftp(with("password", x))+s.marker),
		post("JSON that is not UTF-8", 400, sftp(with("password", x)+"\xff")),
		post("a secret and no JSON", 400, x),
		post("data nested too deep", 422, sftp(strings.Repeat(`{"a":`, 50)+quoted+strings.Repeat("}", 50))),
		post("a body that is too large", 413, sftp(with("password", strings.Repeat(x, 40_000)))),
		post("data that is too large", 422, sftp(with("password", strings.Repeat(x, 8_000)))),
		post("a connection string that is none", 422, object("postgresql", "user_password", `{"connection_string":`+string(mustJSON("postgresql://app:"+x+"@bad host:port/app"))+`}`)),
		post("a connection string of another kind", 422, object("postgresql", "user_password", `{"connection_string":`+quoted+`}`)),
		post("a private key that is none", 422, object("sftp", "key_file", with("private_key_data", x))),
		post("a private key that is broken", 422, object("sftp", "key_file", with("private_key_data", "-----BEGIN OPENSSH PRIVATE KEY-----\n"+base64.StdEncoding.EncodeToString([]byte(x))+"\n-----END OPENSSH PRIVATE KEY-----\n"))),
		post("a private key of PuTTY's", 422, object("sftp", "key_file", with("private_key_data", "PuTTY-User-Key-File-3: ssh-ed25519\nComment: "+x))),
		post("a protected private key without its passphrase", 422, object("sftp", "key_file", with("private_key_data", s.data[protectedKey].data["private_key_data"]))),
		post("a protected private key with another passphrase", 422, object("sftp", "key_file", string(mustJSON(map[string]any{"host": "h", "username": "u",
			"private_key_data": s.data[protectedKey].data["private_key_data"], "private_key_passphrase": s.secret("wrong")})))),
		post("an access token with a line break", 422, object("google", "google_oauth", `{"access_token":`+string(mustJSON(x+"\n"+x))+`}`)),
		post("a secret as the expiry", 422, object("google", "google_oauth", `{"access_token":"a","expires_at":`+quoted+`}`)),
		post("a secret as the e-mail", 422, object("google", "google_oauth", `{"access_token":"a","email":`+quoted+`}`)),
		post("a storage key that is no base64", 422, object("azure_blob", "api_key", `{"account_name":"examplestorage","account_key":`+string(mustJSON(x+"!"))+`}`)),
		post("a storage connection string that is none", 422, object("azure_blob", "api_key", `{"connection_string":`+string(mustJSON("AccountKey="+x+";"+x))+`}`)),
		{"a body of another content type", typed("text/plain", x), 415},
		{"a secret as the content type", typed("application/"+s.marker, "{}"), 415},
		{"a form", typed("application/x-www-form-urlencoded", "password="+s.marker), 415},
	}
}

// refusals are good requests of callers who may not make them.
func (s *spy) refusals() []abuse {
	body := sftp(with("password", s.secret("x")))
	update := `{"credential_type":"user_password","credentials":` + with("password", s.secret("x")) + `}`
	one := credentials + "/" + s.ids["password"]
	request := func(method, path, token, key string, body any) apptest.Request {
		return apptest.Request{Method: method, Path: path, Token: token, Key: key, Body: body}
	}
	return []abuse{
		{"a program that stores", request(http.MethodPost, credentials, "", s.key, body), 403},
		{"a program that changes", request(http.MethodPatch, one, "", s.key, update), 403},
		{"a stranger who changes", request(http.MethodPatch, one, s.stranger, "", update), 404},
		{"a change that does not fit", request(http.MethodPatch, one, s.admin, "", `{"credential_type":"key_file","credentials":`+with("password", s.secret("x"))+`}`), 422},
		{"a change of what is not there", request(http.MethodPatch, credentials+"/0198c0de-0000-7000-8000-0000000000e1", s.admin, "", update), 404},
		{"a user at the door", request(http.MethodGet, one+"/credentials", s.admin, "", nil), 403},
		{"nobody", request(http.MethodPost, credentials, "", "", body), 401},
	}
}

// accountAbuses are secrets among service accounts and their keys.
func (s *spy) accountAbuses() []abuse {
	quoted := string(mustJSON(s.secret("x")))
	post := func(name, path, body string) abuse {
		return abuse{name, apptest.Request{Method: http.MethodPost, Path: path, Token: s.admin, Body: body}, 422}
	}
	const accounts = "/api/service-accounts"
	return []abuse{
		post("an object in place of an account's name", accounts, `{"name":{"token":`+quoted+`}}`),
		post("a secret as a provider of a grant", accounts, `{"name":"n","grants":[{"providers":[`+quoted+`]}]}`),
		post("a secret as a network of a grant", accounts, `{"name":"n","grants":[{"networks":[`+quoted+`]}]}`),
		post("a secret as a credential of a grant", accounts, `{"name":"n","grants":[{"credential_ids":[`+quoted+`]}]}`),
		post("a secret as the end of a grant", accounts, `{"name":"n","grants":[{"expires_at":`+quoted+`}]}`),
		post("a field of a grant whose name is the secret", accounts, `{"name":"n","grants":[{`+string(mustJSON(s.marker))+`:1}]}`),
		post("a secret as the end of a key", s.keys(), `{"name":"n","expires_at":`+quoted+`}`),
		post("a token for a new key", s.keys(), `{"name":"n","token":`+quoted+`}`),
	}
}
