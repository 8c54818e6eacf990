package store

import (
	"context"
	"iter"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

// Store is one database. Its methods are safe for concurrent use, end when the
// context does, and answer with the errors of this package.
type Store interface {
	Credentials
	Accounts
	OAuth
	Checks
	Rotations
	Keys
	Sealed
	Audit

	// Write runs fn in one transaction and returns when it is durable. Nothing is
	// kept where fn, or the commit, returns an error, or where the context has ended
	// before the commit began. fn may run only once, and must not call Write: there
	// may be one writer only.
	Write(ctx context.Context, fn func(Tx) error) error
	// Ready returns nil where the database can be read and written now, and
	// otherwise an ErrUnavailable that says why in a sentence for the operator.
	Ready(ctx context.Context) error
	Close() error
}

// Credentials reads what is known of credentials.
type Credentials interface {
	// Credential returns the metadata of a live credential.
	Credential(ctx context.Context, organization, id uuid.UUID) (strongroom.Credential, error)
	// SealedCredential returns a live credential with its ciphertext.
	SealedCredential(ctx context.Context, organization, id uuid.UUID) (SealedCredential, error)
	// ListCredentials returns metadata, newest first (by creation, then id).
	ListCredentials(ctx context.Context, organization uuid.UUID, f CredentialFilter) ([]strongroom.Credential, error)
	// RenewalState returns a live credential and how it stands with its renewal.
	RenewalState(ctx context.Context, organization, id uuid.UUID) (RenewalState, error)
	// DueRenewals returns the providers, in order, of all organizations' live credentials
	// whose renewal is due at now, claimed ones as well.
	DueRenewals(ctx context.Context, now time.Time) ([]string, error)
	// LocateCredential returns a credential of whichever organization, deleted or not.
	// It is for the operator's command line alone.
	LocateCredential(ctx context.Context, id uuid.UUID) (strongroom.Credential, error)
}

// Accounts reads service accounts and API keys.
type Accounts interface {
	// KeyByHash returns the key whose token has this SHA-256, whatever its account's
	// status or its expiry: to judge those is identity's.
	KeyByHash(ctx context.Context, hash [32]byte) (KeyHolder, error)
	// KeyAndCredential is KeyByHash together with the live credential of this id, in one
	// query and one view of the database; nil where the account's own organization has no
	// such credential, and for a system account, which has none.
	KeyAndCredential(ctx context.Context, hash [32]byte, credential uuid.UUID) (KeyHolder, *SealedCredential, error)
	// Account returns an account of the organization, or a system account; for the nil
	// UUID, which is the operator's view, system accounts alone.
	Account(ctx context.Context, organization, id uuid.UUID) (strongroom.ServiceAccount, error)
	// ListAccounts returns the organization's accounts and the system ones, oldest first
	// (by creation, then id).
	ListAccounts(ctx context.Context, organization uuid.UUID, page strongroom.Page) ([]strongroom.ServiceAccount, error)
	// ListAPIKeys returns an account's keys, oldest first; those of an account that the
	// organization does not see are ErrNotFound.
	ListAPIKeys(ctx context.Context, organization, account uuid.UUID, page strongroom.Page) ([]strongroom.APIKey, error)
}

// OAuth reads organizations' OAuth clients and the connections under way.
type OAuth interface {
	// OAuthClient returns the organization's client at a provider. ErrNotFound.
	OAuthClient(ctx context.Context, organization uuid.UUID, provider string) (OAuthClient, error)
	// ListOAuthClients returns all of an organization's, in order of provider.
	ListOAuthClients(ctx context.Context, organization uuid.UUID) ([]OAuthClient, error)
	// OAuthFlow returns a connection by its state, used or expired ones too. ErrNotFound.
	OAuthFlow(ctx context.Context, stateHash [32]byte) (OAuthFlow, error)
}

// Keys reads the wrapped keys and what the database knows about itself.
type Keys interface {
	// Installation returns ErrNotFound in a database that has not been set up.
	Installation(ctx context.Context) (Installation, error)
	// OrganizationKey returns one version of an organization's key.
	OrganizationKey(ctx context.Context, organization uuid.UUID, version int64) (strongroom.OrganizationKey, error)
	// CurrentOrganizationKey returns the newest version.
	CurrentOrganizationKey(ctx context.Context, organization uuid.UUID) (strongroom.OrganizationKey, error)
	// SigningKeys returns all of them, newest first.
	SigningKeys(ctx context.Context) ([]SigningKey, error)
}

// Audit reads the audit log.
type Audit interface {
	// ListEvents returns an organization's records, newest first; those of no
	// organization for the nil UUID. Since is included, Until is not.
	ListEvents(ctx context.Context, organization uuid.UUID, q strongroom.EventQuery) ([]AuditRecord, error)
	// AuditSnapshot runs fn over one unchanging view of the log, while others write.
	AuditSnapshot(ctx context.Context, fn func(AuditView) error) error
}

// AuditView is the audit log at one moment.
type AuditView interface {
	// Heads returns every chain's head, in order of chain id.
	Heads() ([]AuditHead, error)
	// ChainRecords yields a chain's records in order of sequence, from a sequence on.
	ChainRecords(chain uuid.UUID, from int64) iter.Seq2[AuditRecord, error]
	// Chains returns the id of every chain that has a record or a head.
	Chains() ([]uuid.UUID, error)
	// Records yields every record in order of cursor, for the export.
	Records() iter.Seq2[AuditRecord, error]
	// Checkpoints yields all of them in order of sequence.
	Checkpoints() iter.Seq2[AuditCheckpoint, error]
}

// Tx is a transaction that writes. It is for one goroutine, and only until the
// function it was given to returns.
type Tx interface {
	// Nested runs fn so that its error takes back what fn wrote and nothing else. An
	// ErrUnavailable means that the whole transaction is lost.
	Nested(fn func() error) error

	// EnsureOrganization makes the organization known; it may be already. What an
	// organization is to own (credentials, accounts, keys) is ErrNotFound before that.
	// ErrErased: it has been erased, and whatever else is to be made for it is ErrErased too.
	EnsureOrganization(id uuid.UUID, at time.Time) error

	// CreateCredential inserts at version 1. ErrDuplicate, ErrProviderLimit, ErrUserLimit.
	CreateCredential(c SealedCredential, limits CredentialLimits) error
	// UpdateCredential replaces the data; what was found out about the old data (its
	// last check, its last refresh) goes too. ErrNotFound, ErrStale.
	UpdateCredential(organization uuid.UUID, c CredentialChange) error
	// DeleteCredential hides a live credential. ErrNotFound.
	DeleteCredential(organization, id uuid.UUID, at time.Time, by uuid.UUID) error
	// RestoreCredential brings a deleted one back, within the limits. ErrNotFound.
	RestoreCredential(organization, id uuid.UUID, at time.Time, by uuid.UUID, limits CredentialLimits) (strongroom.Credential, error)
	// LeaseRenewal takes the lease on a live credential's renewal and returns its fence,
	// one more than before. ErrNotFound; ErrStale: the version or the fence has moved on,
	// or somebody's lease has not ended.
	LeaseRenewal(organization uuid.UUID, l RenewalLease) (fence int64, err error)
	// EndRenewal writes how an attempt ended and gives up the lease, on a credential that
	// was deleted meanwhile too: a restored one has the newest token. ErrNotFound;
	// ErrStale: the version or the fence has moved on, and nothing is written.
	EndRenewal(organization uuid.UUID, e RenewalEnd) error
	// ClaimRenewals returns up to limit live credentials of the provider whose renewal is
	// due at now, the longest due first, and claims them until then: whoever else asks
	// meanwhile does not get them, unless an attempt has ended by then. They stay due.
	ClaimRenewals(now, until time.Time, provider string, limit int) ([]DueRenewal, error)

	// SaveOAuthClient inserts version 1 of an organization's client at a provider, or
	// replaces version Version-1. ErrStale: another version is there.
	SaveOAuthClient(c OAuthClient) error
	// DeleteOAuthClient removes one. ErrNotFound.
	DeleteOAuthClient(organization uuid.UUID, provider string) error

	// CreateOAuthFlow inserts a connection under way, and forgets some of those that
	// ended over an hour before it began. ErrUserLimit: the user has maxFlows open.
	CreateOAuthFlow(f OAuthFlow, maxFlows int) error
	// UseOAuthFlow marks one as used. ErrNotFound; ErrStale: it was used or has expired.
	UseOAuthFlow(organization uuid.UUID, stateHash [32]byte, codeHash [32]byte, at time.Time) error
	// EndOAuthFlow writes how it ended, and forgets what it had to remember. ErrNotFound.
	EndOAuthFlow(organization uuid.UUID, stateHash [32]byte, outcome []byte) error

	// TouchCredential notes the use of a credential that may be gone by now. It never
	// takes the time back.
	TouchCredential(organization, id uuid.UUID, at time.Time) error

	// Account is Accounts.Account within the transaction.
	Account(organization, id uuid.UUID) (strongroom.ServiceAccount, error)
	// CreateAccount inserts an account with its grants. ErrDuplicate: the name.
	CreateAccount(a strongroom.ServiceAccount) error
	// SaveAccount replaces name, description, status, grants, ModifiedBy and UpdatedAt
	// of an existing account. ErrNotFound, ErrDuplicate.
	SaveAccount(a strongroom.ServiceAccount) error
	// DeleteAccount removes an account and its keys. The organization is the
	// account's own; nil for a system account. ErrNotFound.
	DeleteAccount(organization *uuid.UUID, id uuid.UUID) error

	// APIKey returns a key of an account. ErrNotFound.
	APIKey(organization *uuid.UUID, account, key uuid.UUID) (strongroom.APIKey, error)
	// CreateAPIKey inserts a key. ErrNotFound: the account is gone, or is another
	// organization's than the key. ErrDuplicate.
	CreateAPIKey(k strongroom.APIKey, hash [32]byte) error
	// SaveAPIKey replaces name, description, ModifiedBy and UpdatedAt. ErrNotFound.
	SaveAPIKey(k strongroom.APIKey) error
	// DeleteAPIKey removes a key. ErrNotFound.
	DeleteAPIKey(organization *uuid.UUID, account, key uuid.UUID) error

	// CreateInstallation writes the one row. ErrDuplicate: there is one.
	CreateInstallation(i Installation) error
	// CreateOrganizationKey inserts a version. ErrDuplicate: it exists. ErrOtherRoot: the
	// installation knows another root key than the one that wrapped it.
	CreateOrganizationKey(k strongroom.OrganizationKey) error
	// CreateSigningKey inserts a key. ErrDuplicate, ErrOtherRoot.
	CreateSigningKey(k SigningKey) error

	// AppendAudit adds records to the end of the head's chain and moves the head. ErrDuplicate:
	// another took a sequence.
	AppendAudit(records []AuditRecord, head AuditHead) error
	// AuditHead returns a chain's head. ErrNotFound: the chain has none yet.
	AuditHead(chain uuid.UUID) (AuditHead, error)
	// UncheckpointedHeads returns the heads that no checkpoint names as they are now,
	// in order of chain id.
	UncheckpointedHeads() ([]AuditHead, error)
	// LastCheckpoint returns the newest. ErrNotFound: there is none.
	LastCheckpoint() (AuditCheckpoint, error)
	// AppendCheckpoint adds one, which names the heads that UncheckpointedHeads gave in
	// this transaction. ErrDuplicate: another took its sequence.
	AppendCheckpoint(c AuditCheckpoint) error

	ConnectionsTx
	SealedTx
}
