package probe

import (
	"time"

	"strongroom"
	"strongroom/internal/outbound"
)

// Code names why a test failed, to programs. They are the contract's.
type Code string

// The codes of tests that failed.
const (
	CodeDNS            Code = "dns"
	CodeRefused        Code = "refused"
	CodeTimeout        Code = "timeout"
	CodeTLS            Code = "tls"
	CodeHostKey        Code = "host_key"
	CodeAuth           Code = "auth"
	CodePermission     Code = "permission"
	CodeProtocol       Code = "protocol"
	CodeBlockedAddress Code = "blocked_address"
)

// Phase is one part of a test and how long it took.
type Phase struct {
	// Name is "dns", "connect", "tls", "key_exchange", "login" or "operation".
	Name string
	Took time.Duration
}

// Result is what a test found.
type Result struct {
	Success bool
	// Code is empty where it went well.
	Code Code
	// Message is a sentence that a person can act on; it holds no secret and no words of
	// a driver's.
	Message string
	// Phases are those that were begun, in order.
	Phases []Phase
	// Details are what was learnt beside: a server's version, a host key. They are shown.
	Details map[string]any
}

// Prober tests connections. It is safe for concurrent use.
type Prober struct {
	dialer *outbound.Dialer
	clock  strongroom.Clock
}

// New returns a Prober that dials through the guard alone.
func New(dialer *outbound.Dialer, clock strongroom.Clock) *Prober {
	return &Prober{dialer: dialer, clock: clock}
}
