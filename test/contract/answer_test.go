package contract_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"strongroom/internal/app/apptest"
)

// statuses is the contract's table of error codes.
var statuses = map[string]int{
	"invalid_credential_id": 400, "invalid_provider": 400, "bad_request": 400, "credential_limit_reached": 400,
	"unauthorized":             401,
	"service_account_required": 403, "user_account_required": 403, "forbidden": 403,
	"not_found": 404, "method_not_allowed": 405, "organization_erased": 410, "conflict": 409, "reauthorization_required": 409,
	"payload_too_large": 413, "unsupported_media_type": 415, "validation_error": 422, "rate_limited": 429,
	"internal_error": 500, "repository_error": 500,
	"audit_unavailable": 503, "key_unavailable": 503, "refresh_failed": 503, "repository_unavailable": 503, "overloaded": 503,
}

// wholeKey finds an API key with all of its random part.
var wholeKey = regexp.MustCompile(`saf_(org_[0-9a-f]{8}|sys)_[0-9a-f]{8}_[0-9A-Za-z]{49}`)

// envelope is the body of every answer that is not a success.
type envelope struct {
	Error struct {
		Message string
		Code    string
		Details json.RawMessage
	}
	RequestID string `json:"request_id"`
	Detail    []struct {
		Loc  []any
		Msg  string
		Type string
	}
}

// send sends a request and holds the answer to what all answers promise.
func (s *scene) send(r apptest.Request) apptest.Answer {
	s.t.Helper()
	a, err := s.Try(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	for _, problem := range s.inspect(r, a) {
		s.t.Errorf("%s %s answered %d: %s\n%s", r.Method, r.Path, a.Status, problem, a.Body)
	}
	return a
}

// inspect returns what is wrong with an answer, whatever it should have been.
func (s *scene) inspect(r apptest.Request, a apptest.Answer) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if _, err := ulid.ParseStrict(a.Header.Get("X-Request-ID")); err != nil {
		say("X-Request-ID is no ULID")
	}
	if a.Header.Get("X-Content-Type-Options") != "nosniff" {
		say("nosniff is missing")
	}
	path, _, _ := strings.Cut(r.Path, "?")
	if strings.HasPrefix(path, "/api/") && a.Header.Get("Cache-Control") != "no-store" {
		say("Cache-Control is %q, want no-store", a.Header.Get("Cache-Control"))
	}
	code := ""
	if a.Status >= 400 && r.Method != http.MethodHead && path != "/readyz" {
		var problem string
		if code, problem = inspectError(a); problem != "" {
			say("%s", problem)
		}
	}
	op, known := s.document.find(r.Method, path)
	if known {
		if problem := op.inspect(a, code); problem != "" {
			say("%s", problem)
		}
	}
	if op.id == "open-credential" && a.Status == http.StatusOK {
		return problems
	}
	problems = append(problems, inspectTimes(a)...)
	return append(problems, inspectSecrets(r, a, op.id)...)
}

// inspectError returns the error's code, and what is wrong with its envelope.
func inspectError(a apptest.Answer) (code, problem string) {
	var e envelope
	if err := json.Unmarshal(a.Body, &e); err != nil || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		return "", "this is no JSON error envelope"
	}
	code = e.Error.Code
	switch {
	case e.Error.Message == "" || e.Error.Details == nil:
		return code, "the envelope lacks a message or details"
	case statuses[code] != a.Status:
		return code, fmt.Sprintf("the status of %s is %d", code, statuses[code])
	case e.RequestID != a.Header.Get("X-Request-ID"):
		return code, "request_id is not the header's"
	case (code == "unauthorized") != (a.Header.Get("WWW-Authenticate") != ""):
		return code, "WWW-Authenticate comes with unauthorized, and only with it"
	case (a.Status == 503 || a.Status == 429) != (a.Header.Get("Retry-After") != ""):
		return code, "Retry-After comes with 429 and 503, and only with them"
	case (code == "validation_error") != (len(e.Detail) > 0):
		return code, "detail comes with validation_error, and only with it"
	}
	for _, d := range e.Detail {
		first, _ := append(d.Loc, "")[0].(string)
		if !strings.Contains("body query path", first) || len(d.Loc) == 0 || d.Msg == "" || d.Type == "" {
			return code, "an entry of detail is incomplete"
		}
	}
	return code, ""
}

// inspectTimes finds times that are not RFC 3339 in UTC with a Z.
func inspectTimes(a apptest.Answer) (problems []string) {
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				walk(name, member)
			}
		case []any:
			for _, item := range v {
				walk("", item)
			}
		case string:
			if name != "time" && !strings.HasSuffix(name, "_at") {
				return
			}
			if _, err := time.Parse(time.RFC3339Nano, v); err != nil || !strings.HasSuffix(v, "Z") {
				problems = append(problems, name+" is no time of RFC 3339 in UTC")
			}
		}
	}
	var body any
	if json.Unmarshal(a.Body, &body) == nil {
		walk("", body)
	}
	return problems
}

// inspectSecrets finds secrets where none may be.
func inspectSecrets(r apptest.Request, a apptest.Answer, operation string) (problems []string) {
	whole := append([]byte(fmt.Sprint(a.Header)), a.Body...)
	if bytes.Contains(whole, []byte(canary)) {
		problems = append(problems, "a secret value stands in it")
	}
	issued := operation == "create-api-key" && a.Status == http.StatusCreated
	if found := wholeKey.FindAll(whole, -1); len(found) > 1 || len(found) == 1 && !issued {
		problems = append(problems, "an API key stands in it")
	}
	if r.Token != "" && bytes.Contains(whole, []byte(r.Token)) {
		problems = append(problems, "the caller's token stands in it")
	}
	return problems
}

// detail returns the entries of a validation error as "body.credentials.port: type".
func (s *scene) detail(a apptest.Answer) []string {
	s.t.Helper()
	var e envelope
	a.WantError(s.t, http.StatusUnprocessableEntity, "validation_error").Into(s.t, &e)
	var out []string
	for _, d := range e.Detail {
		parts := make([]string, len(d.Loc))
		for i, part := range d.Loc {
			parts[i] = fmt.Sprint(part)
		}
		out = append(out, strings.Join(parts, ".")+": "+d.Type)
	}
	return out
}
