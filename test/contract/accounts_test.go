package contract_test

import (
	"testing"

	"github.com/google/uuid"
)

// newAccount creates a service account over the API and returns its path and answer.
func (s *scene) newAccount(by who, name string) (string, object) {
	s.t.Helper()
	a := s.object(s.call(by, "POST", accountsPath, object{"name": name}), 201)
	return accountsPath + "/" + text(s.t, a, "id"), a
}

// newKey creates an API key over the API and returns its path, answer and token.
func (s *scene) newKey(by who, account string, body object) (string, object, who) {
	s.t.Helper()
	k := s.object(s.call(by, "POST", account+"/api-keys", body), 201)
	return account + "/api-keys/" + text(s.t, k, "id"), k, who{key: text(s.t, k, "token")}
}

func TestACreatedServiceAccountIsAnsweredWhole(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct {
		name             string
		body             object
		named, described any
	}{
		{"with a name alone", object{"name": " nightly-sync "}, "nightly-sync", nil},
		{"with a description", object{"name": "other", "description": "Runs at night\nand at noon"}, "other", "Runs at night\nand at noon"},
		{"with a null description", object{"name": "third", "description": nil}, "third", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			got := s.object(s.call(s.here.admin, "POST", accountsPath, c.body), 201)
			wantNewID(t, got)
			path := accountsPath + "/" + got["id"].(string)
			want(t, "what is read", s.object(s.get(s.here.owner, path), 200), got)
			for _, field := range []string{"id", "created_at", "updated_at"} {
				delete(got, field)
			}
			want(t, "the answer", got, object{"modified_by": s.here.admin.id, "organization_id": s.here.id,
				"name": c.named, "description": c.described, "status": "active", "grants": []any{}})
		})
	}
}

func TestTheNameOfAServiceAccountIsUniqueInItsOrganization(t *testing.T) {
	s := start(t, nil)
	_, first := s.newAccount(s.here.admin, "sync")
	second, _ := s.newAccount(s.here.admin, "other")
	t.Run("a second of the name is a conflict", func(t *testing.T) {
		s.on(t).call(s.here.admin, "POST", accountsPath, object{"name": "sync"}).WantError(t, 409, "conflict")
	})
	t.Run("white space around it makes no other name", func(t *testing.T) {
		s.on(t).call(s.here.admin, "POST", accountsPath, object{"name": " sync\u00a0"}).WantError(t, 409, "conflict")
	})
	t.Run("renaming into it is a conflict", func(t *testing.T) {
		s := s.on(t)
		s.call(s.here.admin, "PATCH", second, object{"name": "sync"}).WantError(t, 409, "conflict")
		want(t, "the name", s.object(s.get(s.here.admin, second), 200)["name"], "other")
	})
	t.Run("another organization may use it", func(t *testing.T) {
		s.on(t).newAccount(s.there.admin, "sync")
	})
	t.Run("once deleted it is free again", func(t *testing.T) {
		s := s.on(t)
		s.call(s.here.admin, "DELETE", accountsPath+"/"+first["id"].(string), nil).Want(t, 204)
		s.newAccount(s.here.admin, "sync")
	})
}

func TestListsOfServiceAccounts(t *testing.T) {
	s := start(t, nil)
	system := s.system("")
	_, first := s.newAccount(s.here.admin, "first")
	_, second := s.newAccount(s.here.admin, "second")
	s.newAccount(s.there.admin, "elsewhere")
	for _, c := range []struct {
		name, query string
		who         who
		ids         []any
	}{
		{"the organization's and the system ones, oldest first", "", s.here.admin, []any{system.id, first["id"], second["id"]}},
		{"an app_user may read them", "", s.here.owner, []any{system.id, first["id"], second["id"]}},
		{"limit cuts", "?limit=1", s.here.admin, []any{system.id}},
		{"offset passes over", "?limit=1&offset=1", s.here.admin, []any{first["id"]}},
		{"a limit of 1000 is allowed", "?limit=1000&offset=2", s.here.admin, []any{second["id"]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			want(t, "the list", values(s.list(s.get(c.who, accountsPath+c.query)), "id"), c.ids)
		})
	}
}

func TestChangingAServiceAccount(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct {
		name          string
		body, changed object
	}{
		{"its name", object{"name": " renamed "}, object{"name": "renamed"}},
		{"its description", object{"description": "new"}, object{"description": "new"}},
		{"both", object{"name": "both", "description": ""}, object{"name": "both", "description": ""}},
		{"neither, where both are null", object{"name": nil, "description": nil}, object{}},
		{"nothing", object{}, object{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			path, before := s.newAccount(s.here.admin, uuid.NewString())
			after := s.object(s.call(s.here.admin, "PATCH", path, c.body), 200)
			right := merge(before, c.changed, object{"updated_at": after["updated_at"]})
			want(t, "the answer", after, right)
			want(t, "what is read", s.object(s.get(s.here.admin, path), 200), right)
		})
	}
}

