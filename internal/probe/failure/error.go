package failure

import "strongroom"

// Error is a failure that has its code and its sentence.
type Error struct {
	Code    strongroom.CheckCode
	Message string
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Message }
