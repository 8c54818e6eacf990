package contract_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestAKeysTokenIsShownOnceAndNeverAgain(t *testing.T) {
	s := start(t, nil)
	path, account := s.newAccount(s.here.admin, "sync")
	before := s.Logs.String()
	key, issued, program := s.newKey(s.here.admin, path, object{"name": "worker-1", "description": "The first"})
	shown := merge(issued)
	delete(shown, "token")
	for name, a := range map[string]object{
		"the list":     s.list(s.get(s.here.admin, path+"/api-keys"))[0],
		"a change":     merge(s.object(s.call(s.here.admin, "PATCH", key, object{}), 200), object{"updated_at": shown["updated_at"]}),
		"another list": merge(s.list(s.get(s.here.owner, path+"/api-keys"))[0], object{"updated_at": shown["updated_at"]}),
	} {
		want(t, name, a, shown)
	}
	// The door has looked for whole keys in every answer; this looks for the secret part alone.
	secret := program.key[len(text(t, issued, "token_prefix")):]
	for _, w := range []who{s.here.admin, program} {
		for _, p := range []string{accountsPath, path, path + "/api-keys", eventsPath, "/api/profile/me", credentialsPath} {
			if a := s.get(w, p); strings.Contains(string(a.Body), secret) {
				t.Errorf("GET %s shows the token", p)
			}
		}
	}
	if strings.Contains(s.Logs.String()[len(before):], secret) {
		t.Error("the log shows the token")
	}

	wantNewID(t, issued)
	for _, field := range []string{"id", "created_at", "updated_at", "token", "token_prefix"} {
		delete(issued, field)
	}
	want(t, "the rest", issued, object{"modified_by": s.here.admin.id, "user_id": s.here.admin.id, "service_account_id": account["id"],
		"organization_id": s.here.id, "name": "worker-1", "description": "The first", "expires_at": nil})
}

func TestTheFormOfAToken(t *testing.T) {
	s := start(t, nil)
	path, account := s.newAccount(s.here.admin, "sync")
	_, issued, program := s.newKey(s.here.admin, path, object{"name": "key"})
	front := "saf_org_" + s.here.id.String()[:8] + "_" + account["id"].(string)[:8] + "_"
	if !strings.HasPrefix(program.key, front) || !wholeKey.MatchString(program.key) {
		t.Error("the token has not the form of the contract")
	}
	// 32 letters and digits of 62 are more than 190 bits.
	if random := program.key[len(front):]; !regexp.MustCompile(`^[0-9A-Za-z]{33,}$`).MatchString(random) {
		t.Error("the random part is shorter than 192 bits")
	}
	if prefix := text(t, issued, "token_prefix"); len(prefix) > 40 || !strings.HasPrefix(program.key, prefix) || !strings.HasPrefix(prefix, front) {
		t.Errorf("token_prefix %q does not identify the token", prefix)
	}
	system := s.system("")
	if want := "saf_sys_" + system.id.String()[:8] + "_"; !strings.HasPrefix(system.key, want) {
		t.Errorf("a system key does not begin with %s", want)
	}
}

func TestListsOfKeys(t *testing.T) {
	s := start(t, nil)
	path, _ := s.newAccount(s.here.admin, "sync")
	_, first, _ := s.newKey(s.here.admin, path, object{"name": "same"})
	_, second, _ := s.newKey(s.here.admin, path, object{"name": "same", "expires_at": "2100-01-02T03:04:05+02:00"})
	other, _ := s.newAccount(s.here.admin, "other")
	s.newKey(s.here.admin, other, object{"name": "elsewhere"})
	want(t, "expires_at", second["expires_at"], "2100-01-02T01:04:05Z")
	for _, c := range []struct {
		name, query string
		ids         []any
	}{
		{"the account's, oldest first", "", []any{first["id"], second["id"]}},
		{"limit cuts", "?limit=1", []any{first["id"]}},
		{"offset passes over", "?offset=1", []any{second["id"]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			want(t, "the list", values(s.list(s.get(s.here.owner, path+"/api-keys"+c.query)), "id"), c.ids)
		})
	}
}

