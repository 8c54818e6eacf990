package failure

import (
	"net/http"
	"strconv"

	"strongroom"
)

// Number is an HTTP status as it stands in a sentence, behind a word: " (HTTP status 503)".
func Number(status int) string { return " (HTTP status " + strconv.Itoa(status) + ")" }

// Status says what an HTTP status means whatever was asked: that the server is asked too
// often, or fails by itself. It returns nil for any other status. server names the other
// side as for Connection.
func Status(status int, server string) *Error {
	switch {
	case status == http.StatusTooManyRequests:
		return &Error{strongroom.CheckProtocol, server + " is asked too often" + Number(status) + "; wait before the next test"}
	case status >= 500:
		return &Error{strongroom.CheckProtocol, server + " is out of order" + Number(status) + "; try again later"}
	}
	return nil
}
