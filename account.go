package strongroom

import (
	"context"
	"time"

	"github.com/google/uuid"

	"strongroom/secret"
)

// ServiceAccountStatus says whether an account's keys are accepted.
type ServiceAccountStatus string

// The states of a service account.
const (
	ServiceAccountActive   ServiceAccountStatus = "active"
	ServiceAccountInactive ServiceAccountStatus = "inactive"
)

// ServiceAccount is a program that reads credentials.
type ServiceAccount struct {
	ID uuid.UUID
	// OrganizationID is nil for a system service account.
	OrganizationID *uuid.UUID
	Name           string
	Description    *string
	Status         ServiceAccountStatus
	Grants         []Grant
	ModifiedBy     uuid.UUID
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// System tells whether the account belongs to the operator and to no organization.
func (a ServiceAccount) System() bool { return a.OrganizationID == nil }

// APIKey is what may be known about a key once its token has been shown.
type APIKey struct {
	ID               uuid.UUID
	ServiceAccountID uuid.UUID
	// OrganizationID is nil for the key of a system service account.
	OrganizationID *uuid.UUID
	// UserID is the user who made the key; nil for one made on the command line.
	UserID      *uuid.UUID
	Name        string
	Description *string
	// TokenPrefix identifies the key to people; at most 40 characters.
	TokenPrefix string
	ModifiedBy  uuid.UUID
	CreatedAt   time.Time
	UpdatedAt   time.Time
	// ExpiresAt ends the key; nil: never.
	ExpiresAt *time.Time
}

// NewServiceAccount is what a caller asks to have made.
type NewServiceAccount struct {
	Name        string
	Description *string
	Grants      []Grant
	// System makes it the operator's; the command line alone may ask for that.
	System bool
}

// ServiceAccountUpdate changes what is not nil.
type ServiceAccountUpdate struct {
	Name        *string
	Description *string
}

// NewAPIKey is what a caller asks to have made.
type NewAPIKey struct {
	Name        string
	Description *string
	ExpiresAt   *time.Time
}

// APIKeyUpdate changes what is not nil.
type APIKeyUpdate struct {
	Name        *string
	Description *string
}

// IssuedAPIKey is a new key with its token, which nobody can see again.
type IssuedAPIKey struct {
	APIKey
	Token secret.Value
}

// ServiceAccountService is the authority over service accounts, their grants and
// keys. Every method decides whether the caller may, and puts each change on record
// in the same transaction. All of them return *Error.
type ServiceAccountService interface {
	Create(ctx context.Context, caller Caller, n NewServiceAccount) (ServiceAccount, error)
	// List returns the organization's accounts and the system ones.
	List(ctx context.Context, caller Caller, page Page) ([]ServiceAccount, error)
	Get(ctx context.Context, caller Caller, id uuid.UUID) (ServiceAccount, error)
	Update(ctx context.Context, caller Caller, id uuid.UUID, u ServiceAccountUpdate) (ServiceAccount, error)
	// SetStatus activates or deactivates; setting what already is changes nothing.
	SetStatus(ctx context.Context, caller Caller, id uuid.UUID, status ServiceAccountStatus) (ServiceAccount, error)
	// SetGrants replaces all grants at once; none lifts every restriction.
	SetGrants(ctx context.Context, caller Caller, id uuid.UUID, grants []Grant) (ServiceAccount, error)
	// Delete removes the account and its keys for good.
	Delete(ctx context.Context, caller Caller, id uuid.UUID) error

	CreateKey(ctx context.Context, caller Caller, account uuid.UUID, n NewAPIKey) (IssuedAPIKey, error)
	ListKeys(ctx context.Context, caller Caller, account uuid.UUID, page Page) ([]APIKey, error)
	UpdateKey(ctx context.Context, caller Caller, account, key uuid.UUID, u APIKeyUpdate) (APIKey, error)
	DeleteKey(ctx context.Context, caller Caller, account, key uuid.UUID) error
}
