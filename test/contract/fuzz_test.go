package contract_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

// FuzzCreateCredential sends any body there is: none may break the service, and no
// refusal may repeat a secret.
func FuzzCreateCredential(f *testing.F) {
	for _, seed := range []string{
		"", "null", "[]", "{}", `"` + canary + `"`, "\ufeff{}", "\x00", `{"name":`,
		body("name", `"x"`), body("name", `"a\u0000b"`), body("name", `"\ud800"`), body("name", `"x","NAME":"y"`), body("name", "1e999"),
		body("provider", `"SFTP"`), body("provider", `"`+canary+`"`), body("credential_type", `"key_file"`),
		body("credentials", `{"host":"h","username":"u","password":"`+canary+`","password":"x"}`),
		body("credentials", `{"host":"h","username":"u","password":"`+canary+`","port":1e999999999}`),
		body("credentials", `{"`+canary+`":{"`+canary+`":["`+canary+`"]}}`),
		body("provider", `"google","credential_type":"google_oauth"`),
		`{"name":"x","provider":"google","credential_type":"google_oauth","credentials":{"access_token":"` + canary + `","expires_at":"9999-12-31T23:59:59-23:59"}}`,
		`{"name":"x","provider":"google","credential_type":"google_oauth","credentials":{"access_token":"` + canary + `","expires_at":253402300799.9999999}}`,
		`{"name":"x","provider":"postgresql","credential_type":"user_password","credentials":{"connection_string":"postgres://u:` + canary + `@h:99999/d"}}`,
		`{"name":"x","provider":"sftp","credential_type":"key_file","credentials":{"host":"h","username":"u","private_key_data":"-----BEGIN PRIVATE KEY-----\n` + canary + `"}}`,
	} {
		f.Add([]byte(seed))
	}
	s := start(f, func(c *app.Config) {
		c.CredentialsPerProvider, c.CredentialsPerUser, c.LogLevel = 0, 0, "error"
	})
	program := s.account(s.here.id)
	f.Fuzz(func(t *testing.T, sent []byte) {
		s := s.on(t)
		a := s.send(s.here.owner.sign(apptest.Request{Method: "POST", Path: credentialsPath, Body: sent}))
		if a.Status >= 500 {
			t.Fatalf("answered %d: %s", a.Status, a.Body)
		}
		if a.Status != 201 {
			s.noLongMember(sent, a)
			return
		}
		// What was taken can be seen, opened and listed.
		id := text(t, s.object(a, 201), "id")
		s.get(s.here.owner, credentialsPath+"/"+id).Want(t, 200)
		s.get(s.here.owner, credentialsPath+"?limit=1").Want(t, 200)
		if opened := s.get(program, credentialsPath+"/"+id+"/credentials").Want(t, 200); !json.Valid(opened.Body) {
			t.Error("what was opened is no JSON")
		}
	})
}

// noLongMember fails where a refusal repeats a value of the credentials that is long
// enough not to be there by chance.
func (s *scene) noLongMember(sent []byte, a apptest.Answer) {
	s.t.Helper()
	var request struct{ Credentials any }
	if json.Unmarshal(sent, &request) != nil {
		return
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, member := range v {
				walk(member)
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case string:
			if len(v) >= 24 && bytes.Contains(a.Body, []byte(v)) {
				s.t.Errorf("the refusal repeats a value: %s", a.Body)
			}
		}
	}
	walk(request.Credentials)
}
