package far_test

import (
	"encoding/json"
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/probe/sshtest"
	"strongroom/internal/rotate/far"
	"strongroom/secret"
)

// same fails the test unless two JSON documents have the same members, each byte by byte.
func same(t *testing.T, got secret.Value, want string) {
	t.Helper()
	var g, w map[string]json.RawMessage
	if err := json.Unmarshal(got.Reveal(), &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	for name := range w {
		if string(g[name]) != string(w[name]) {
			t.Errorf("%s is %s, want %s", name, g[name], w[name])
		}
	}
	if len(g) != len(w) {
		t.Errorf("%d members, want %d", len(g), len(w))
	}
}

func TestTheNewPasswordIsWrittenIntoTheData(t *testing.T) {
	for name, c := range map[string]struct{ from, to string }{
		"in its member": {
			`{"port":5432.0,"host":"h<&>\u00e9","password":"old","more":{"b":1,"a":[1e3]}}`,
			`{"port":5432.0,"host":"h<&>\u00e9","password":"new","more":{"b":1,"a":[1e3]}}`},
		"in a member that it had not": {`{"host":"h"}`, `{"host":"h","password":"new"}`},
		"in the connection string alone": {
			`{"connection_string":"postgres://u:old@h/d?sslmode=require"}`,
			`{"connection_string":"postgres://u:new@h/d?sslmode=require"}`},
		"in the connection string and the member": {
			`{"connection_string":"host=h password=old","password":"old"}`,
			`{"connection_string":"host=h password='new'","password":"new"}`},
		"in the member where the string is null": {`{"connection_string":null,"password":"old"}`, `{"connection_string":null,"password":"new"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := far.WithPassword(text(c.from), text("new"))
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, c.to)
		})
	}
	for name, data := range map[string]string{
		"no JSON": "canary", "no object": `["canary"]`, "null": "null", "a string of no form": `{"connection_string":"host='canary"}`,
	} {
		t.Run("not into "+name, func(t *testing.T) {
			if _, err := far.WithPassword(text(data), text("new")); err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTwoRolesChangePlaces(t *testing.T) {
	const data = `{"host":"h","port":1.50e1,"username":"a","password":"1","alternate_username":"b","alternate_password":"2"}`
	alternate, ok := far.Alternate(text(data))
	if !ok {
		t.Fatal("there is no other role")
	}
	same(t, alternate, `{"host":"h","port":1.50e1,"username":"b","password":"2","alternate_username":"a","alternate_password":"1"}`)
	swapped, err := far.Swap(text(data), text("3"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, swapped, `{"host":"h","port":1.50e1,"username":"b","password":"3","alternate_username":"a","alternate_password":"1"}`)
	for name, data := range map[string]string{
		"no other role":          `{"host":"h","username":"a","password":"1"}`,
		"a role that is null":    `{"username":"a","password":"1","alternate_username":null,"alternate_password":"2"}`,
		"a role without a name":  `{"username":"a","password":"1","alternate_username":"","alternate_password":"2"}`,
		"no password of its":     `{"username":"a","password":"1","alternate_username":"b"}`,
		"a connection string":    `{"connection_string":"host=h","username":"a","password":"1","alternate_username":"b","alternate_password":"2"}`,
		"nothing that is JSON":   `canary`,
		"a name that is no text": `{"username":1,"password":"1","alternate_username":"b","alternate_password":"2"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok := far.Alternate(text(data)); ok {
				t.Error("another role was found")
			}
			if _, err := far.Swap(text(data), text("3")); err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestANewKeyIsWrittenIntoTheData(t *testing.T) {
	private, public, err := far.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(public, "ssh-ed25519 ") || strings.ContainsAny(public, "\n") || strings.Count(public, " ") != 1 {
		t.Errorf("the public key is %q", public)
	}
	quoted, err := json.Marshal(string(private.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, to string }{
		"in one spelling": {
			`{"port":22.0,"private_key_data":"old","private_key_passphrase":"p"}`, `{"port":22.0,"private_key_data":` + string(quoted) + `}`},
		"in the other": {
			`{"private_key":"old","passphrase":"p","test_path":"/<&>"}`, `{"private_key":` + string(quoted) + `,"test_path":"/<&>"}`},
		"in one where the other is null": {
			`{"private_key":null,"private_key_data":"old"}`, `{"private_key":null,"private_key_data":` + string(quoted) + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := far.WithKey(text(c.from), private)
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, c.to)
			if again, err := far.PublicOf(got); err != nil || again != public {
				t.Errorf("its public key is %q, %v", again, err)
			}
		})
	}
	for _, data := range []string{`{"password":"canary"}`, `canary`, `null`, `{"private_key":null}`} {
		if _, err := far.WithKey(text(data), private); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error %v", data, err)
		}
	}
}

func TestThePublicHalfOfTheDatasKey(t *testing.T) {
	protected := sshtest.Keygen(t, "ecdsa", "sesame")
	got, err := far.PublicOf(document(t, map[string]any{"private_key": protected, "passphrase": "sesame"}))
	if err != nil || !strings.HasPrefix(got, "ecdsa-sha2-nistp256 ") {
		t.Errorf("%q, %v", got, err)
	}
	for name, data := range map[string]secret.Value{
		"of a key without its passphrase": document(t, map[string]any{"private_key": protected}),
		"of a password":                   document(t, map[string]any{"password": "canary"}),
		"of a key that is not used":       document(t, map[string]any{"auth_type": "password", "password": "canary", "private_key": protected}),
		"of nothing":                      text("canary"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := far.PublicOf(data); err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTheDataFitsItsDefinitionAfterwards(t *testing.T) {
	c, err := catalog.Load("")
	if err != nil {
		t.Fatal(err)
	}
	fits := func(t *testing.T, provider string, typ strongroom.CredentialType, data secret.Value) {
		t.Helper()
		if _, err := c.Check(provider, typ, data.Reveal()); err != nil {
			t.Error(err)
		}
	}
	private, _, err := far.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	key := sshtest.Keygen(t, "rsa", "sesame")
	for typ, members := range map[strongroom.CredentialType]map[string]any{
		"key_file": {"private_key": key, "passphrase": "sesame", "authorized_keys_path": "keys/me"},
		"sftp":     {"private_key_data": key, "private_key_passphrase": "sesame", "auth_type": "private_key", "authorized_keys_path": "/keys/me"},
	} {
		t.Run(string(typ), func(t *testing.T) {
			members["host"], members["username"] = "h", "u"
			data := document(t, members)
			fits(t, "sftp", typ, data)
			next, err := far.WithKey(data, private)
			if err != nil {
				t.Fatal(err)
			}
			fits(t, "sftp", typ, next)
		})
	}
	for _, provider := range []string{"postgresql", "internal_postgresql"} {
		t.Run(provider, func(t *testing.T) {
			two := map[string]any{"host": "h", "username": "a", "password": "1", "database": "d", "alternate_username": "b", "alternate_password": "2"}
			fits(t, provider, "user_password", document(t, two))
			next, err := far.Swap(document(t, two), far.NewPassword())
			if err != nil {
				t.Fatal(err)
			}
			fits(t, provider, "user_password", next)
			delete(two, "alternate_password")
			if _, err := c.Check(provider, "user_password", document(t, two).Reveal()); err == nil {
				t.Error("another role without its password is taken")
			}
			both := map[string]any{"connection_string": "host=h", "alternate_username": "b", "alternate_password": "2"}
			if _, err := c.Check(provider, "user_password", document(t, both).Reveal()); err == nil {
				t.Error("another role beside a connection string is taken")
			}
		})
	}
}

// FuzzWithPassword checks that data with a new password keeps every other member.
func FuzzWithPassword(f *testing.F) {
	f.Add(`{"password":"old","port":1e2,"x":{"a":[null]}}`, "new")
	f.Add(`{"connection_string":"postgres://u:p@h?password=x","a":"<>"}`, `a'b\ %`)
	f.Add(`{"connection_string":"host=h","password":null}`, "n")
	f.Fuzz(func(t *testing.T, data, password string) {
		var before map[string]json.RawMessage
		got, err := far.WithPassword(text(data), text(password))
		if err != nil || json.Unmarshal([]byte(data), &before) != nil {
			return
		}
		var after map[string]any
		if err := json.Unmarshal(got.Reveal(), &after); err != nil {
			t.Fatal(err)
		}
		var was map[string]any
		if err := json.Unmarshal([]byte(data), &was); err != nil {
			// A number that no float holds; it was kept as it was written.
			return
		}
		for name, v := range was {
			if name == "password" || name == "connection_string" {
				continue
			}
			a, _ := json.Marshal(v)
			b, _ := json.Marshal(after[name])
			if string(a) != string(b) {
				t.Errorf("%s becomes %s", a, b)
			}
		}
	})
}
