package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"strongroom"
	"strongroom/api"
)

// statuses is the one table from error codes to HTTP statuses.
var statuses = map[strongroom.Code]int{
	strongroom.CodeInvalidCredentialID:    http.StatusBadRequest,
	strongroom.CodeInvalidProvider:        http.StatusBadRequest,
	strongroom.CodeBadRequest:             http.StatusBadRequest,
	strongroom.CodeCredentialLimit:        http.StatusBadRequest,
	strongroom.CodeUnauthorized:           http.StatusUnauthorized,
	strongroom.CodeServiceAccountRequired: http.StatusForbidden,
	strongroom.CodeUserAccountRequired:    http.StatusForbidden,
	strongroom.CodeForbidden:              http.StatusForbidden,
	strongroom.CodeNotFound:               http.StatusNotFound,
	strongroom.CodeMethodNotAllowed:       http.StatusMethodNotAllowed,
	strongroom.CodeOrganizationErased:     http.StatusGone,
	strongroom.CodeConflict:               http.StatusConflict,
	strongroom.CodeReauthorization:        http.StatusConflict,
	strongroom.CodePayloadTooLarge:        http.StatusRequestEntityTooLarge,
	strongroom.CodeUnsupportedMediaType:   http.StatusUnsupportedMediaType,
	strongroom.CodeValidation:             http.StatusUnprocessableEntity,
	strongroom.CodeRateLimited:            http.StatusTooManyRequests,
	strongroom.CodeInternal:               http.StatusInternalServerError,
	strongroom.CodeRepository:             http.StatusInternalServerError,
	strongroom.CodeAuditUnavailable:       http.StatusServiceUnavailable,
	strongroom.CodeKeyUnavailable:         http.StatusServiceUnavailable,
	strongroom.CodeRefreshFailed:          http.StatusServiceUnavailable,
	strongroom.CodeRepositoryUnavailable:  http.StatusServiceUnavailable,
	strongroom.CodeOverloaded:             http.StatusServiceUnavailable,
}

// explain turns any error into one that may be shown: what is none of ours becomes an
// internal_error that says nothing of the inside.
func explain(err error) *strongroom.Error {
	var e *strongroom.Error
	if errors.As(err, &e) {
		if _, known := statuses[e.Code]; known {
			return e
		}
	}
	return strongroom.Errorf(strongroom.CodeInternal, "Something went wrong here; the request id finds it in the operator's log").Because(err)
}

// writeError answers with the error envelope.
func writeError(w http.ResponseWriter, x *exchange, err error) {
	e := explain(err)
	x.err = e
	h := w.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Cache-Control", "no-store")
	if e.Code == strongroom.CodeUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="strongroom", error="invalid_token"`)
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(wholeSeconds(e.RetryAfter)))
	}
	body := api.Error{Error: api.ErrorBody{Message: e.Message, Code: string(e.Code)}, RequestID: x.requestID}
	if e.Details != nil {
		body.Error.Details = e.Details
	}
	for _, f := range e.Fields {
		body.Detail = append(body.Detail, api.FieldError{Loc: f.Location, Msg: f.Message, Type: f.Type})
	}
	if body.Detail != nil {
		body.Error.Details = body.Detail
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		// Strings and ints always encode; this keeps an answer an answer.
		encoded = []byte(`{"error":{"message":"Something went wrong here","code":"internal_error","details":null}}`)
	}
	w.WriteHeader(statuses[e.Code])
	_, _ = w.Write(append(encoded, '\n'))
}

// wholeSeconds rounds up: Retry-After has whole seconds (RFC 9110, section 10.2.3), and
// a client that comes back too early is turned away again.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
