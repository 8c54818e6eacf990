package contract_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/app"
)

const (
	testSFTP      = "/api/integrations/sftp/test-connection"
	testPostgres  = "/api/integrations/postgres/test-connection"
	rotationsPath = "/api/integrations/rotations"
)

// sftpBody is a body of a test at a host that is not called.
func sftpBody() object {
	return object{"host": "127.0.0.1", "username": "u", "auth_type": "password", "password": canary + "tried"}
}

// postgres is the body that stores a PostgreSQL password for a port where nobody listens.
func postgres(name string) object {
	return object{"name": name, "provider": "postgresql", "credential_type": "user_password", "credentials": object{
		"host": "127.0.0.1", "port": 1, "username": "app", "password": canary + "pg", "database": "app"}}
}

// keys returns the names of an object's members, in order.
func keys(o object) []string { return slices.Sorted(maps.Keys(o)) }

// wantKeys compares the names of an object's members with what is right.
func wantKeys(t *testing.T, what string, o object, right ...string) {
	t.Helper()
	want(t, "the members of "+what, keys(o), slices.Sorted(slices.Values(right)))
}

var (
	testMembers     = []string{"success", "code", "message", "duration_ms", "phases", "details", "warnings"}
	checkMembers    = append([]string{"checked_at", "trigger", "version"}, testMembers...)
	rotationMembers = []string{"id", "credential_id", "method", "trigger", "state", "began_at", "began_by", "updated_at", "ended_at", "from_version",
		"promoted_version", "attempts", "next_attempt_at", "code", "message"}
)

// startAPI starts a service that may call loopback, and an HTTP server that answers 200 to the
// key.
func startAPI(t *testing.T) (s *scene, api object) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-API-Key") != canary+"key" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	s = start(t, func(c *app.Config) { c.AllowAddresses = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	return s, object{"name": "api", "provider": "api_credential", "credential_type": "api_key", "credentials": object{"api_key": canary + "key", "test_url": server.URL}}
}

func TestWhatATestAnswers(t *testing.T) {
	s := start(t, nil)
	for path, body := range map[string]object{testSFTP: sftpBody(), testPostgres: bodies["test-postgres-connection"]} {
		t.Run(path, func(t *testing.T) {
			s := s.on(t)
			r := s.object(s.call(s.here.owner, "POST", path, body), 200)
			wantKeys(t, "a test", r, testMembers...)
			want(t, "success and code", []any{r["success"], r["code"]}, []any{false, "blocked_address"})
			want(t, "what there is none of", []any{r["details"], r["warnings"]}, []any{object{}, []any{}})
			if text(t, r, "message") == "" {
				t.Error("no sentence says why")
			}
			for _, p := range r["phases"].([]any) {
				wantKeys(t, "a phase", p.(object), "name", "duration_ms")
			}
		})
	}
	t.Run("members that may be null may be missing, and empty", func(t *testing.T) {
		s := s.on(t)
		for _, value := range []any{nil, ""} {
			body := merge(sftpBody(), object{"private_key_data": value, "private_key_passphrase": value, "host_key": value, "test_path": value, "port": value})
			s.call(s.here.owner, "POST", testSFTP, body).Want(t, 200)
			s.call(s.here.owner, "POST", testPostgres, object{"connection_string": "postgresql://u:" + canary + "@127.0.0.1/d", "host": value, "port": value,
				"username": value, "password": value, "database": value, "sslmode": value, "sslrootcert": value}).Want(t, 200)
		}
	})
	t.Run("nothing is stored", func(t *testing.T) {
		s := s.on(t)
		want(t, "the list", s.list(s.get(s.here.owner, credentialsPath)), []any{})
	})
}

