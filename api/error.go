package api

// Error is the body of every answer that is not a success.
type Error struct {
	Error     ErrorBody `json:"error"`
	RequestID string    `json:"request_id" doc:"The same as the X-Request-ID header"`
	// Detail comes with validation_error.
	Detail []FieldError `json:"detail,omitempty" doc:"With validation_error: what does not fit, one entry each"`
}

// ErrorBody says what went wrong: to people, to programs, and in detail.
type ErrorBody struct {
	Message string `json:"message" example:"Credential not found"`
	Code    string `json:"code" example:"not_found"`
	Details any    `json:"details" doc:"null, an object, or an array"`
}

// FieldError says which part of a request does not fit its schema, never its value.
type FieldError struct {
	Loc  []any  `json:"loc" doc:"Where: body, query or path, then names and list indexes" example:"[\"body\", \"credentials\", \"port\"]"`
	Msg  string `json:"msg"`
	Type string `json:"type" example:"missing"`
}
