package strongroom

import (
	"errors"
	"fmt"
	"time"
)

// Code names an error to clients. The HTTP layer has the one table of statuses.
type Code string

// The error codes of the contract.
const (
	CodeInvalidCredentialID    Code = "invalid_credential_id"
	CodeInvalidProvider        Code = "invalid_provider"
	CodeBadRequest             Code = "bad_request"
	CodeCredentialLimit        Code = "credential_limit_reached"
	CodeUnauthorized           Code = "unauthorized"
	CodeServiceAccountRequired Code = "service_account_required"
	CodeUserAccountRequired    Code = "user_account_required"
	CodeForbidden              Code = "forbidden"
	CodeNotFound               Code = "not_found"
	CodeMethodNotAllowed       Code = "method_not_allowed"
	CodeConflict               Code = "conflict"
	CodeReauthorization        Code = "reauthorization_required"
	CodePayloadTooLarge        Code = "payload_too_large"
	CodeUnsupportedMediaType   Code = "unsupported_media_type"
	CodeRateLimited            Code = "rate_limited"
	CodeValidation             Code = "validation_error"
	CodeInternal               Code = "internal_error"
	CodeRepository             Code = "repository_error"
	CodeAuditUnavailable       Code = "audit_unavailable"
	CodeKeyUnavailable         Code = "key_unavailable"
	CodeRefreshFailed          Code = "refresh_failed"
	CodeRepositoryUnavailable  Code = "repository_unavailable"
	CodeOverloaded             Code = "overloaded"
	CodeOrganizationErased     Code = "organization_erased"
)

// FieldError says which part of a request does not fit its schema, never its value.
type FieldError struct {
	// Location is a path: "body", "credentials", "port"; list indexes are ints.
	Location []any
	Message  string
	// Type is a word for programs: "missing", "type", "format", "enum" …
	Type string
}

// Error is what every service returns to its caller: a code for programs and a
// sentence for people. The message never holds a secret nor anything of the inside.
type Error struct {
	Code    Code
	Message string
	// Fields come with CodeValidation.
	Fields []FieldError
	// Details tell programs more than the code does: an object that is sent as JSON. nil:
	// there is no more to tell.
	Details map[string]any
	// RetryAfter is when to try again; 0 where that makes no sense.
	RetryAfter time.Duration
	// cause is for the log alone.
	cause error
}

// Error returns the message and, for the log, what caused it.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Because returns a copy of the error with its cause, which the log shows and
// clients never see.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Errorf makes an Error with the code; the formatted message is sent to clients.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the error's code, CodeInternal for an error that is none of ours
// and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// Invalid makes a CodeValidation error of the fields.
func Invalid(fields ...FieldError) *Error {
	return &Error{Code: CodeValidation, Message: "The request does not fit its schema; see detail", Fields: fields}
}

// NotFound says that a thing does not exist, is deleted, or belongs to another
// organization: which of the three, nobody is told.
func NotFound(what string) *Error { return Errorf(CodeNotFound, "%s not found", what) }

// Erased says that the organization was erased: that is for good.
func Erased() *Error {
	return Errorf(CodeOrganizationErased, "This organization has been erased: its keys are destroyed, and nothing can be read or stored for it any more")
}

// Unavailable makes an error that asks the client to come back.
func Unavailable(code Code, message string, retryAfter time.Duration) *Error {
	return &Error{Code: code, Message: message, RetryAfter: retryAfter}
}