func TestWhatAStoredTestAnswersAndLeaves(t *testing.T) {
	s, api := startAPI(t)
	id := s.store(s.here.owner, api)
	one := credentialsPath + "/" + id
	fresh := s.object(s.get(s.here.owner, one), 200)
	want(t, "what is known before", []any{fresh["health"], fresh["last_check"], fresh["last_checked_at"], fresh["known_host"]}, []any{nil, nil, nil, nil})
	clockTime(t, fresh, "next_check_at")
	want(t, "the checks before", s.list(s.get(s.here.owner, one+"/checks")), []any{})

	r := s.object(s.call(s.here.owner, "POST", one+"/test", nil), 200)
	wantKeys(t, "a check", r, checkMembers...)
	want(t, "what it says", []any{r["success"], r["code"], r["trigger"], r["version"]}, []any{true, nil, "request", 1})
	after := s.object(s.get(s.here.owner, one), 200)
	want(t, "health", after["health"], "ok")
	want(t, "last_check", after["last_check"], r)
	want(t, "last_checked_at", after["last_checked_at"], r["checked_at"])
	want(t, "the rest", merge(after, object{"health": nil, "last_check": nil, "last_checked_at": nil, "next_check_at": nil}), merge(fresh, object{"next_check_at": nil}))

	t.Run("the list has the newest first, in pages", func(t *testing.T) {
		s := s.on(t)
		second := s.object(s.call(s.here.owner, "POST", one+"/test", nil), 200)
		want(t, "all", s.list(s.get(s.here.owner, one+"/checks")), []any{second, r})
		want(t, "the first", s.list(s.get(s.here.owner, one+"/checks?limit=1")), []any{second})
		want(t, "the second", s.list(s.get(s.here.owner, one+"/checks?limit=1&offset=1")), []any{r})
		for _, query := range []string{"limit=0", "limit=1001", "limit=x", "offset=-1"} {
			s.get(s.here.owner, one+"/checks?"+query).WantError(t, 422, "validation_error")
		}
	})
	t.Run("new data begins anew", func(t *testing.T) {
		s := s.on(t)
		s.call(s.here.owner, "PATCH", one, object{"credential_type": "api_key", "credentials": merge(api["credentials"].(object), object{"api_key": canary + "other"})}).Want(t, 200)
		m := s.object(s.get(s.here.owner, one), 200)
		want(t, "what is known", []any{m["health"], m["last_check"], m["last_checked_at"]}, []any{nil, nil, nil})
		failed := s.object(s.call(s.here.owner, "POST", one+"/test", nil), 200)
		want(t, "what it says", []any{failed["success"], failed["code"], failed["version"]}, []any{false, "auth", 2})
		want(t, "health", s.object(s.get(s.here.owner, one), 200)["health"], "failing")
	})
}

func TestWhatCannotBeTested(t *testing.T) {
	s := start(t, nil)
	owner := s.here.owner
	untested := s.store(owner, object{"name": "f", "provider": "google", "credential_type": "oauth2", "credentials": google("")["credentials"]})
	stored, gone := s.store(owner, sftp("x", "pw")), s.store(owner, sftp("y", "pw"))
	s.call(owner, "DELETE", credentialsPath+"/"+gone, nil).Want(t, 204)
	for name, c := range map[string]struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		"an id that is none":                {"POST", credentialsPath + "/7/test", nil, 400, "invalid_credential_id"},
		"an id of nothing":                  {"POST", credentialsPath + "/" + uuid.NewString() + "/test", nil, 404, "not_found"},
		"a deleted one":                     {"POST", credentialsPath + "/" + gone + "/test", nil, 404, "not_found"},
		"the checks of a deleted one":       {"GET", credentialsPath + "/" + gone + "/checks", nil, 404, "not_found"},
		"one of another provider":           {"POST", testPostgres + "/" + stored, nil, 400, "bad_request"},
		"an id that is none, of PostgreSQL": {"POST", testPostgres + "/7", nil, 400, "invalid_credential_id"},
		"a test that is put":                {"PUT", credentialsPath + "/" + stored + "/test", object{}, 405, "method_not_allowed"},
		"a look at a test":                  {"GET", credentialsPath + "/" + stored + "/test", nil, 404, "not_found"},
		"checks that are posted":            {"POST", credentialsPath + "/" + stored + "/checks", object{}, 405, "method_not_allowed"},
		"an unsaved test that is put":       {"PUT", testSFTP, object{}, 405, "method_not_allowed"},
		"a test of SFTP's by id":            {"POST", testSFTP + "/" + stored, nil, 404, "not_found"},
		"no body":                           {"POST", testSFTP, nil, 415, "unsupported_media_type"},
		"no JSON":                           {"POST", testSFTP, canary, 400, "bad_request"},
		"a list":                            {"POST", testSFTP, []any{canary}, 422, "validation_error"},
		"a body that is too large":          {"POST", testPostgres, object{"sslrootcert": strings.Repeat("x", 2<<20)}, 413, "payload_too_large"},
		"a member that is too large":        {"POST", testPostgres, merge(bodies["test-postgres-connection"], object{"password": strings.Repeat("x", 2000)}), 422, "validation_error"},
	} {
		t.Run(name, func(t *testing.T) { s.on(t).call(owner, c.method, c.path, c.body).WantError(t, c.status, c.code) })
	}
	t.Run("a token whose provider is asked answers like any other", func(t *testing.T) {
		s.on(t).call(owner, "POST", credentialsPath+"/"+untested+"/test", nil).Want(t, 200)
	})
}

