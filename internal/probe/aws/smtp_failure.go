package aws

import (
	"context"
	"errors"
	"net/textproto"

	"strongroom"
	"strongroom/internal/probe/failure"
)

const noSMTP = " does not speak SMTP; check the host and the port"

var (
	errNoTLS   = &failure.Error{Code: strongroom.CheckTLS, Message: "The SMTP server does not offer STARTTLS, so that nothing was sent to it; check the host and the port"}
	errNoPlain = &failure.Error{Code: strongroom.CheckProtocol, Message: "The SMTP server does not let anybody sign in with a password (AUTH PLAIN); check the host and the port"}
)

// explainSMTP says why signing in failed. The server's own words are not repeated.
func explainSMTP(ctx context.Context, err error, m mailbox, phase string) *failure.Error {
	server := "The server at " + m.address()
	var (
		own   *failure.Error
		reply *textproto.Error
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &reply):
		return replied(server, reply.Code, phase)
	}
	if r, ok := failure.Connection(errors.Join(err, ctx.Err()), server); ok {
		return &failure.Error{Code: r.Code, Message: r.Message}
	}
	var form textproto.ProtocolError
	if errors.As(err, &form) {
		return &failure.Error{Code: strongroom.CheckProtocol, Message: server + noSMTP}
	}
	return &failure.Error{Code: strongroom.CheckProtocol, Message: server + " broke the connection off; check the host and the port, and try again"}
}

// replied says what a reply means that is not the hoped-for one (RFC 5321, section 4.2, and
// RFC 4954, section 6).
func replied(server string, code int, phase string) *failure.Error {
	switch {
	case code < 400:
		return &failure.Error{Code: strongroom.CheckProtocol, Message: server + noSMTP}
	case code < 500:
		return &failure.Error{Code: strongroom.CheckProtocol, Message: server + " puts clients off for now; try again later"}
	case phase != phaseLogin:
		return &failure.Error{Code: strongroom.CheckProtocol, Message: server + " turns this service away before it can sign in; check the host and the port"}
	}
	switch code {
	case 530, 534, 535, 538, 554:
		return &failure.Error{Code: strongroom.CheckAuth, Message: server + " refused the SMTP user name or password; these are made in the SES console for one region, and are not the access key itself: check both and the region, or make new ones"}
	}
	return &failure.Error{Code: strongroom.CheckProtocol, Message: server + " does not take the sign-in (AUTH PLAIN); check the host and the port"}
}
