package probe

import (
	"strongroom"
	"strongroom/internal/outbound"
)

// What a test finds is told in the words of the root package.
type (
	Code   = strongroom.CheckCode
	Phase  = strongroom.CheckPhase
	Result = strongroom.CheckResult
)

// The codes of tests that failed.
const (
	CodeDNS            = strongroom.CheckDNS
	CodeRefused        = strongroom.CheckRefused
	CodeTimeout        = strongroom.CheckTimeout
	CodeTLS            = strongroom.CheckTLS
	CodeHostKey        = strongroom.CheckHostKey
	CodeAuth           = strongroom.CheckAuth
	CodePermission     = strongroom.CheckPermission
	CodeProtocol       = strongroom.CheckProtocol
	CodeBlockedAddress = strongroom.CheckBlockedAddress
)

// The phases that tests of SSH and of PostgreSQL share.
const (
	phaseConnect   = "connect"
	phaseLogin     = "login"
	phaseOperation = "operation"
)

// Failure is a reason why something came to nothing that has its code and its sentence.
// What works over WithSFTP and WithPostgreSQL may return one, for their Result to say.
type Failure struct {
	Code Code
	// Message is a sentence that a person can act on, without full stop; it holds no secret
	// and no words of others.
	Message string
}

func (f *Failure) Error() string { return f.Message }

// Prober tests connections. It is safe for concurrent use.
type Prober struct {
	dialer *outbound.Dialer
	clock  strongroom.Clock
}

// New returns a Prober that dials through the guard alone.
func New(dialer *outbound.Dialer, clock strongroom.Clock) *Prober {
	return &Prober{dialer: dialer, clock: clock}
}