func TestWhatDoesNotFitATestIsSaidOfTheBody(t *testing.T) {
	s := start(t, nil)
	for name, c := range map[string]struct {
		path string
		body object
		want []string
	}{
		"a port of words":          {testSFTP, merge(sftpBody(), object{"port": canary}), []string{"body.port: "}},
		"an unknown member":        {testSFTP, merge(sftpBody(), object{"unknown": canary}), []string{"body.unknown: unexpected"}},
		"no password":              {testSFTP, merge(sftpBody(), object{"password": nil}), []string{"body.password: "}},
		"a password of no text":    {testSFTP, merge(sftpBody(), object{"password": 7}), []string{"body.password: type"}},
		"nothing":                  {testSFTP, object{}, []string{"body.auth_type: missing", "body.host: missing", "body.username: missing"}},
		"an unknown mode":          {testPostgres, merge(bodies["test-postgres-connection"], object{"sslmode": canary}), []string{"body.sslmode: "}},
		"a string that is no text": {testPostgres, object{"connection_string": []any{canary}}, []string{"body.connection_string: type"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			got := s.detail(s.call(s.here.owner, "POST", c.path, c.body))
			slices.Sort(got)
			for i, right := range c.want {
				if len(got) != len(c.want) || !strings.HasPrefix(got[i], right) {
					t.Fatalf("what does not fit is %v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestWhatARotationAnswers(t *testing.T) {
	s, _ := startAPI(t)
	owner := s.here.owner
	id := s.store(owner, postgres("pg"))
	one := credentialsPath + "/" + id
	want(t, "the rotations before", s.list(s.get(owner, one+"/rotations")), []any{})
	r := s.object(s.call(owner, "POST", one+"/rotate", nil), 200)
	wantKeys(t, "a rotation", r, rotationMembers...)
	want(t, "what it says", []any{r["credential_id"], r["method"], r["trigger"], r["state"], r["began_by"], r["ended_at"], r["from_version"], r["promoted_version"], r["attempts"], r["code"]},
		[]any{id, "postgresql_password", "request", "pending", owner.id, nil, 1, nil, 1, "refused"})
	if !clockTime(t, r, "next_attempt_at").After(clockTime(t, r, "began_at")) || text(t, r, "message") == "" {
		t.Errorf("it goes on at %v because %v", r["next_attempt_at"], r["message"])
	}
	rotation := one + "/rotations/" + text(t, r, "id")

	again := s.object(s.call(owner, "POST", one+"/rotate", nil), 200)
	want(t, "the one that is under way", again["id"], r["id"])
	resumed := s.object(s.call(owner, "POST", rotation+"/resume", nil), 200)
	want(t, "resumed", []any{resumed["id"], resumed["state"], resumed["attempts"]}, []any{r["id"], "pending", 1})
	want(t, "the list", values(s.list(s.get(owner, one+"/rotations?state=pending")), "id"), []any{r["id"]})
	want(t, "the organization's", values(s.list(s.get(s.here.admin, rotationsPath+"?state=pending")), "id"), []any{r["id"]})
	want(t, "another organization's", s.list(s.get(s.there.admin, rotationsPath)), []any{})

	t.Run("what nobody knows of, or cannot be", func(t *testing.T) {
		s := s.on(t)
		other := s.store(owner, postgres("other"))
		password := s.store(owner, sftp("password", "pw"))
		for _, c := range []struct {
			method, path string
			body         any
			status       int
			code         string
		}{
			{"POST", credentialsPath + "/7/rotate", nil, 400, "invalid_credential_id"}, {"POST", credentialsPath + "/" + uuid.NewString() + "/rotate", nil, 404, "not_found"},
			{"POST", credentialsPath + "/" + password + "/rotate", nil, 400, "bad_request"}, {"PATCH", one + "/rotate", object{}, 405, "method_not_allowed"},
			{"POST", one + "/rotations/7/resume", nil, 400, "bad_request"}, {"POST", one + "/rotations/" + uuid.NewString() + "/resume", nil, 404, "not_found"},
			{"POST", strings.Replace(rotation, id, other, 1) + "/resume", nil, 404, "not_found"}, {"POST", strings.Replace(rotation, id, other, 1) + "/abandon", nil, 404, "not_found"},
			{"POST", rotation + "/abandon?force=perhaps", nil, 422, "validation_error"}, {"DELETE", one + "/rotations", nil, 405, "method_not_allowed"},
			{"GET", one + "/rotations?state=unknown", nil, 422, "validation_error"}, {"GET", one + "/rotations?limit=0", nil, 422, "validation_error"},
			{"GET", rotationsPath + "?state=unknown", nil, 422, "validation_error"}, {"GET", rotationsPath, nil, 403, "forbidden"},
		} {
			s.call(owner, c.method, c.path, c.body).WantError(t, c.status, c.code)
		}
	})
	abandoned := s.object(s.call(owner, "POST", rotation+"/abandon", nil), 200)
	want(t, "abandoned", []any{abandoned["state"], abandoned["next_attempt_at"]}, []any{"abandoned", nil})
	clockTime(t, abandoned, "ended_at")
	s.call(owner, "POST", rotation+"/abandon", nil).WantError(t, 409, "conflict")
	s.call(owner, "POST", rotation+"/resume", nil).WantError(t, 409, "conflict")
	want(t, "the version", s.object(s.get(owner, one), 200)["version"], 1)
}

func TestARotationPolicy(t *testing.T) {
	s := start(t, nil)
	owner := s.here.owner
	one := credentialsPath + "/" + s.store(owner, postgres("pg"))
	fresh := s.object(s.get(owner, one), 200)
	want(t, "before", []any{fresh["rotation_policy"], fresh["next_rotation_at"], fresh["last_rotated_at"]}, []any{nil, nil, nil})
	m := s.object(s.call(owner, "PUT", one+"/rotation-policy", object{"max_age_hours": 720, "grace_hours": 48}), 200)
	want(t, "the policy", m["rotation_policy"], object{"max_age_hours": 720, "grace_hours": 48})
	want(t, "next_rotation_at", clockTime(t, m, "next_rotation_at").Sub(clockTime(t, m, "created_at")).Hours(), 720)
	want(t, "what is kept", s.object(s.get(owner, one), 200), m)
	want(t, "one without grace", s.object(s.call(owner, "PUT", one+"/rotation-policy", object{"max_age_hours": 24}), 200)["rotation_policy"], object{"max_age_hours": 24})
	want(t, "a grace alone", s.object(s.call(owner, "PUT", one+"/rotation-policy", object{"max_age_hours": nil, "grace_hours": 2}), 200)["rotation_policy"],
		object{"max_age_hours": nil, "grace_hours": 2})
	want(t, "none", s.object(s.call(owner, "PUT", one+"/rotation-policy", object{"max_age_hours": nil}), 200)["rotation_policy"], nil)
	for name, body := range map[string]any{
		"no age at all": object{}, "an age of nothing": object{"max_age_hours": 0}, "a negative age": object{"max_age_hours": -1}, "half an hour more": object{"max_age_hours": 1.5},
		"a huge age": object{"max_age_hours": 87601}, "an age beyond numbers": rawJSON(`{"max_age_hours": 1e999}`), "an age of words": object{"max_age_hours": "24"},
		"no grace": object{"max_age_hours": 24, "grace_hours": 0}, "a huge grace": object{"max_age_hours": 24, "grace_hours": 2161}, "an unknown member": object{"max_age_hours": 24, "unknown": canary},
	} {
		t.Run(name, func(t *testing.T) {
			s.on(t).call(owner, "PUT", one+"/rotation-policy", body).WantError(t, 422, "validation_error")
		})
	}
	t.Run("for what cannot be rotated", func(t *testing.T) {
		s := s.on(t)
		s.call(owner, "PUT", credentialsPath+"/"+s.store(owner, sftp("x", "pw"))+"/rotation-policy", object{"max_age_hours": 24}).WantError(t, 400, "bad_request")
	})
}

func TestTheDocumentNamesEveryCodeAndState(t *testing.T) {
	s := start(t, nil)
	schemas := s.document.root["components"].(object)["schemas"].(object)
	property := func(schema, name string) object {
		return schemas[schema].(object)["properties"].(object)[name].(object)
	}
	enum := func(schema, name string) []string {
		var all []string
		for _, v := range listOf(property(schema, name)["enum"]) {
			all = append(all, fmt.Sprint(v))
		}
		slices.Sort(all)
		return all
	}
	codes := []string{"<nil>", "auth", "blocked_address", "dns", "host_key", "permission", "protocol", "refused", "timeout", "tls"}
	want(t, "the codes of a test", enum("ConnectionTest", "code"), codes)
	want(t, "the codes of a check", enum("CredentialCheck", "code"), codes)
	want(t, "health", enum("Credential", "health"), []string{"<nil>", "expiring", "failing", "ok", "stopped"})
	want(t, "the states of a rotation", enum("Rotation", "state"), []string{"abandoned", "changing", "done", "failed", "pending", "promoted", "stuck"})
	want(t, "the methods of a rotation", enum("Rotation", "method"), []string{"postgresql_password", "postgresql_two_roles", "sftp_key"})
	for schema, members := range map[string][]string{"ConnectionTest": testMembers, "CredentialCheck": checkMembers, "Rotation": rotationMembers} {
		wantKeys(t, schema, schemas[schema].(object)["properties"].(object), members...)
		want(t, "what "+schema+" always has", setOf(stringsOf(schemas[schema].(object)["required"])), setOf(members))
	}
}

func stringsOf(v any) (all []string) {
	for _, item := range listOf(v) {
		all = append(all, fmt.Sprint(item))
	}
	return all
}
