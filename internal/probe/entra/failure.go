package entra

import (
	"encoding/json"
	"net/http"
	"strconv"

	"strongroom"
	"strongroom/internal/probe/failure"
)

const name = "Microsoft Entra"

// reasons are the sentences for Entra's own error codes (AADSTS…), which say more than
// OAuth's
// (https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes).
var reasons = map[int]*failure.Error{
	7000215: {Code: strongroom.CheckAuth, Message: "The client secret is wrong; send the secret's value, not its ID, and check that it belongs to this application"},
	7000222: {Code: strongroom.CheckAuth, Message: "The client secret has expired; make a new one under the application's certificates and secrets"},
	700016:  {Code: strongroom.CheckAuth, Message: "The application is not known in this directory; check the client ID and the tenant ID, and that an administrator has consented to it there"},
	7000229: {Code: strongroom.CheckAuth, Message: "The application has no service principal in this directory; have an administrator of it consent to the application"},
	90002:   {Code: strongroom.CheckAuth, Message: "The directory is not known; check the tenant ID"},
	900023:  {Code: strongroom.CheckAuth, Message: "The tenant ID is neither the UUID nor a domain of a directory; check it"},
	7000112: {Code: strongroom.CheckAuth, Message: "The application is switched off in this directory; an administrator can enable it"},
	53003:   {Code: strongroom.CheckPermission, Message: "A Conditional Access policy of the directory blocks the application; have an administrator let it in from this service's address"},
	50196:   {Code: strongroom.CheckProtocol, Message: busy},
}

const busy = name + " is asked too often by this application; try again later"

// broken says why there is no whole answer.
func broken(err error) *failure.Error {
	if r, ok := failure.Connection(err, name); ok {
		return &failure.Error{Code: r.Code, Message: r.Message}
	}
	return errStranger
}

// refused says what an answer without a token means (RFC 6749, section 5.2).
func refused(status int, body []byte) *failure.Error {
	var answer struct {
		Error string `json:"error"`
		Codes []int  `json:"error_codes"`
	}
	// What cannot be read has no code.
	_ = json.Unmarshal(body, &answer)
	for _, code := range answer.Codes {
		if f, ok := reasons[code]; ok {
			return f
		}
	}
	switch {
	case status == http.StatusTooManyRequests:
		return &failure.Error{Code: strongroom.CheckProtocol, Message: busy}
	case status >= 500:
		return &failure.Error{Code: strongroom.CheckProtocol, Message: name + " is out of order (HTTP status " + strconv.Itoa(status) + "); try again later"}
	}
	switch answer.Error {
	case "invalid_client", "unauthorized_client", "invalid_grant":
		return &failure.Error{Code: strongroom.CheckAuth, Message: name + " refused the application" + numbered(answer.Codes) + "; check the tenant ID, the client ID and the client secret"}
	case "invalid_request", "invalid_scope", "invalid_resource":
		return &failure.Error{Code: strongroom.CheckProtocol, Message: name + " gives this application no token" + numbered(answer.Codes) + "; check the tenant ID, and that it is of the same cloud as what the token is for"}
	}
	return errStranger
}

// numbered shows the first of Entra's codes, for looking it up.
func numbered(codes []int) string {
	if len(codes) == 0 || codes[0] < 1 || codes[0] > 99999999 {
		return ""
	}
	return " (AADSTS" + strconv.Itoa(codes[0]) + ")"
}