func TestAnInactiveAccountsKeysAreDeadUntilItIsActive(t *testing.T) {
	s := start(t, nil)
	path, _ := s.newAccount(s.here.admin, "sync")
	_, _, program := s.newKey(s.here.admin, path, object{"name": "key"})
	s.get(program, credentialsPath).Want(t, 200)
	for _, step := range []struct {
		action, status string
		answer         int
	}{{"deactivate", "inactive", 401}, {"deactivate", "inactive", 401}, {"activate", "active", 200}, {"activate", "active", 200}, {"deactivate", "inactive", 401}} {
		want(t, "the status", s.object(s.call(s.here.admin, "POST", path+"/"+step.action, nil), 200)["status"], step.status)
		s.get(program, credentialsPath).Want(t, step.answer)
	}
}

func TestADeletedAccountIsGoneForGoodAndItsKeysAtOnceDead(t *testing.T) {
	s := start(t, nil)
	path, account := s.newAccount(s.here.admin, "sync")
	key, _, program := s.newKey(s.here.admin, path, object{"name": "key"})
	_, _, second := s.newKey(s.here.admin, path, object{"name": "second"})
	id := s.store(s.here.owner, sftp("x", "pw"))
	s.opened(program, id)
	if a := s.call(s.here.admin, "DELETE", path, nil).Want(t, 204); len(a.Body) > 0 {
		t.Error("the 204 has a body")
	}
	for _, w := range []who{program, second} {
		s.get(w, credentialsPath+"/"+id+"/credentials").WantError(t, 401, "unauthorized")
	}
	for _, c := range []struct{ method, path string }{
		{"GET", path}, {"DELETE", path}, {"POST", path + "/activate"}, {"GET", path + "/api-keys"}, {"DELETE", key},
	} {
		s.call(s.here.admin, c.method, c.path, nil).WantError(t, 404, "not_found")
	}
	for _, a := range s.list(s.get(s.here.admin, accountsPath)) {
		if a["id"] == account["id"] {
			t.Error("the list still has the deleted account")
		}
	}
}

func TestSystemServiceAccountsAreTheOperatorsAlone(t *testing.T) {
	s := start(t, nil)
	system := s.system(s.here.id.String())
	path := accountsPath + "/" + system.id.String()
	want(t, "organization_id", s.object(s.get(s.here.owner, path), 200)["organization_id"], nil)
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"PATCH", path, object{"name": "mine"}}, {"DELETE", path, nil}, {"POST", path + "/deactivate", nil}, {"POST", path + "/activate", nil},
		{"PUT", path + "/grants", object{"grants": []any{}}}, {"GET", path + "/api-keys", nil}, {"POST", path + "/api-keys", object{"name": "mine"}},
		{"PATCH", path + "/api-keys/" + uuid.NewString(), object{"name": "mine"}}, {"DELETE", path + "/api-keys/" + uuid.NewString(), nil},
	} {
		t.Run(c.method+" "+c.path[len(path):]+" is forbidden to an org_admin", func(t *testing.T) {
			s.on(t).call(s.here.admin, c.method, c.path, c.body).WantError(t, 403, "forbidden")
		})
	}
	s.get(system, credentialsPath).Want(t, 200)
}

func TestWhatAServiceAccountMayBeCalled(t *testing.T) {
	s := start(t, nil)
	long := make([]byte, 256)
	for i := range long {
		long[i] = 'x'
	}
	for _, c := range []struct {
		name   string
		body   object
		detail []string
	}{
		{"not nothing", object{"name": ""}, []string{"body.name: length", "body.name: pattern"}},
		{"not white space", object{"name": " \u00a0\u2003"}, []string{"body.name: pattern"}},
		{"not 256 characters", object{"name": string(long)}, []string{"body.name: length"}},
		{"not a NUL", object{"name": "a\x00b"}, []string{"body.name: pattern"}},
		{"not two lines", object{"name": "a\nb"}, []string{"body.name: pattern"}},
		{"not a number", object{"name": 7}, []string{"body.name: type"}},
		{"not null", object{"name": nil}, []string{"body.name: type"}},
		{"its name is required", object{"description": "x"}, []string{"body.name: missing"}},
		{"its description has no NUL", object{"name": "x", "description": "a\x00"}, []string{"body.description: pattern"}},
		{"it has no field that there is not", object{"name": "x", "system": true}, []string{"body.system: unexpected"}},
		{"nor one in another case", object{"name": "x", "NAME": ""}, []string{"body.NAME: unexpected"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			want(t, "detail", s.detail(s.call(s.here.admin, "POST", accountsPath, c.body)), c.detail)
		})
	}
	t.Run("255 letters of any script", func(t *testing.T) {
		name := ""
		for range 255 {
			name += "é"
		}
		s.on(t).newAccount(s.here.admin, name)
	})
}
