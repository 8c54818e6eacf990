package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"

	"strongroom"
	"strongroom/api"
	"strongroom/secret"
)

// The providers and types whose unsaved data has a call of its own.
const (
	postgresProvider = "postgresql"
	postgresType     = strongroom.CredentialType("user_password")
	sftpProvider     = "sftp"
	sftpType         = strongroom.CredentialType("sftp")
)

var checksLimit = limitParameter(100)

func (s *server) connectionOperations() []operation {
	const tag = "Connections"
	const about = "A test that fails is a 200 with success: false, a code and a sentence. Nothing is stored, but that somebody tested is on record."
	test, check := reflect.TypeFor[api.ConnectionTest](), reflect.TypeFor[api.CredentialCheck]()
	unsaved := []strongroom.Code{strongroom.CodeForbidden, strongroom.CodeRateLimited, strongroom.CodeAuditUnavailable}
	stored := []strongroom.Code{strongroom.CodeInvalidCredentialID, strongroom.CodeBadRequest, strongroom.CodeForbidden, strongroom.CodeNotFound, strongroom.CodeReauthorization,
		strongroom.CodeRateLimited, strongroom.CodeKeyUnavailable, strongroom.CodeRefreshFailed, strongroom.CodeAuditUnavailable}
	return []operation{
		{method: http.MethodPost, path: "/integrations/postgres/test-connection", id: "test-postgres-connection", tag: tag, summary: "Test a PostgreSQL connection",
			description: "Connects, signs in, and asks what the role may do. " + about, body: reflect.TypeFor[api.TestPostgres](), status: http.StatusOK, answer: test,
			errors: unsaved, handle: s.testUnsaved(postgresProvider, postgresType)},
		{method: http.MethodPost, path: "/integrations/postgres/test-connection/{credential_id}", id: "test-stored-postgres-connection", tag: tag,
			summary: "Test a stored PostgreSQL credential", description: "As the test of any stored credential, for one of PostgreSQL's.", status: http.StatusOK, answer: check,
			errors: stored, handle: s.testStored(postgresProvider)},
		{method: http.MethodPost, path: "/integrations/sftp/test-connection", id: "test-sftp-connection", tag: tag, summary: "Test an SFTP connection",
			description: "Connects, signs in, and writes, reads and removes a file under test_path. " + about, body: reflect.TypeFor[api.TestSFTP](), status: http.StatusOK, answer: test,
			errors: unsaved, handle: s.testUnsaved(sftpProvider, sftpType)},
		{method: http.MethodPost, path: "/integrations/credentials/{credential_id}/test", id: "test-credential", tag: tag, summary: "Test a stored credential",
			description: "By the owner, an org_admin, or a service account that reaches it. Does what the provider's test is, and keeps the result.", status: http.StatusOK, answer: check,
			errors: stored, handle: s.testStored("")},
		{method: http.MethodGet, path: "/integrations/credentials/{credential_id}/checks", id: "list-credential-checks", tag: tag, summary: "List a credential's tests",
			description: "The newest that are kept, newest first: those that were asked for and those on schedule.", query: []parameter{checksLimit, offsetParameter},
			status: http.StatusOK, answer: reflect.TypeFor[[]api.CredentialCheck](),
			errors: []strongroom.Code{strongroom.CodeInvalidCredentialID, strongroom.CodeForbidden, strongroom.CodeNotFound}, handle: s.listChecks},
	}
}

// testUnsaved tests the body as data of the provider's type.
func (s *server) testUnsaved(provider string, t strongroom.CredentialType) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		data, err := connectionData(c.body)
		if err != nil {
			return nil, err
		}
		defer data.Destroy()
		result, err := s.Connections.TestConnection(ctx, c.Caller, provider, t, data)
		return wireTest(result), atTop(err)
	}
}

// connectionData is the body without the members that a form leaves empty.
func connectionData(body []byte) (secret.Value, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return secret.Value{}, errBadJSON()
	}
	for name, value := range members {
		if bytes.Equal(value, []byte("null")) || bytes.Equal(value, []byte(`""`)) {
			delete(members, name)
		}
	}
	encoded, err := json.Marshal(members)
	return secret.New(encoded), err
}

// atTop moves the errors of a credential's data to where it stood in the request: at the
// top of the body.
func atTop(err error) error {
	var known *strongroom.Error
	if !errors.As(err, &known) || known.Code != strongroom.CodeValidation {
		return err
	}
	moved := *known
	moved.Fields = make([]strongroom.FieldError, 0, len(known.Fields))
	for _, f := range known.Fields {
		if len(f.Location) > 1 && f.Location[1] == "credentials" {
			f.Location = append([]any{f.Location[0]}, f.Location[2:]...)
		}
		moved.Fields = append(moved.Fields, f)
	}
	return &moved
}

func (s *server) testStored(provider string) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		id, err := c.credentialID()
		if err != nil {
			return nil, err
		}
		check, err := s.Connections.TestCredential(ctx, c.Caller, id, provider)
		return wireCheck(check), err
	}
}

func (s *server) listChecks(ctx context.Context, c *call) (any, error) {
	id, err := c.credentialID()
	if err != nil {
		return nil, err
	}
	checks, err := s.Connections.Checks(ctx, c.Caller, id, c.page(checksLimit))
	return convertAll(checks, wireCheck), err
}

func wireTest(r strongroom.CheckResult) api.ConnectionTest {
	wire := api.ConnectionTest{
		Success: r.Success, Code: text(string(r.Code)), Message: r.Message, Details: r.Details,
		Phases: convertAll(r.Phases, func(p strongroom.CheckPhase) api.ConnectionPhase {
			return api.ConnectionPhase{Name: p.Name, DurationMS: milliseconds(p.Took)}
		}),
		Warnings: convertAll(r.Warnings, func(w strongroom.Warning) api.ConnectionWarning {
			return api.ConnectionWarning{Kind: w.Kind, Message: w.Message, ExpiresAt: w.ExpiresAt}
		}),
	}
	if wire.Details == nil {
		wire.Details = map[string]any{}
	}
	for _, p := range r.Phases {
		wire.DurationMS += milliseconds(p.Took)
	}
	return wire
}

func wireCheck(c strongroom.Check) api.CredentialCheck {
	return api.CredentialCheck{ConnectionTest: wireTest(c.CheckResult), CheckedAt: c.At, Trigger: string(c.Trigger), Version: c.Version}
}
