package strongroom

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// RotationState says how far a rotation has come.
type RotationState string

// The states of a rotation. The first four are of one under way, the others of one that
// has ended.
const (
	// RotationPending: the new secret is stored, and nothing was changed at the far end.
	RotationPending RotationState = "pending"
	// RotationChanging: the far end was told, or may have been; which secret opens it is
	// found out by asking it.
	RotationChanging RotationState = "changing"
	// RotationPromoted: the credential has the new secret; the old one still opens until
	// the grace period ends, and is then removed.
	RotationPromoted RotationState = "promoted"
	// RotationStuck: it does not go on by itself; somebody has to resume or abandon it.
	RotationStuck RotationState = "stuck"

	// RotationDone: only the new secret is left.
	RotationDone RotationState = "done"
	// RotationFailed: the far end could not be changed; the old secret is what it was.
	RotationFailed RotationState = "failed"
	// RotationAbandoned: somebody gave it up, and the credential keeps the secret it had.
	RotationAbandoned RotationState = "abandoned"
)

// Active tells whether the rotation is under way.
func (s RotationState) Active() bool {
	switch s {
	case RotationPending, RotationChanging, RotationPromoted, RotationStuck:
		return true
	}
	return false
}

// RotationTrigger says why a rotation began.
type RotationTrigger string

// The reasons for a rotation.
const (
	RotationRequested RotationTrigger = "request"
	RotationScheduled RotationTrigger = "schedule"
)

// Rotation is one change of a credential's password or key at the far end.
type Rotation struct {
	ID             uuid.UUID
	OrganizationID uuid.UUID
	CredentialID   uuid.UUID
	// Method is "postgresql_password", "postgresql_two_roles" or "sftp_key".
	Method  string
	Trigger RotationTrigger
	State   RotationState
	// BeganBy is the principal that asked; the nil UUID where nobody did.
	BeganBy   uuid.UUID
	BeganAt   time.Time
	UpdatedAt time.Time
	EndedAt   *time.Time
	// FromVersion is the credential's version when it began; PromotedVersion the one with
	// the new secret, 0 until there is one.
	FromVersion, PromotedVersion int64
	// Attempts counts the tries since the last step that was taken.
	Attempts int
	// NextAt is when it goes on by itself; nil: it does not.
	NextAt *time.Time
	// Code and Message say why the last try came to nothing; empty: it did not.
	Code    CheckCode
	Message string
}

// RotationPolicy says when a credential is rotated without anybody asking.
type RotationPolicy struct {
	// MaxAge is how old the secret may get; 0: it is rotated on demand alone.
	MaxAge time.Duration
	// Grace is how long the old secret goes on to open where both can; 0:
	// DefaultRotationGrace.
	Grace time.Duration
}

// DefaultRotationGrace is the grace period of a credential whose policy names none: long
// enough for workflows that have read the old secret to end.
const DefaultRotationGrace = 24 * time.Hour

// RotationSchedule is a credential's policy and where it stands with it.
type RotationSchedule struct {
	RotationPolicy
	// NextAt is when the next rotation is due; nil: none is.
	NextAt *time.Time
	// LastAt is when the last one was promoted; nil: none was.
	LastAt *time.Time
	// InDoubt says that a rotation may have changed the far end and has not found out yet
	// which secret opens it.
	InDoubt bool
}

// RotationQuery says which rotations a caller asks for.
type RotationQuery struct {
	Page
	// CredentialID selects one credential's; the nil UUID: the organization's.
	CredentialID uuid.UUID
	// State selects those in it; empty: every one.
	State RotationState
}

// RotationService changes passwords and keys at the far end. All methods return *Error.
type RotationService interface {
	// Rotate begins a rotation, or returns the one that is under way, and takes as many
	// steps as can be taken now.
	Rotate(ctx context.Context, caller Caller, id uuid.UUID) (Rotation, error)
	// Resume takes the steps of a rotation that waits or is stuck.
	Resume(ctx context.Context, caller Caller, id, rotation uuid.UUID) (Rotation, error)
	// Abandon gives a rotation up: the credential keeps the secret that opens. Where the
	// new one is the only one that does, it is promoted instead. Where neither is known to,
	// it is CodeConflict unless forced.
	Abandon(ctx context.Context, caller Caller, id, rotation uuid.UUID, force bool) (Rotation, error)
	// Rotations lists rotations, newest first.
	Rotations(ctx context.Context, caller Caller, q RotationQuery) ([]Rotation, error)
	// SetRotationPolicy replaces a credential's policy.
	SetRotationPolicy(ctx context.Context, caller Caller, id uuid.UUID, p RotationPolicy) (Credential, error)
}
