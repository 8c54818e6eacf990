package contract_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTheDocumentIsOpenAPI31AndWhole(t *testing.T) {
	s := start(t, nil)
	root := s.document.root
	if version := text(t, root, "openapi"); !strings.HasPrefix(version, "3.1.") {
		t.Errorf("openapi is %s, want 3.1", version)
	}
	info := root["info"].(object)
	if info["title"] != "Strongroom" || info["version"] == "" {
		t.Errorf("info is %v", info)
	}
	t.Run("every $ref leads somewhere", func(t *testing.T) {
		count := 0
		walk(root, func(name string, v any) {
			ref, ok := v.(string)
			if name != "$ref" || !ok {
				return
			}
			count++
			var at any = root
			for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
				o, _ := at.(object)
				at = o[part]
			}
			if at == nil {
				t.Errorf("%s leads nowhere", ref)
			}
		})
		if count == 0 {
			t.Error("there is no $ref at all")
		}
	})
	t.Run("every schema is one", func(t *testing.T) {
		known := []string{"string", "integer", "number", "boolean", "object", "array", "null"}
		walk(root["components"], func(name string, v any) {
			if name != "type" {
				return
			}
			names, ok := v.([]any)
			if !ok {
				names = []any{v}
			}
			for _, n := range names {
				if n, ok := n.(string); ok && !slices.Contains(append(known, "http", "apiKey"), n) {
					t.Errorf("a type is %q", n)
				}
			}
		})
	})
	t.Run("an answer may come to have more fields, a request may not", func(t *testing.T) {
		schemas := root["components"].(object)["schemas"].(object)
		for name, open := range map[string]bool{"Credential": true, "ServiceAccount": true, "APIKey": true, "Error": true, "AuditEvent": true, "CatalogEntry": true, "Profile": true,
			"CreateCredential": false, "UpdateCredential": false, "CreateServiceAccount": false, "SetGrants": false, "Grant": false, "CreateAPIKey": false} {
			want(t, "additionalProperties of "+name, schemas[name].(object)["additionalProperties"], open)
		}
	})
}

func walk(v any, visit func(name string, v any)) {
	switch v := v.(type) {
	case object:
		for name, member := range v {
			visit(name, member)
			walk(member, visit)
		}
	case []any:
		for _, item := range v {
			walk(item, visit)
		}
	}
}

func TestEveryOperationIsDescribed(t *testing.T) {
	s := start(t, nil)
	seen := map[string]bool{}
	for _, op := range s.document.operations {
		t.Run(op.id, func(t *testing.T) {
			if seen[op.id] {
				t.Error("the operationId is taken")
			}
			seen[op.id] = true
			described := s.document.root["paths"].(object)[op.path].(object)[strings.ToLower(op.method)].(object)
			if described["summary"] == "" || len(described["tags"].([]any)) != 1 {
				t.Error("it lacks a summary or its one tag")
			}
			var parameters []string
			for _, p := range listOf(described["parameters"]) {
				if p.(object)["in"] == "path" {
					parameters = append(parameters, "{"+p.(object)["name"].(string)+"}")
				}
			}
			want(t, "the path's parameters", setOf(parameters), setOf(regexp.MustCompile(`\{[a-z_]+\}`).FindAllString(op.path, -1)))
			success := 0
			for status, r := range op.responses {
				if status[0] == '2' || status == "303" {
					success++
					continue
				}
				if status[0] < '4' {
					continue
				}
				if r.schema == nil || len(r.codes) == 0 {
					t.Errorf("%s has no schema or names no code", status)
				}
				for _, code := range r.codes {
					if got := fmt.Sprint(statuses[code]); got != status {
						t.Errorf("%s stands under %s, its status is %s", code, status, got)
					}
				}
			}
			want(t, "the number of successes", success, 1)
			codes := []string{"bad_request", "rate_limited", "internal_error", "repository_error", "repository_unavailable", "overloaded"}
			if !public(described) {
				codes = append(codes, "unauthorized", "organization_erased")
			}
			if _, ok := described["requestBody"]; ok {
				codes = append(codes, "payload_too_large", "unsupported_media_type", "validation_error")
			}
			for _, code := range codes {
				if !slices.Contains(op.responses[fmt.Sprint(statuses[code])].codes, code) {
					t.Errorf("%s is not among its codes", code)
				}
			}
		})
	}
}

// public tells whether an operation's description asks for no credential.
func public(described object) bool {
	_, own := described["security"]
	return own && len(described["security"].([]any)[0].(object)) == 0
}

func TestOnlyTheBrowserThatComesBackNeedsNoCredential(t *testing.T) {
	s := start(t, nil)
	want(t, "what asks for a credential where nothing else is said", s.document.root["security"], []any{object{"user": []any{}}, object{"apiKey": []any{}}})
	var found []string
	for _, op := range s.document.operations {
		described := s.document.root["paths"].(object)[op.path].(object)[strings.ToLower(op.method)].(object)
		if _, own := described["security"]; own {
			want(t, "the security of "+op.id, described["security"], []any{object{}})
			found = append(found, op.id)
		}
		if public(described) != strings.HasSuffix(op.path, "/oauth/callback") {
			t.Errorf("%s is public: %v", op.id, public(described))
		}
	}
	want(t, "the public operations", found, []string{"callback-integration-plugin", "callback-plugin"})
}

