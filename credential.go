package strongroom

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"strongroom/secret"
)

// CredentialType says what sort of secret data a credential holds.
type CredentialType string

// CredentialStatus says whether a credential is known to work.
type CredentialStatus string

// StatusActive is the state of a credential nothing is known against.
const StatusActive CredentialStatus = "active"

// Credential is what may be known about a credential without opening it.
type Credential struct {
	ID             uuid.UUID
	OrganizationID uuid.UUID
	// UserID is the owner; nil where the owner is no user.
	UserID     *uuid.UUID
	Name       string
	Provider   string
	Type       CredentialType
	Status     CredentialStatus
	ModifiedBy uuid.UUID
	// Version counts the sealed data from 1; it changes whenever the data does.
	Version int64
	// GoogleEmail is the account an OAuth credential of Google's belongs to.
	GoogleEmail *string
	// ExpiresAt is when the data (an access token, say) stops working, if known.
	ExpiresAt *time.Time
	Scopes    []string
	CreatedAt time.Time
	UpdatedAt time.Time
	// LastUsedAt is exact to [LastUsedPrecision].
	LastUsedAt      *time.Time
	LastCheckedAt   *time.Time
	LastCheck       json.RawMessage
	LastRefreshedAt *time.Time
	RefreshError    *string
	DeletedAt       *time.Time
}

// LastUsedPrecision is how far LastUsedAt may lag behind the last read. The audit
// log has every read exactly; the metadata need not cost a write each time.
const LastUsedPrecision = time.Minute

// Page is a part of a list. Limit is 1 or more, Offset 0 or more.
type Page struct {
	Limit  int
	Offset int
}

// CredentialQuery says which credentials a caller asks for.
type CredentialQuery struct {
	Page
	// Provider filters where it is not empty; in any case.
	Provider string
	// WholeOrganization asks for every user's, not only the caller's own.
	WholeOrganization bool
}

// NewCredential is what a caller asks to have stored.
type NewCredential struct {
	Name     string
	Provider string
	Type     CredentialType
	// Data is a JSON object, as received.
	Data secret.Value
}

// CredentialUpdate replaces a credential's data under the same id.
type CredentialUpdate struct {
	// Name is kept where nil.
	Name *string
	Type CredentialType
	// Data is a JSON object, as received.
	Data secret.Value
}

// Opened is the answer to a secrets read.
type Opened struct {
	// ETag names the version and the view of it, without quotes.
	ETag string
	// NotModified says that the caller's ETag still holds; Data is then empty.
	NotModified bool
	// Data is a JSON object. The receiver destroys it when it has been sent.
	Data secret.Value
}

// CredentialService is the authority over credentials. Every method decides
// whether the caller may, and puts what it did on record durably before it returns.
// All of them return *Error.
type CredentialService interface {
	// List returns metadata, newest first: a user's own, or the whole organization's
	// for an org_admin who asks for it and for service accounts (within their grants).
	List(ctx context.Context, caller Caller, q CredentialQuery) ([]Credential, error)
	// Create stores a new credential; users only.
	Create(ctx context.Context, caller Caller, n NewCredential) (Credential, error)
	// Get returns metadata.
	Get(ctx context.Context, caller Caller, id uuid.UUID) (Credential, error)
	// Update replaces the data; the old data is overwritten.
	Update(ctx context.Context, caller Caller, id uuid.UUID, u CredentialUpdate) (Credential, error)
	// Delete hides the credential; only the command line restores it.
	Delete(ctx context.Context, caller Caller, id uuid.UUID) error
	// Open returns the decrypted data to service accounts. ifNoneMatch lists the
	// ETags the caller already holds, unquoted; "*" matches any.
	Open(ctx context.Context, caller Caller, id uuid.UUID, ifNoneMatch []string) (Opened, error)
}
