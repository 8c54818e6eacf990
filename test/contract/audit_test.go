package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom"
)

// events returns the newest events that the query asks for.
func (s *scene) events(by who, query string) []object {
	s.t.Helper()
	var out []object
	for _, e := range s.object(s.get(by, eventsPath+query), 200)["events"].([]any) {
		out = append(out, e.(object))
	}
	return out
}

func TestEveryReadIsOnRecord(t *testing.T) {
	s := start(t, nil)
	here := s.here
	id := s.store(here.owner, sftp("x", "pw"))
	deleted := s.store(here.owner, sftp("x", "pw"))
	s.call(here.owner, "DELETE", credentialsPath+"/"+deleted, nil).Want(t, 204)
	foreign := s.store(s.there.owner, sftp("x", "pw"))
	nothing := uuid.NewString()
	program, narrow, system := s.account(here.id), s.account(here.id, strongroom.Grant{Providers: []string{"google"}}), s.system(here.id.String())
	service := func(w who, kind string) object {
		return object{"principal_kind": kind, "principal_id": w.id, "role": nil, "api_key_id": s.object(s.get(w, "/api/profile/me"), 200)["api_key_id"]}
	}
	user := func(w who, role string) object {
		return object{"principal_kind": "user", "principal_id": w.id, "role": role, "api_key_id": nil}
	}
	known := object{"provider": "sftp", "version": 1}
	unknown := object{"provider": nil, "version": nil}
	for _, c := range []struct {
		name    string
		who     who
		id      string
		headers []string
		status  int
		right   object
	}{
		{"a read", program, id, nil, 200, merge(service(program, "service_account"), known, object{"outcome": "allowed", "reason": nil, "note": nil})},
		{"a read by a system account", system, id, nil, 200, merge(service(system, "system_service_account"), known, object{"outcome": "allowed", "reason": nil, "note": nil})},
		{"a 304", program, id, []string{"If-None-Match", "*"}, 304, merge(service(program, "service_account"), known, object{"outcome": "allowed", "reason": nil, "note": "not_modified"})},
		{"a user's attempt", here.owner, id, nil, 403, merge(user(here.owner, "app_user"), unknown, object{"outcome": "denied", "reason": "service_account_required", "note": nil})},
		{"an org_admin's attempt", here.admin, id, nil, 403, merge(user(here.admin, "org_admin"), unknown, object{"outcome": "denied", "reason": "service_account_required", "note": nil})},
		{"one beyond the grants", narrow, id, nil, 403, merge(service(narrow, "service_account"), known, object{"outcome": "denied", "reason": "forbidden", "note": nil})},
		{"one of nothing", program, nothing, nil, 404, merge(service(program, "service_account"), unknown, object{"outcome": "denied", "reason": "not_found", "note": nil})},
		{"one of a deleted credential", program, deleted, nil, 404, merge(service(program, "service_account"), unknown, object{"outcome": "denied", "reason": "not_found", "note": nil})},
		{"one of another organization's", program, foreign, nil, 404, merge(service(program, "service_account"), unknown, object{"outcome": "denied", "reason": "not_found", "note": nil})},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			a := s.with(c.who, "GET", credentialsPath+"/"+c.id+"/credentials", nil, c.headers...).Want(t, c.status)
			got := s.events(here.admin, "?limit=1")[0]
			for _, field := range []string{"chain", "sequence", "hash", "time"} {
				if got[field] == nil {
					t.Errorf("the event has no %s", field)
				}
				delete(got, field)
			}
			want(t, "the event", got, merge(c.right, object{"action": "credential.read", "credential_id": c.id, "address": "127.0.0.1",
				"request_id": a.Header.Get("X-Request-ID"), "service_account_id": nil, "target_key_id": nil}))
		})
	}
	t.Run("and nothing of it is the other organization's to see", func(t *testing.T) {
		for _, e := range s.on(t).events(s.there.admin, "") {
			if encoded := encode(t, e); strings.Contains(encoded, program.id.String()) || e["action"] == "credential.read" {
				t.Errorf("the other organization sees %s", encoded)
			}
		}
	})
	t.Run("while what is not a read leaves no record of one", func(t *testing.T) {
		s := s.on(t)
		before := len(s.events(here.admin, "?action=credential.read"))
		s.get(program, credentialsPath).Want(t, 200)
		s.get(program, credentialsPath+"/"+id).Want(t, 200)
		s.get(anonymous, credentialsPath+"/"+id+"/credentials").Want(t, 401)
		want(t, "the number of reads", len(s.events(here.admin, "?action=credential.read")), before)
	})
}