func listOf(v any) []any {
	l, _ := v.([]any)
	return l
}

// The door validates each answer of every test against the document; here each operation
// is answered with success once, so that none goes without.
func TestASampleOfEveryOperationFitsTheDocument(t *testing.T) {
	s := startOAuth(t, nil)
	admin, program := s.here.admin, s.account(s.here.id)
	credential := credentialsPath + "/" + s.store(admin, google("x"))
	account, _ := s.newAccount(admin, "sync")
	key, _, _ := s.newKey(admin, account, object{"name": "key", "description": "d", "expires_at": "2100-01-01T00:00:00Z"})
	s.get(program, credential+"/credentials").Want(t, 200)
	connected := credentialsPath + "/" + s.connect(admin, "")
	first, second := s.begin(admin, ""), s.connection(s.call(admin, "POST", "/api/plugins/acme/oauth/authorize", object{"redirect_to": landing}))
	s.back(first, s.provider.Allow(first.url, "person"))
	s.back(second, s.provider.Allow(second.url, "person"))
	rotated := credentialsPath + "/" + s.store(admin, postgres("rotated"))
	rotation := rotated + "/rotations/" + text(t, s.object(s.call(admin, "POST", rotated+"/rotate", nil), 200), "id")
	plugin := object{"redirect_to": landing, "integration_name": "plugin"}
	answered := map[string]bool{}
	for _, c := range []struct {
		who          who
		method, path string
		body         any
		status       int
	}{
		{admin, "POST", credentialsPath, sftp("y", "pw"), 201}, {admin, "GET", credentialsPath, nil, 200}, {admin, "GET", credentialsPath + "/provider/google", nil, 200},
		{admin, "GET", credential, nil, 200}, {program, "GET", credential + "/credentials", nil, 200},
		{admin, "PATCH", credential, object{"credential_type": "oauth2", "credentials": google("")["credentials"]}, 200}, {admin, "DELETE", credential, nil, 204},
		{admin, "POST", accountsPath, object{"name": "other", "grants": []any{object{"write": true}}}, 201}, {admin, "GET", accountsPath, nil, 200},
		{admin, "GET", account, nil, 200}, {admin, "PATCH", account, object{"description": "d"}, 200},
		{admin, "PUT", account + "/grants", object{"grants": []any{object{"providers": []string{"sftp"}, "networks": []string{"10.0.0.0/8"}, "expires_at": "2100-01-01T00:00:00Z"}}}, 200},
		{admin, "POST", account + "/deactivate", nil, 200}, {admin, "POST", account + "/activate", nil, 200},
		{admin, "GET", account + "/api-keys", nil, 200}, {admin, "POST", account + "/api-keys", object{"name": "second"}, 201},
		{admin, "PATCH", key, object{"name": "renamed"}, 200}, {admin, "DELETE", key, nil, 204}, {admin, "DELETE", account, nil, 204},
		{admin, "POST", connected + "/refresh", nil, 200}, {admin, "DELETE", connected + "?revoke=true", nil, 204},
		{admin, "GET", authorizePath + "?redirect_to=" + url.QueryEscape(landing), nil, 200}, {admin, "POST", "/api/integrations/plugins/acme/oauth/authorize", plugin, 200},
		{admin, "POST", "/api/plugins/acme/oauth/authorize", plugin, 200},
		{anonymous, "GET", integrationCallback + "?error=access_denied&state=" + first.state, nil, 303}, {anonymous, "GET", pluginCallback + "?code=c&state=" + second.state, nil, 303},
		{admin, "PUT", clientsPath + "/acme", object{"client_id": "own", "client_secret": canary + "own"}, 200}, {admin, "GET", clientsPath, nil, 200}, {admin, "DELETE", clientsPath + "/acme", nil, 204},
		{admin, "POST", testSFTP, sftpBody(), 200}, {admin, "POST", testPostgres, bodies["test-postgres-connection"], 200},
		{admin, "POST", testPostgres + strings.TrimPrefix(rotated, credentialsPath), nil, 200}, {admin, "POST", rotated + "/test", nil, 200}, {admin, "GET", rotated + "/checks", nil, 200},
		{admin, "POST", rotated + "/rotate", nil, 200}, {admin, "GET", rotated + "/rotations", nil, 200}, {admin, "GET", rotationsPath, nil, 200},
		{admin, "POST", rotation + "/resume", nil, 200}, {admin, "POST", rotation + "/abandon", nil, 200}, {admin, "PUT", rotated + "/rotation-policy", object{"max_age_hours": 24}, 200},
		{admin, "GET", "/api/integrations/catalog", nil, 200}, {admin, "GET", "/api/profile/me", nil, 200}, {admin, "GET", eventsPath, nil, 200},
	} {
		s.call(c.who, c.method, c.path, c.body).Want(t, c.status)
		path, _, _ := strings.Cut(c.path, "?")
		if op, ok := s.document.find(c.method, path); ok {
			answered[op.id] = true
		}
	}
	for _, op := range s.document.operations {
		if !answered[op.id] {
			t.Errorf("%s has no sample", op.id)
		}
	}
}