func TestChangingAKey(t *testing.T) {
	s := start(t, nil)
	path, _ := s.newAccount(s.here.admin, "sync")
	key, issued, program := s.newKey(s.here.admin, path, object{"name": "key"})
	after := s.object(s.call(s.here.admin, "PATCH", key, object{"name": " renamed ", "description": "new"}), 200)
	delete(issued, "token")
	want(t, "the answer", after, merge(issued, object{"name": "renamed", "description": "new", "updated_at": after["updated_at"]}))
	s.get(program, credentialsPath).Want(t, 200)
	want(t, "detail", s.detail(s.call(s.here.admin, "PATCH", key, object{"expires_at": "2100-01-01T00:00:00Z"})), []string{"body.expires_at: unexpected"})
}

func TestADeletedKeyIsDeadFromTheNextRequestOn(t *testing.T) {
	s := start(t, nil)
	path, _ := s.newAccount(s.here.admin, "sync")
	key, _, program := s.newKey(s.here.admin, path, object{"name": "key"})
	_, _, second := s.newKey(s.here.admin, path, object{"name": "second"})
	s.get(program, credentialsPath).Want(t, 200)
	s.call(s.here.admin, "DELETE", key, nil).Want(t, 204)
	s.get(program, credentialsPath).WantError(t, 401, "unauthorized")
	s.get(second, credentialsPath).Want(t, 200)
	s.call(s.here.admin, "DELETE", key, nil).WantError(t, 404, "not_found")
	s.call(s.here.admin, "PATCH", key, object{"name": "x"}).WantError(t, 404, "not_found")
}

// A sub-resource is looked up by its owner and organization, never by its own id alone.
func TestAKeyIsFoundUnderItsOwnAccountAlone(t *testing.T) {
	s := start(t, nil)
	mine, _ := s.newAccount(s.here.admin, "mine")
	other, _ := s.newAccount(s.here.admin, "other")
	foreign, _ := s.newAccount(s.there.admin, "foreign")
	_, key, program := s.newKey(s.here.admin, mine, object{"name": "key"})
	_, foreignKey, foreignProgram := s.newKey(s.there.admin, foreign, object{"name": "key"})
	id, foreignID := "/api-keys/"+key["id"].(string), "/api-keys/"+foreignKey["id"].(string)
	for _, c := range []struct{ name, path string }{
		{"another account of the organization", other + id},
		{"another organization's account", foreign + id},
		{"another organization's key under one's own account", mine + foreignID},
		{"another organization's key under its account", foreign + foreignID},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			s.call(s.here.admin, "PATCH", c.path, object{"name": "taken"}).WantError(t, 404, "not_found")
			s.call(s.here.admin, "DELETE", c.path, nil).WantError(t, 404, "not_found")
		})
	}
	s.get(program, credentialsPath).Want(t, 200)
	s.get(foreignProgram, credentialsPath).Want(t, 200)
	want(t, "the name", s.list(s.get(s.there.admin, foreign+"/api-keys"))[0]["name"], "key")
}

func TestWhenAKeyMayExpire(t *testing.T) {
	s := start(t, nil)
	path, _ := s.newAccount(s.here.admin, "sync")
	for name, c := range map[string]struct {
		at     any
		detail []string
	}{
		"never":                                {nil, nil},
		"in the future":                        {time.Now().Add(time.Hour), nil},
		"not in the past":                      {"2020-01-01T00:00:00Z", []string{"body.expires_at: value"}},
		"not on a day that there is not":       {"2100-02-30T00:00:00Z", []string{"body.expires_at: format"}},
		"not in words":                         {"tomorrow", []string{"body.expires_at: format"}},
		"not as a number":                      {4102444800, []string{"body.expires_at: type"}},
		"not in a year that no answer can say": {"9999-12-31T23:59:59-23:59", []string{"body.expires_at: value"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			a := s.call(s.here.admin, "POST", path+"/api-keys", object{"name": "key", "expires_at": c.at})
			if c.detail == nil {
				a.Want(t, 201)
				return
			}
			want(t, "detail", s.detail(a), c.detail)
		})
	}
	s.get(s.here.admin, path+"/api-keys").Want(t, 200)
}
