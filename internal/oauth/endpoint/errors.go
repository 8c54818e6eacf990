package endpoint

import (
	"context"
	"errors"

	"strongroom"
	"strongroom/internal/outbound"
)

// ErrUnsupported: the definition has no address to ask.
var ErrUnsupported = errors.New("the provider's definition has no address for this")

// Error is a request that had no answer, or none of use.
type Error struct {
	// Reason is the class of the failure.
	Reason strongroom.StatusReason
	// text says what happened, in words of ours.
	text string
	// sent says that the request may have reached the provider.
	sent bool
}

// Error says what happened and quotes nothing.
func (e *Error) Error() string { return e.text }

// explain turns an error of net/http, which quotes the URL, into one that does not.
func explain(err error) *Error {
	var blocked *outbound.BlockedError
	switch code := outbound.Classify(err); {
	case errors.As(err, &blocked):
		return &Error{Reason: strongroom.ReasonBlockedAddress, text: blocked.Error()}
	case code == outbound.CodeBlockedAddress:
		return &Error{Reason: strongroom.ReasonBlockedAddress, text: "the provider's address may not be called"}
	case errors.Is(err, context.Canceled):
		return &Error{Reason: strongroom.ReasonTimeout, text: "the request was given up before the provider answered"}
	case code == outbound.CodeTimeout:
		return &Error{Reason: strongroom.ReasonTimeout, text: "the provider did not answer in time"}
	case code == outbound.CodeDNS:
		return &Error{Reason: strongroom.ReasonUnreachable, text: "the provider's host name cannot be resolved"}
	case code == outbound.CodeRefused:
		return &Error{Reason: strongroom.ReasonUnreachable, text: "the provider refuses the connection"}
	case code == outbound.CodeTLS:
		return &Error{Reason: strongroom.ReasonUnreachable, text: "TLS failed: the provider's certificate or handshake is not accepted"}
	}
	return &Error{Reason: strongroom.ReasonUnreachable, text: "the connection to the provider broke"}
}
