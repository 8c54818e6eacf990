package aws

import (
	"context"
	"crypto/x509"
	"time"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/failure"
	"strongroom/internal/probe/phases"
	"strongroom/secret"
)

// timeout is how long a test may take.
const timeout = 15 * time.Second

// The phases after those of the connection.
const (
	phaseLogin     = "login"
	phaseOperation = "operation"
)

// Options are for tests; the zero Options are production's.
type Options struct {
	// Endpoint replaces the address of the SES API ("https://127.0.0.1:8443"), and SMTP the
	// address that is connected to ("127.0.0.1:2525"). Host and port of the data still say
	// how TLS is begun and whose certificate it has to be.
	Endpoint, SMTP string
	// RootCAs are believed instead of the system's.
	RootCAs *x509.CertPool
}

// Prober tests credentials of AWS. It is safe for concurrent use.
type Prober struct {
	dialer  *outbound.Dialer
	clock   strongroom.Clock
	options Options
}

// New returns a Prober that dials through the guard alone.
func New(dialer *outbound.Dialer, clock strongroom.Clock, o Options) *Prober {
	return &Prober{dialer: dialer, clock: clock, options: o}
}

// The types of aws_ses.
const (
	typeKey      strongroom.CredentialType = "api_key"
	typePassword strongroom.CredentialType = "user_password"
)

// learnt is what a test that went well has found.
type learnt struct {
	message string
	details map[string]any
}

// SES tests a credential of the provider aws_ses; t is api_key or user_password. It ends
// after 15 s at most.
//
// The details of an access key are "region", "sending_enabled", "production_access" (false:
// the account is in the sandbox), "enforcement_status", "send_quota" with "max_24_hours",
// "sent_24_hours" and "max_per_second", and "from_address_verified" where a sender is named
// and the key may ask. Those of SMTP are "host" and "tls".
func (p *Prober) SES(ctx context.Context, t strongroom.CredentialType, data secret.Value) strongroom.CheckResult {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	recorder := phases.New(p.clock)
	found, err := p.test(ctx, recorder, t, data)
	result := strongroom.CheckResult{Success: err == nil, Message: found.message, Details: found.details, Phases: recorder.End()}
	if err != nil {
		failed := failure.Of(err)
		result.Code, result.Message = failed.Code, failed.Message
	}
	return result
}

func (p *Prober) test(ctx context.Context, r *phases.Recorder, t strongroom.CredentialType, data secret.Value) (learnt, error) {
	switch t {
	case typeKey:
		k, err := readKey(data)
		if err != nil {
			return learnt{}, err
		}
		return p.askAPI(ctx, r, k)
	case typePassword:
		m, err := readMailbox(data)
		if err != nil {
			return learnt{}, err
		}
		return p.signIn(ctx, r, m)
	}
	return learnt{}, errData
}