func TestEveryChangeIsOnRecord(t *testing.T) {
	s := start(t, nil)
	here := s.here
	id := s.store(here.owner, sftp("x", "pw"))
	account, _ := s.newAccount(here.admin, "sync")
	key, _, _ := s.newKey(here.admin, account, object{"name": "key"})
	accountID, keyID := account[len(accountsPath)+1:], key[len(account)+len("/api-keys/"):]
	credential := object{"credential_id": id}
	ofAccount := object{"service_account_id": accountID}
	ofKey := object{"service_account_id": accountID, "target_key_id": keyID}
	for _, c := range []struct {
		name, method, path string
		who                who
		body               any
		right              object
	}{
		{"a change", "PATCH", credentialsPath + "/" + id, here.owner, replacement("new"), merge(credential, object{"action": "credential.update", "outcome": "allowed", "version": 2, "provider": "sftp"})},
		{"a change that is denied", "PATCH", credentialsPath + "/" + id, here.other, replacement("new"), merge(credential, object{"action": "credential.update", "outcome": "denied", "reason": "forbidden"})},
		{"a deletion that is denied", "DELETE", credentialsPath + "/" + id, here.other, nil, merge(credential, object{"action": "credential.delete", "outcome": "denied", "reason": "forbidden"})},
		{"a deletion", "DELETE", credentialsPath + "/" + id, here.admin, nil, merge(credential, object{"action": "credential.delete", "outcome": "allowed"})},
		{"a new credential from a program", "POST", credentialsPath, s.account(here.id), sftp("x", "pw"), object{"action": "credential.create", "outcome": "denied", "reason": "user_account_required"}},
		{"an account renamed", "PATCH", account, here.admin, object{"name": "renamed"}, merge(ofAccount, object{"action": "service_account.update", "outcome": "allowed"})},
		{"an account not renamed", "PATCH", account, here.owner, object{"name": "mine"}, merge(ofAccount, object{"action": "service_account.update", "outcome": "denied", "reason": "forbidden"})},
		{"an account narrowed", "PUT", account + "/grants", here.admin, object{"grants": []any{}}, merge(ofAccount, object{"action": "service_account.grants", "outcome": "allowed"})},
		{"an account deactivated", "POST", account + "/deactivate", here.admin, nil, merge(ofAccount, object{"action": "service_account.deactivate", "outcome": "allowed"})},
		{"an account activated", "POST", account + "/activate", here.admin, nil, merge(ofAccount, object{"action": "service_account.activate", "outcome": "allowed"})},
		{"a key renamed", "PATCH", key, here.admin, object{"name": "renamed"}, merge(ofKey, object{"action": "api_key.update", "outcome": "allowed"})},
		{"a key not deleted", "DELETE", key, here.owner, nil, merge(ofKey, object{"action": "api_key.delete", "outcome": "denied", "reason": "forbidden"})},
		{"a key deleted", "DELETE", key, here.admin, nil, merge(ofKey, object{"action": "api_key.delete", "outcome": "allowed"})},
		{"an account deleted", "DELETE", account, here.admin, nil, merge(ofAccount, object{"action": "service_account.delete", "outcome": "allowed"})},
		{"another organization's account", "DELETE", account, s.there.admin, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			a := s.call(c.who, c.method, c.path, c.body)
			got := s.events(here.admin, "?limit=1")[0]
			if c.right == nil {
				if got["request_id"] == a.Header.Get("X-Request-ID") {
					t.Error("another organization's attempt is on this one's record")
				}
				return
			}
			for field, right := range merge(c.right, object{"request_id": a.Header.Get("X-Request-ID"), "principal_id": c.who.id}) {
				want(t, field, got[field], right)
			}
		})
	}
	want(t, "what was made first", values(s.events(here.admin, "?action=api_key.create&principal_id="+here.admin.id.String()), "target_key_id"), []string{keyID})
}

