package entra

import (
	"encoding/json"
	"net/http"
	"strconv"

	"strongroom"
	"strongroom/internal/probe/failure"
)

const (
	name     = "Microsoft Entra"
	stranger = "What answered is not " + name
	between  = "check what stands between this service and Microsoft"
	assign   = "The application is not assigned to what it asks for; an administrator can assign it under the tenant's enterprise applications"
)

// reasons are the sentences for Entra's own error codes (AADSTS…), which say more than
// OAuth's
// (https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes).
var reasons = map[int]*failure.Error{
	7000215: {Code: strongroom.CheckAuth, Message: "The client secret is wrong; send the secret's value, not its ID, and check that it belongs to this client_id"},
	7000222: {Code: strongroom.CheckAuth, Message: "The client secret has expired; make a new one in the app registration and store its value"},
	90002:   {Code: strongroom.CheckAuth, Message: name + " does not know the tenant; check tenant_id, and that the tenant has a subscription"},
	900023:  {Code: strongroom.CheckAuth, Message: name + " does not know the tenant; tenant_id must be its UUID or one of its domains"},
	700016:  {Code: strongroom.CheckAuth, Message: name + " does not know the application in this tenant; check client_id and tenant_id, and that an administrator has consented to the application there"},
	7000229: {Code: strongroom.CheckAuth, Message: "The application has no service principal in this tenant; have an administrator of the tenant consent to it"},
	7000112: {Code: strongroom.CheckAuth, Message: "The application is disabled; an administrator can enable it under the tenant's enterprise applications"},
	53003:   {Code: strongroom.CheckPermission, Message: "A Conditional Access policy of the tenant blocks the application; have an administrator let it in from this service's address"},
	50105:   {Code: strongroom.CheckPermission, Message: assign},
	501051:  {Code: strongroom.CheckPermission, Message: assign},
	65001:   {Code: strongroom.CheckPermission, Message: "Nobody has consented to the application's permissions; have an administrator consent in the app registration"},
	500011:  {Code: strongroom.CheckPermission, Message: "The tenant does not know the service that the token is for; check that the tenant is of this cloud"},
	50196:   {Code: strongroom.CheckProtocol, Message: name + " is asked too often for this application; wait before the next test"},
	90033:   {Code: strongroom.CheckProtocol, Message: name + " is out of order at the moment; try again later"},
}

// broken says why there is no whole answer; otherwise is the reason where that is not the
// connection's fault.
func broken(err error, otherwise *failure.Error) *failure.Error {
	if r, ok := failure.Connection(err, name); ok {
		return &failure.Error{Code: r.Code, Message: r.Message}
	}
	return otherwise
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
	if f := failure.Status(status, name); f != nil {
		return f
	}
	number := numbered(answer.Codes)
	switch answer.Error {
	case "invalid_client", "unauthorized_client", "invalid_grant":
		return &failure.Error{Code: strongroom.CheckAuth, Message: name + " refused the application" + number + "; check tenant_id, client_id and client_secret"}
	case "invalid_request", "invalid_scope", "invalid_resource":
		return &failure.Error{Code: strongroom.CheckProtocol, Message: name + " gives this application no token" + number + "; check tenant_id, and that it is of the same cloud as what the token is for"}
	}
	if number != "" {
		return &failure.Error{Code: strongroom.CheckProtocol, Message: name + " gives this application no token" + number + "; Microsoft's list of error codes says what that means"}
	}
	return unstated(status)
}

// unstated says what a status means beside which no error is stated.
func unstated(status int) *failure.Error {
	number := failure.Number(status)
	switch {
	case status == http.StatusUnauthorized:
		return &failure.Error{Code: strongroom.CheckAuth, Message: name + " refused the application" + number + "; check tenant_id, client_id and client_secret"}
	case status >= 300 && status < 400:
		return &failure.Error{Code: strongroom.CheckProtocol, Message: stranger + ": it redirects to another address" + number + ", and no secret is sent there; " + between}
	}
	return &failure.Error{Code: strongroom.CheckProtocol, Message: stranger + number + "; " + between}
}

// numbered shows the first of Entra's codes, for looking it up.
func numbered(codes []int) string {
	if len(codes) == 0 || codes[0] < 1 || codes[0] > 99999999 {
		return ""
	}
	return " (AADSTS" + strconv.Itoa(codes[0]) + ")"
}
