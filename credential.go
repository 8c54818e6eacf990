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

// The states of a credential.
const (
	// StatusActive: nothing is known against it.
	StatusActive CredentialStatus = "active"
	// StatusRefreshFailing: the provider could not be reached, was busy, or refused the
	// OAuth client; renewal is tried again, and a token that is still valid is served.
	StatusRefreshFailing CredentialStatus = "refresh_failing"
	// StatusUncertain: a request to renew was sent and its answer was lost, so that
	// nobody knows whether the provider has replaced the refresh token. It is tried again.
	StatusUncertain CredentialStatus = "uncertain"
	// StatusNeedsReauth: the grant is dead. Only a person who connects anew, or new
	// data, helps.
	StatusNeedsReauth CredentialStatus = "needs_reauth"
)

// StatusReason says why a credential is in a state other than active.
type StatusReason string

// The reasons for a state. None of them quotes a provider.
const (
	// ReasonInvalidGrant: the provider says that the grant has ended (revoked, consent
	// withdrawn, expired, password changed).
	ReasonInvalidGrant StatusReason = "invalid_grant"
	// ReasonAnswerLost: the answer to an earlier renewal was lost, or came after the backup
	// that the credential was restored from. With needs_reauth: the provider has since
	// refused the refresh token, most likely because that renewal had replaced it.
	ReasonAnswerLost StatusReason = "answer_lost"
	// ReasonNoRefreshToken: the access token has expired and there is no refresh token.
	ReasonNoRefreshToken StatusReason = "no_refresh_token"
	// ReasonUnreachable: no connection to the provider.
	ReasonUnreachable StatusReason = "unreachable"
	// ReasonTimeout: the provider did not answer in time.
	ReasonTimeout StatusReason = "timeout"
	// ReasonProviderError: the provider answered with a failure of its own (5xx).
	ReasonProviderError StatusReason = "provider_error"
	// ReasonRateLimited: the provider asks to come back later.
	ReasonRateLimited StatusReason = "rate_limited"
	// ReasonMalformedAnswer: the provider answered with something that is no token response.
	ReasonMalformedAnswer StatusReason = "malformed_answer"
	// ReasonClientRejected: the provider does not accept the OAuth client or the request
	// as it is configured; the operator or an org_admin has to correct that.
	ReasonClientRejected StatusReason = "client_rejected"
	// ReasonClientMissing: no OAuth client is configured for the provider.
	ReasonClientMissing StatusReason = "client_missing"
	// ReasonBlockedAddress: the provider's address is one that may not be called.
	ReasonBlockedAddress StatusReason = "blocked_address"
	// ReasonUnreadable: the stored data does not open, or the key service is away.
	ReasonUnreadable StatusReason = "unreadable"
)

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
	// AccountEmail is the account at the provider that an OAuth credential belongs to, if
	// known.
	AccountEmail *string
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
	// RefreshError is a sentence about the last renewal, if it failed.
	RefreshError *string
	DeletedAt    *time.Time
	Renewal      Renewal
	Health       Health
	Rotation     RotationSchedule
}

// Renewal is how it stands with keeping an OAuth credential's token fresh. Of another
// credential it is zero.
type Renewal struct {
	// StaleAt is from when a read renews the token before it answers; nil: never.
	StaleAt *time.Time
	// NextAt is when the token is renewed without anybody asking, or tried again; nil: it
	// is not, because nothing ends or nothing helps.
	NextAt *time.Time
	// Failures counts the attempts that failed since the last that did not.
	Failures int
	// Since is when the state began; nil for an active one.
	Since *time.Time
	// Reason is why the state is what it is; empty for an active one.
	Reason StatusReason
	// ClientID is the OAuth client that the tokens were issued to; empty where unknown.
	ClientID string
}

// LastUsedPrecision is how far LastUsedAt may lag behind the last read. The audit
// log has every read exactly; the metadata need not cost a write each time, which among
// very many credentials is one to a page that nothing else has touched for long.
const LastUsedPrecision = time.Hour

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
	// OAuthClientID is the OAuth client that its tokens were issued to, where it came by a
	// connection; empty: unknown.
	OAuthClientID string
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

// Revocation says what became of a token at its provider when its credential was deleted.
type Revocation string

// The outcomes of a revocation.
const (
	// RevocationNone: it was not asked for.
	RevocationNone Revocation = ""
	// RevocationDone: the provider has confirmed it.
	RevocationDone Revocation = "revoked"
	// RevocationUnsupported: the provider has no such call, or the credential no token.
	RevocationUnsupported Revocation = "unsupported"
	// RevocationFailed: the provider was not reached or refused; revoke it there.
	RevocationFailed Revocation = "failed"
)

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
	// Delete hides the credential; only the command line restores it. With revoke, its
	// token is revoked at the provider once it is hidden.
	Delete(ctx context.Context, caller Caller, id uuid.UUID, revoke bool) (Revocation, error)
	// Refresh renews an OAuth credential's token now.
	Refresh(ctx context.Context, caller Caller, id uuid.UUID) (Credential, error)
	// Open returns the decrypted data to service accounts. ifNoneMatch lists the
	// ETags the caller already holds, unquoted; "*" matches any.
	Open(ctx context.Context, caller Caller, id uuid.UUID, ifNoneMatch []string) (Opened, error)
}
