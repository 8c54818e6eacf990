package strongroom

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Action says what an event is about.
type Action string

// What is put on record.
const (
	ActionCredentialRead    Action = "credential.read"
	ActionCredentialCreate  Action = "credential.create"
	ActionCredentialUpdate  Action = "credential.update"
	ActionCredentialDelete  Action = "credential.delete"
	ActionCredentialRestore Action = "credential.restore"
	// ActionCredentialRefresh is a renewal of a token at the provider; its note says how
	// it ended. ActionCredentialRefreshRequest is that somebody asked for one.
	ActionCredentialRefresh        Action = "credential.refresh"
	ActionCredentialRefreshRequest Action = "credential.refresh_request"
	// ActionCredentialRevoke is the revocation of a token at the provider.
	ActionCredentialRevoke Action = "credential.revoke"

	// ActionConnectionTest is a test of what is not stored, ActionCredentialTest one of a
	// stored credential; the note says how it ended.
	ActionConnectionTest Action = "connection.test"
	ActionCredentialTest Action = "credential.test"
	// ActionCredentialRotate is a step of a rotation; the note says which.
	ActionCredentialRotate       Action = "credential.rotate"
	ActionCredentialRotatePolicy Action = "credential.rotation_policy"

	// ActionOAuthAuthorize begins a connection, ActionOAuthCallback ends it.
	ActionOAuthAuthorize Action = "oauth.authorize"
	ActionOAuthCallback  Action = "oauth.callback"

	ActionOAuthClientSet    Action = "oauth_client.set"
	ActionOAuthClientDelete Action = "oauth_client.delete"

	ActionAccountCreate     Action = "service_account.create"
	ActionAccountUpdate     Action = "service_account.update"
	ActionAccountActivate   Action = "service_account.activate"
	ActionAccountDeactivate Action = "service_account.deactivate"
	ActionAccountGrants     Action = "service_account.grants"
	ActionAccountDelete     Action = "service_account.delete"

	ActionKeyCreate Action = "api_key.create"
	ActionKeyUpdate Action = "api_key.update"
	ActionKeyDelete Action = "api_key.delete"

	ActionOrganizationKeyCreate Action = "organization_key.create"
	// ActionOrganizationKeyRotate is the beginning or an end of a rotation of an
	// organization's key; the note says which.
	ActionOrganizationKeyRotate Action = "organization_key.rotate"
	// ActionRootKeyRotate replaces the root key, ActionSigningKeyRotate the one that signs
	// the audit log.
	ActionRootKeyRotate    Action = "root_key.rotate"
	ActionSigningKeyRotate Action = "audit_signing_key.rotate"
	// ActionOrganizationErase destroys an organization's keys and all that it had.
	ActionOrganizationErase Action = "organization.erase"

	// ActionDatabaseRestore is that the whole database was restored; the note says of which
	// backup.
	ActionDatabaseRestore Action = "database.restore"

	// ActionChainOpen and ActionChainClose are the first and last event of a
	// process's chain; a chain without the last ended in a crash.
	ActionChainOpen  Action = "audit.chain_open"
	ActionChainClose Action = "audit.chain_close"
)

// Outcome says how it ended.
type Outcome string

// The outcomes of an act.
const (
	// OutcomeAllowed: it was done, or is about to be.
	OutcomeAllowed Outcome = "allowed"
	// OutcomeDenied: the caller may not, or what it named is not there for it.
	OutcomeDenied Outcome = "denied"
	// OutcomeFailed: it was allowed and could not be done.
	OutcomeFailed Outcome = "failed"
)

// Event is one entry of the audit log: who did what to what, from where, when and
// how it ended. It holds no secret value nor a hash of one. Its JSON form is what
// the hash chain covers, byte for byte.
type Event struct {
	Time           time.Time     `json:"time"`
	Action         Action        `json:"action"`
	Outcome        Outcome       `json:"outcome"`
	Reason         Code          `json:"reason,omitempty"`
	OrganizationID uuid.UUID     `json:"organization_id,omitzero"`
	PrincipalKind  PrincipalKind `json:"principal_kind"`
	PrincipalID    uuid.UUID     `json:"principal_id,omitzero"`
	KeyID          uuid.UUID     `json:"api_key_id,omitzero"`
	Role           Role          `json:"role,omitempty"`
	Address        string        `json:"address,omitempty"`
	RequestID      string        `json:"request_id,omitempty"`
	CredentialID   uuid.UUID     `json:"credential_id,omitzero"`
	Version        int64         `json:"version,omitempty"`
	Provider       string        `json:"provider,omitempty"`
	AccountID      uuid.UUID     `json:"service_account_id,omitzero"`
	TargetKeyID    uuid.UUID     `json:"target_key_id,omitzero"`
	// Note says what the fields cannot ("not_modified", say); never user input.
	Note string `json:"note,omitempty"`
}

// NewEvent returns an allowed event of the caller's, for the act to fill in.
func NewEvent(at time.Time, caller Caller, action Action) Event {
	e := Event{
		Time: Timestamp(at), Action: action, Outcome: OutcomeAllowed,
		OrganizationID: caller.OrganizationID, PrincipalKind: caller.Kind, PrincipalID: caller.ID,
		KeyID: caller.KeyID, Role: caller.Role, RequestID: caller.RequestID,
	}
	if caller.Address.IsValid() {
		e.Address = caller.Address.String()
	}
	return e
}

// Denied returns the event with the outcome that the error stands for.
func (e Event) Denied(err error) Event {
	e.Outcome, e.Reason = OutcomeDenied, CodeOf(err)
	return e
}

// Failed returns the event as one that was allowed and could not be done.
func (e Event) Failed(err error) Event {
	e.Outcome, e.Reason = OutcomeFailed, CodeOf(err)
	return e
}

// RecordedEvent is an event with its place in the log.
type RecordedEvent struct {
	Event
	// Chain and Sequence name the event for good; Hash is its link in the chain.
	Chain    uuid.UUID
	Sequence int64
	Hash     [32]byte
	// Cursor orders events over all chains of one database, oldest lowest.
	Cursor int64
}

// EventQuery says which events a caller asks for; zero fields do not filter.
type EventQuery struct {
	// Limit is 1 or more.
	Limit int
	// Before asks for events older than this cursor; 0: the newest.
	Before       int64
	Action       Action
	Outcome      Outcome
	CredentialID uuid.UUID
	PrincipalID  uuid.UUID
	Since, Until *time.Time
}

// AuditService shows an organization's events to its org_admins, newest first.
type AuditService interface {
	Events(ctx context.Context, caller Caller, q EventQuery) ([]RecordedEvent, error)
}
