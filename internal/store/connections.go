package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

// Checks reads what tests of credentials have found.
type Checks interface {
	// ListChecks returns a live credential's kept tests, the one written last first.
	// ErrNotFound.
	ListChecks(ctx context.Context, organization, credential uuid.UUID, page strongroom.Page) ([]strongroom.Check, error)
	// CountHealth counts the live credentials of all organizations by provider and state:
	// for the operator's metrics and command line.
	CountHealth(ctx context.Context) ([]strongroom.HealthCount, error)
}

// Rotations reads changes of passwords and keys at the far end.
type Rotations interface {
	// Rotation returns one of the organization's, with its sealed secret. ErrNotFound.
	Rotation(ctx context.Context, organization, id uuid.UUID) (SealedRotation, error)
	// ActiveRotation returns the credential's one that has not ended. ErrNotFound.
	ActiveRotation(ctx context.Context, organization, credential uuid.UUID) (SealedRotation, error)
	// ListRotations returns them newest first (by id).
	ListRotations(ctx context.Context, f RotationFilter) ([]strongroom.Rotation, error)
}

// ConnectionsTx writes what tests and rotations come to. It is a part of Tx.
type ConnectionsTx interface {
	// SaveCheck writes what a test found onto a live credential, and into its history, of
	// which the newest Keep are kept. ErrNotFound; ErrStale: the version has moved on, and
	// nothing is written.
	SaveCheck(organization uuid.UUID, e CheckEnd) error
	// Health returns a live credential's, and holds it until the transaction ends: what is
	// written next follows from it. ErrNotFound.
	Health(organization, id uuid.UUID) (strongroom.Health, error)
	// SetHealth replaces a live credential's where there is no test to tell of, and gives up
	// the claim. ErrNotFound; ErrStale: the version has moved on, and nothing is written.
	SetHealth(organization, id uuid.UUID, version int64, h strongroom.Health) error
	// ClaimChecks returns up to limit live credentials whose test is due at now, but for
	// those of the providers in except, the longest due first, and claims them until then.
	// They stay due.
	ClaimChecks(now, until time.Time, limit int, except []string) ([]DueCredential, error)

	// SetRotationPolicy replaces a live credential's policy and when the next rotation is
	// due, which ends a claim on it. ErrNotFound.
	SetRotationPolicy(organization, id uuid.UUID, p strongroom.RotationPolicy, next *time.Time, at time.Time, by uuid.UUID) error
	// CreateRotation inserts one under way, for a live credential. ErrNotFound;
	// ErrDuplicate: another of the credential's is under way; ErrStale: the credential is
	// not at FromVersion any more.
	CreateRotation(r SealedRotation) error
	// LeaseRotation takes the right to work on one that is under way, of a live credential,
	// and returns its fence, one more than before. ErrNotFound; ErrStale: the fence has moved
	// on, somebody's lease has not ended, or the rotation has.
	LeaseRotation(organization, id uuid.UUID, fence int64, now, until time.Time) (int64, error)
	// SaveRotation writes a step of one that is leased with the fence, of a credential that
	// was deleted meanwhile too: a restored one must know of a doubt. ErrNotFound; ErrStale:
	// the fence has moved on or the rotation has ended, and nothing is written.
	SaveRotation(organization uuid.UUID, s RotationStep) error
	// ClaimRotations returns up to limit rotations under way, of live credentials, that go
	// on by themselves, are due at now and that nobody holds leased, the longest due first,
	// and claims them until then, or until a lease is given up. They stay due.
	ClaimRotations(now, until time.Time, limit int) ([]DueRotation, error)
	// ClaimRotationStarts returns up to limit live credentials whose policy asks for a
	// rotation now and that have none under way, the longest due first, and claims them
	// until then.
	ClaimRotationStarts(now, until time.Time, limit int) ([]DueCredential, error)
}

// CheckEnd is what a test comes to.
type CheckEnd struct {
	ID    uuid.UUID
	Check strongroom.Check
	// Health replaces the credential's.
	Health strongroom.Health
	// Keep is how many results the history holds at most; at least 1.
	Keep int
}

// DueCredential names a credential with which something is to be done.
type DueCredential struct {
	OrganizationID, ID uuid.UUID
	Provider           string
}

// SealedRotation is a rotation with the secret it is about.
type SealedRotation struct {
	strongroom.Rotation
	// Sealed is the new secret, and what else is to be remembered; empty once the rotation
	// has ended.
	Sealed []byte
	// Fence counts the leases.
	Fence int64
	// LeasedUntil is set as long as somebody works on it.
	LeasedUntil *time.Time
}

// RotationStep is a step that was taken, or tried.
type RotationStep struct {
	ID    uuid.UUID
	Fence int64
	// Rotation replaces State, UpdatedAt, EndedAt, PromotedVersion, Attempts, NextAt, Code
	// and Message of the stored one. With a State that is not active, and EndedAt with it,
	// the sealed secret is removed and the lease given up.
	Rotation strongroom.Rotation
	// InDoubt is what the credential says from now on: the far end may have been changed,
	// and which secret opens it is not known.
	InDoubt bool
	// Schedule, where not nil, replaces when the credential was rotated last (nil in it:
	// that is left) and when the next rotation is due.
	Schedule *RotationTimes
	// Release gives up the lease; without it the lease is kept until LeasedUntil.
	Release     bool
	LeasedUntil time.Time
}

// RotationTimes are of a credential's schedule.
type RotationTimes struct {
	// Last is when a new secret was promoted; nil: what is stored stays.
	Last *time.Time
	// Next is when the next rotation is due; nil: none is.
	Next *time.Time
}

// RotationFilter selects rotations.
type RotationFilter struct {
	strongroom.Page
	// OrganizationID selects one organization's; the nil UUID: every one's, for the
	// operator's command line alone.
	OrganizationID uuid.UUID
	// CredentialID selects one credential's; the nil UUID: every one's.
	CredentialID uuid.UUID
	// State selects those in it; empty: every one.
	State strongroom.RotationState
}

// DueRotation names a rotation that goes on.
type DueRotation struct {
	OrganizationID, CredentialID, ID uuid.UUID
}
