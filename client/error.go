package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"strongroom/api"
)

// Error is an answer that is no success.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code names the error to programs, "not_found"; empty where the answer was not
	// Strongroom's (a proxy's, say).
	Code string
	// Message is a sentence for people, without full stop.
	Message string
	// RequestID finds the request in the operator's log and in the audit log; it may be empty.
	RequestID string
	// Details tell more, as decoded JSON: nil, map[string]any or []any.
	Details any
	// RetryAfter is when to ask again; 0: it was not said.
	RetryAfter time.Duration
}

// Error returns the message, and after it the status, the code and the request's id.
func (e *Error) Error() string {
	text := e.Message + " (" + strconv.Itoa(e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.RequestID != "" {
		text += ", request " + e.RequestID
	}
	return text + ")"
}

// newError reads an answer that is no success. A body that is not Strongroom's is not
// repeated.
func newError(res *http.Response, body []byte) *Error {
	e := &Error{Status: res.StatusCode, RequestID: res.Header.Get("X-Request-ID"), RetryAfter: retryAfter(res.Header.Get("Retry-After"))}
	var envelope api.Error
	switch err := json.Unmarshal(body, &envelope); {
	case err == nil && envelope.Error.Code != "" && envelope.Error.Message != "":
		e.Code, e.Message, e.Details = envelope.Error.Code, envelope.Error.Message, envelope.Error.Details
		if envelope.RequestID != "" {
			e.RequestID = envelope.RequestID
		}
	case res.StatusCode >= 300 && res.StatusCode < 400 && res.StatusCode != http.StatusNotModified:
		e.Message = "The URL leads elsewhere, and redirects are not followed because the API key would go along; use the URL that it leads to"
	default:
		e.Message = fmt.Sprintf("What answered is not Strongroom, or stands before it: %q; check the URL", http.StatusText(res.StatusCode))
	}
	return e
}

// retryAfter reads the header: whole seconds, or a time (RFC 9110, section 10.2.3). 0: it
// says nothing, or a time that has passed.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return max(0, time.Until(at))
}