func TestPagesOfTheAuditLog(t *testing.T) {
	s := start(t, nil)
	program := s.account(s.here.id)
	id := s.store(s.here.owner, sftp("x", "pw"))
	for range 7 {
		s.opened(program, id)
	}
	all := s.events(s.here.admin, "")
	var paged []object
	query := "?limit=3"
	for pages := 0; query != ""; pages++ {
		if pages > len(all) {
			t.Fatal("the pages never end")
		}
		// What is recorded meanwhile does not move what comes before.
		s.opened(program, id)
		page := s.object(s.get(s.here.admin, eventsPath+query), 200)
		for _, e := range page["events"].([]any) {
			paged = append(paged, e.(object))
		}
		query = ""
		if next, more := page["next"].(float64); more {
			query = fmt.Sprintf("?limit=3&before=%.0f", next)
		}
	}
	want(t, "the events over all pages, less the one that was new", values(paged[1:], "hash"), values(all, "hash"))
	seen := map[string]bool{}
	for i, e := range paged {
		seen[text(t, e, "hash")] = true
		if i > 0 && paged[i-1]["sequence"].(float64) <= e["sequence"].(float64) {
			t.Error("the events are not newest first")
		}
	}
	want(t, "the number of different hashes", len(seen), len(paged))
}

func TestFiltersOfTheAuditLog(t *testing.T) {
	s := start(t, nil)
	here := s.here
	first, second := s.account(here.id), s.account(here.id)
	one, two := s.store(here.owner, sftp("one", "pw")), s.store(here.owner, sftp("two", "pw"))
	s.opened(first, one)
	middle := text(t, s.events(here.admin, "?limit=1")[0], "time")
	s.opened(second, two)
	s.get(here.owner, credentialsPath+"/"+two+"/credentials").Want(t, 403)
	last := text(t, s.events(here.admin, "?limit=1")[0], "time")
	for _, c := range []struct {
		name, query, field string
		right              []any
	}{
		{"by action", "?action=credential.read", "credential_id", []any{two, two, one}},
		{"by outcome", "?outcome=denied", "credential_id", []any{two}},
		{"by credential", "?credential_id=" + one, "action", []any{"credential.read", "credential.create"}},
		{"by principal", "?principal_id=" + second.id.String(), "credential_id", []any{two}},
		{"by all of them", "?action=credential.read&outcome=allowed&credential_id=" + two + "&principal_id=" + second.id.String(), "credential_id", []any{two}},
		{"since a time, which is included", "?since=" + middle + "&action=credential.read", "credential_id", []any{two, two, one}},
		{"until a time, which is not", "?until=" + last + "&action=credential.read", "credential_id", []any{two, one}},
		{"between two times", "?since=" + middle + "&until=" + last + "&action=credential.read", "credential_id", []any{two, one}},
		{"by an action that there is not", "?action=credential.forget", "action", []any{}},
		{"by a credential of nobody", "?credential_id=" + uuid.NewString(), "action", []any{}},
		{"by a time with an offset", "?until=1999-01-01T00:00:00%2B02:00", "action", []any{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			want(t, c.field, values(s.events(here.admin, c.query), c.field), c.right)
		})
	}
	for _, query := range []string{
		"?outcome=maybe", "?credential_id=7", "?credential_id=" + uuid.Nil.String(), "?principal_id=" + uuid.Nil.String(), "?since=yesterday", "?until=7", "?before=0", "?before=-1",
		"?limit=0", "?limit=1001", "?action=a%00b", "?action=" + strings.Repeat("a", 300), "?action=%ff",
	} {
		t.Run("refuses "+query[:min(40, len(query))], func(t *testing.T) {
			s := s.on(t)
			if got := s.detail(s.get(here.admin, eventsPath+query)); len(got) != 1 || !strings.HasPrefix(got[0], "query.") {
				t.Errorf("detail is %v", got)
			}
		})
	}
}
