package contract_test

import (
	"regexp"
	"strings"
	"testing"

	"strongroom/internal/app"
)

func TestThePagesOutsideTheAPI(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct{ path, contentType string }{
		{"/openapi.json", "application/json"}, {"/docs", "text/html; charset=utf-8"}, {"/metrics", "text/plain"}, {"/healthz", "application/json"}, {"/readyz", "application/json"},
	} {
		t.Run(c.path+" asks for no credential", func(t *testing.T) {
			a := s.on(t).get(anonymous, c.path).Want(t, 200)
			if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, c.contentType) {
				t.Errorf("the content type is %q, want %q", got, c.contentType)
			}
			if len(a.Body) == 0 {
				t.Error("the page is empty")
			}
		})
		t.Run(c.path+" does not stand under the API's prefix", func(t *testing.T) {
			s.on(t).get(anonymous, "/api"+c.path).WantError(t, 404, "not_found")
		})
	}
	want(t, "healthz", s.object(s.get(anonymous, "/healthz"), 200), object{"status": "ok"})
	want(t, "readyz", s.object(s.get(anonymous, "/readyz"), 200), object{"status": "ok", "checks": []any{
		object{"name": "database", "status": "ok", "reason": nil}, object{"name": "audit", "status": "ok", "reason": nil},
		object{"name": "root_key", "status": "ok", "reason": nil}}})
}

func TestTheDocumentationNeedsNoOtherHost(t *testing.T) {
	s := start(t, nil)
	a := s.get(anonymous, "/docs").Want(t, 200)
	page := string(a.Body)
	for _, m := range regexp.MustCompile(`(?i)(?:src|href|action|url)\s*[=(]\s*["']?\s*([^"'\s)>]*)`).FindAllStringSubmatch(page, -1) {
		if strings.Contains(m[1], "//") {
			t.Errorf("the page leads to another host: %s", m[0])
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "@import") {
		t.Error("the page has a script or imports a style")
	}
	csp := a.Header.Get("Content-Security-Policy")
	for _, directive := range []string{"default-src 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, directive) {
			t.Errorf("the Content-Security-Policy %q lacks %s", csp, directive)
		}
	}
	for _, op := range s.document.operations {
		if !strings.Contains(page, op.path) || !strings.Contains(page, `id="`+op.id+`"`) {
			t.Errorf("the page does not show %s", op.id)
		}
	}
}

func TestTheMetricsCountByPatternAndNameNobody(t *testing.T) {
	s := start(t, nil)
	program := s.account(s.here.id)
	id := s.store(s.here.owner, sftp("x", "pw"))
	s.opened(program, id)
	s.get(s.here.owner, credentialsPath+"/"+id+"/credentials").Want(t, 403)
	s.get(anonymous, "/api/"+canary).Want(t, 404)
	s.call(s.here.owner, strings.ToUpper(strings.ReplaceAll(canary, "-", "")), credentialsPath, nil).Want(t, 405)
	page := string(s.get(anonymous, "/metrics").Want(t, 200).Body)
	for _, line := range []string{
		`strongroom_acts_total{action="credential.read",code="",outcome="allowed"} 1`,
		`strongroom_acts_total{action="credential.read",code="service_account_required",outcome="denied"} 1`,
		`strongroom_http_requests_total{method="GET",route="/api/integrations/credentials/{credential_id}/credentials",status="200"} 1`,
		`strongroom_http_requests_total{method="GET",route="none",status="404"} 1`,
		`strongroom_http_requests_total{method="other",route="none",status="405"} 1`,
	} {
		if !strings.Contains(page, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	for _, word := range []string{id, program.id.String(), s.here.id.String(), s.here.owner.id.String(), "example.com"} {
		if strings.Contains(page, word) {
			t.Errorf("the metrics name %s", word)
		}
	}
}

func TestThePrefixOfTheAPICanBeChanged(t *testing.T) {
	s := start(t, func(c *app.Config) { c.APIPrefix = "/vault/v1" })
	s.document = &document{} // the others' paths are not this one's
	s.get(s.here.owner, "/vault/v1/integrations/credentials").Want(t, 200)
	s.get(s.here.owner, credentialsPath).WantError(t, 404, "not_found")
	document := string(s.get(anonymous, "/openapi.json").Want(t, 200).Body)
	if strings.Contains(document, `"/api/`) || !strings.Contains(document, `"/vault/v1/integrations/credentials"`) {
		t.Error("the document has not the prefix that was chosen")
	}
}
