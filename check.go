package strongroom

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/google/uuid"

	"strongroom/secret"
)

// CheckCode names why a test of a connection failed, to programs. They are the contract's.
type CheckCode string

// The codes of tests that failed.
const (
	CheckDNS            CheckCode = "dns"
	CheckRefused        CheckCode = "refused"
	CheckTimeout        CheckCode = "timeout"
	CheckTLS            CheckCode = "tls"
	CheckHostKey        CheckCode = "host_key"
	CheckAuth           CheckCode = "auth"
	CheckPermission     CheckCode = "permission"
	CheckProtocol       CheckCode = "protocol"
	CheckBlockedAddress CheckCode = "blocked_address"
)

// CheckPhase is one part of a test and how long it took.
type CheckPhase struct {
	// Name is "dns", "connect", "tls", "key_exchange", "login" or "operation".
	Name string
	Took time.Duration
}

// checkPhase is a CheckPhase as it is stored: with fractions of milliseconds.
type checkPhase struct {
	Name       string  `json:"name"`
	DurationMS float64 `json:"duration_ms"`
}

// MarshalJSON writes the time in milliseconds.
func (p CheckPhase) MarshalJSON() ([]byte, error) {
	return json.Marshal(checkPhase{p.Name, float64(p.Took.Microseconds()) / 1000})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *CheckPhase) UnmarshalJSON(b []byte) error {
	var stored checkPhase
	if err := json.Unmarshal(b, &stored); err != nil {
		return err
	}
	p.Name, p.Took = stored.Name, time.Duration(math.Round(stored.DurationMS*1000))*time.Microsecond
	return nil
}

// Warning is something that will end, foreseen.
type Warning struct {
	// Kind is "ca_certificate", "server_certificate", "sas_token", "client_secret" or
	// "oauth_grant".
	Kind string `json:"kind"`
	// Message is a sentence that a person can act on.
	Message string `json:"message"`
	// ExpiresAt is when it ends; it may have passed.
	ExpiresAt time.Time `json:"expires_at"`
}

// CheckResult is what a test found.
type CheckResult struct {
	Success bool `json:"success"`
	// Code is empty where it went well.
	Code CheckCode `json:"code,omitempty"`
	// Message is a sentence that a person can act on; it holds no secret and no words of
	// a driver's.
	Message string `json:"message"`
	// Phases are those that were begun, in order.
	Phases []CheckPhase `json:"phases"`
	// Details are what was learnt beside: a server's version, a host key. They are shown.
	Details map[string]any `json:"details,omitempty"`
	// Warnings are what will end within the next weeks, soonest first.
	Warnings []Warning `json:"warnings,omitempty"`
}

// CheckTrigger says why a stored credential was tested.
type CheckTrigger string

// The reasons for a test.
const (
	// CheckRequested: somebody asked for it.
	CheckRequested CheckTrigger = "request"
	// CheckScheduled: it was due.
	CheckScheduled CheckTrigger = "schedule"
)

// Check is a test of a stored credential. Its JSON form is what is stored.
type Check struct {
	CheckResult
	At      time.Time    `json:"at"`
	Trigger CheckTrigger `json:"trigger"`
	// Version of the data that was tested.
	Version int64 `json:"version"`
}

// HealthState says what the last tests of a credential have found.
type HealthState string

// The states of health.
const (
	// HealthUnknown: it was not tested since its data was stored, or cannot be.
	HealthUnknown HealthState = ""
	HealthOK      HealthState = "ok"
	// HealthExpiring: it works, and something of it ends soon.
	HealthExpiring HealthState = "expiring"
	// HealthFailing: the last test failed.
	HealthFailing HealthState = "failing"
	// HealthStopped: signing in was refused so often that it is not tested any more
	// without being asked, lest the account be locked out. New data, or a test on demand
	// that succeeds, begins anew.
	HealthStopped HealthState = "stopped"
)

// Health is how it stands with a credential's tests.
type Health struct {
	State HealthState
	// NextAt is when it is tested without anybody asking; nil: it is not.
	NextAt *time.Time
	// Failures counts the tests that failed since the last that did not, and Refusals those
	// of them in which signing in was refused.
	Failures, Refusals int
	// KnownHost is the SSH host key that the first connection showed, as a line of
	// known_hosts; empty: none is kept.
	KnownHost string
}

// HealthCount is how many live credentials of a provider are in the states.
type HealthCount struct {
	Provider string
	Status   CredentialStatus
	Health   HealthState
	Count    int
}

// ConnectionService tests connections. All methods return *Error; a test that fails is no
// error.
type ConnectionService interface {
	// TestConnection tests what is not stored, as data of the provider's type: by users, and
	// by service accounts that are not narrowed to reading.
	TestConnection(ctx context.Context, caller Caller, provider string, t CredentialType, data secret.Value) (CheckResult, error)
	// TestCredential tests a stored credential and keeps the result. Where provider is not
	// empty, a credential of another one is refused.
	TestCredential(ctx context.Context, caller Caller, id uuid.UUID, provider string) (Check, error)
	// Checks returns the newest results that are kept, newest first.
	Checks(ctx context.Context, caller Caller, id uuid.UUID, page Page) ([]Check, error)
}
