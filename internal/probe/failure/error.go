package failure

import (
	"errors"

	"strongroom"
)

// Error is a failure that has its code and its sentence.
type Error struct {
	Code    strongroom.CheckCode
	Message string
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Message }

var errUnknown = &Error{strongroom.CheckProtocol, "The test came to nothing, and not for a known reason; try again"}

// Of returns the *Error that err is or wraps, and for any other error one that repeats
// nothing of it.
func Of(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return errUnknown
}
