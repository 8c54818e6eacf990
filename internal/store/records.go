package store

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

// SealedCredential is a credential with its ciphertext.
type SealedCredential struct {
	strongroom.Credential
	Sealed []byte
}

// CredentialChange replaces a credential's data and what follows from it.
type CredentialChange struct {
	ID uuid.UUID
	// From is the version that is replaced; the new one is From+1.
	From       int64
	Name       string
	Type       strongroom.CredentialType
	Sealed     []byte
	Status     strongroom.CredentialStatus
	ModifiedBy uuid.UUID
	UpdatedAt  time.Time
	// These follow from the new data; the old ones' values go.
	AccountEmail *string
	ExpiresAt    *time.Time
	Scopes       []string
	Renewal      strongroom.Renewal
	// CheckAt is when the new data is tested without anybody asking; nil: it is not. What
	// earlier tests have found goes, but for the known host.
	CheckAt *time.Time
	// RotateAt is when the new data is to be rotated; nil: it is not.
	RotateAt *time.Time
}

// CredentialLimits bound how many live credentials there may be; 0: no bound.
type CredentialLimits struct {
	// PerProvider counts the organization's credentials of the new one's provider.
	PerProvider int
	// PerUser counts the owner's credentials in the organization.
	PerUser int
}

// CredentialFilter selects live credentials of one organization.
type CredentialFilter struct {
	strongroom.Page
	// Owner selects one user's; nil: everybody's.
	Owner *uuid.UUID
	// Provider selects one provider's; empty: every one's.
	Provider string
	// Within, where not nil, keeps those that any of its lists name.
	Within *Within
	// Deleted selects deleted ones instead of live ones.
	Deleted bool
}

// Within is a union of ids and providers; empty, it selects nothing.
type Within struct {
	CredentialIDs []uuid.UUID
	Providers     []string
}

// KeyHolder is an API key with the account it opens for.
type KeyHolder struct {
	Key strongroom.APIKey
	// Hash is the SHA-256 of the whole token.
	Hash    [32]byte
	Account strongroom.ServiceAccount
}

// Installation is what a database knows about itself.
type Installation struct {
	ID uuid.UUID
	// RootFingerprint identifies the root key that this database needs.
	RootFingerprint string
	CreatedAt       time.Time
}

// SigningKey signs audit heads and checkpoints; the private half is wrapped by the
// root key.
type SigningKey struct {
	ID             uuid.UUID
	Public         []byte
	WrappedPrivate []byte
	// RootFingerprint identifies the root key that wrapped it.
	RootFingerprint string
	CreatedAt       time.Time
	// RetiredAt is from when on it was to sign nothing more; nil: it signs.
	RetiredAt *time.Time
}

// AuditRecord is one link of a chain. Body is the event's JSON as it was hashed.
type AuditRecord struct {
	// Cursor is given by the database when the record is appended.
	Cursor int64
	Chain  uuid.UUID
	// Sequence counts from 1 in each chain.
	Sequence int64
	At       time.Time
	// OrganizationID is the nil UUID where the event belongs to none.
	OrganizationID uuid.UUID
	Hash           [32]byte
	Body           []byte
	// Index is given where a record is appended, and not read back.
	Index AuditIndex
}

// AuditIndex is what of an event lists are filtered by, for stores that keep it beside the
// body.
type AuditIndex struct {
	Action       string    `json:"action"`
	Outcome      string    `json:"outcome"`
	CredentialID uuid.UUID `json:"credential_id"`
	PrincipalID  uuid.UUID `json:"principal_id"`
}

// IndexOf reads an event's JSON. One that is not an event's is found by no filter.
func IndexOf(body []byte) (i AuditIndex) {
	if json.Unmarshal(body, &i) != nil {
		return AuditIndex{}
	}
	return i
}

// AuditHead is the signed end of a chain; one row a chain, moved with every append.
type AuditHead struct {
	Chain     uuid.UUID
	Sequence  int64
	Hash      [32]byte
	KeyID     uuid.UUID
	Signature []byte
	UpdatedAt time.Time
}

// AuditCheckpoint is a signed statement about the heads of chains.
type AuditCheckpoint struct {
	// Sequence counts from 1 over the whole database.
	Sequence  int64
	Body      []byte
	KeyID     uuid.UUID
	Signature []byte
	CreatedAt time.Time
}

// RenewalState is a credential with the lease on its renewal.
type RenewalState struct {
	SealedCredential
	// Fence counts the attempts to renew.
	Fence int64
	// LeasedUntil is set as long as an attempt has begun and not ended; when it has
	// passed, whoever made the attempt is taken for gone.
	LeasedUntil *time.Time
}

// RenewalLease asks for the right to renew a credential.
type RenewalLease struct {
	ID uuid.UUID
	// Version and Fence are those of the RenewalState that the decision was made on:
	// where either has moved on, there is something to read anew.
	Version, Fence int64
	// Now decides whether an earlier lease has ended; Until is when this one does.
	Now, Until time.Time
	// Uncertain, where not nil, also puts the credential into that state: an earlier
	// attempt has begun and never ended.
	Uncertain *strongroom.Renewal
}

// RenewalEnd is how an attempt ended. It ends the lease.
type RenewalEnd struct {
	ID uuid.UUID
	// Version and Fence are those that the lease was held at.
	Version, Fence int64
	Status         strongroom.CredentialStatus
	Renewal        strongroom.Renewal
	RefreshError   *string
	// Renewed is what the provider gave; nil: nothing, and the data stays.
	Renewed *RenewedData
}

// RenewedData replaces a credential's data at the next version.
type RenewedData struct {
	Sealed    []byte
	ExpiresAt *time.Time
	Scopes    []string
	At        time.Time
}

// DueRenewal names a credential that is to be renewed.
type DueRenewal struct {
	OrganizationID, ID uuid.UUID
	Provider           string
}

// OAuthClient is an organization's OAuth client with its sealed secret.
type OAuthClient struct {
	strongroom.OAuthClient
	// ID and Version are what the secret is sealed for.
	ID      uuid.UUID
	Version int64
	Sealed  []byte
}

// OAuthFlow is a connection under way.
type OAuthFlow struct {
	// StateHash is the SHA-256 of the state.
	StateHash      [32]byte
	ID             uuid.UUID
	OrganizationID uuid.UUID
	UserID         uuid.UUID
	Role           strongroom.Role
	Provider       string
	Type           strongroom.CredentialType
	Name           string
	// CredentialID is the one to connect anew; nil: a new one is made.
	CredentialID *uuid.UUID
	// ClientID is the OAuth client that asked.
	ClientID     string
	RedirectTo   string
	CallbackPath string
	Scopes       []string
	// BrowserHash is the SHA-256 of the browser's key.
	BrowserHash [32]byte
	CreatedAt   time.Time
	ExpiresAt   time.Time
	// UsedAt is when the callback came; nil: it has not. CodeHash is then the SHA-256 of
	// the code it brought.
	UsedAt   *time.Time
	CodeHash *[32]byte
	// Outcome is how it ended, as JSON; nil: it has not.
	Outcome []byte
	Sealed  []byte
}
