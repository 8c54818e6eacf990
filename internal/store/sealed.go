package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

// SealedKind is a sort of record that is kept sealed. Whoever has to find all that is sealed
// goes through SealedKinds: each backend's tests hold its schema against it, so that a
// column that is sealed and not named here fails them.
type SealedKind string

// The kinds of sealed records. Deleted credentials are sealed too; flows and rotations are
// as long as they are under way.
const (
	SealedCredentials  SealedKind = "credential"
	SealedOAuthClients SealedKind = "oauth-client"
	SealedOAuthFlows   SealedKind = "oauth-flow"
	SealedRotations    SealedKind = "rotation"
)

// SealedKinds are all of them.
var SealedKinds = []SealedKind{SealedCredentials, SealedOAuthClients, SealedOAuthFlows, SealedRotations}

// SealedRecord is what is sealed, whatever the kind.
type SealedRecord struct {
	// ID and Version are what it is sealed for.
	ID      uuid.UUID
	Version int64
	Sealed  []byte
}

// SealedQuery selects an organization's sealed records of one kind.
type SealedQuery struct {
	Kind SealedKind
	// ButVersion leaves out those that are sealed under this version of the organization's
	// key, which is all that a store knows of the form of what is sealed (package stored).
	ButVersion int64
	// After is the id of the last record of the page before; the nil UUID: from the start.
	After uuid.UUID
	Limit int
}

// Resealed puts one ciphertext in the place of another.
type Resealed struct {
	ID       uuid.UUID
	Old, New []byte
}

// SealedCount counts the records of one kind under one version of an organization's key.
type SealedCount struct {
	OrganizationID uuid.UUID
	Kind           SealedKind
	// KeyVersion is 0 where what is stored does not have the form of a sealed record.
	KeyVersion int64
	Count      int
}

// MergeCounts makes one of counts that are alike but for their number and follow each other:
// a backend counts by what it finds, and of what has no known form there may be many sorts.
func MergeCounts(counts []SealedCount) []SealedCount {
	var merged []SealedCount
	for _, c := range counts {
		last := len(merged) - 1
		if last >= 0 && merged[last].OrganizationID == c.OrganizationID && merged[last].Kind == c.Kind && merged[last].KeyVersion == c.KeyVersion {
			merged[last].Count += c.Count
			continue
		}
		merged = append(merged, c)
	}
	return merged
}

// Organization is one that something was made for.
type Organization struct {
	ID        uuid.UUID
	CreatedAt time.Time
	// ErasedAt is when it was erased; nil: it was not.
	ErasedAt *time.Time
}

// RootMove puts one root key in the place of another: of all that it wraps, or of nothing.
type RootMove struct {
	// From and To are fingerprints.
	From, To string
	// Organizations and Signing are every key there is, the latter without a version.
	Organizations, Signing []Rewrapped
}

// Rewrapped is a key before and after: ID is the organization's, or the signing key's own.
type Rewrapped struct {
	ID       uuid.UUID
	Version  int64
	Old, New []byte
}

// Erasure counts what an organization had.
type Erasure struct {
	Keys, Credentials, OAuthClients, Accounts, APIKeys int
}

// Sealed reads what is sealed, whatever it is, and under which keys.
type Sealed interface {
	// OrganizationKeys returns every version of every organization's key, in order of
	// organization and version.
	OrganizationKeys(ctx context.Context) ([]strongroom.OrganizationKey, error)
	// Organization returns one. ErrNotFound: nothing was ever made for it.
	Organization(ctx context.Context, id uuid.UUID) (Organization, error)
	// Organizations returns all, erased ones too, in order of id.
	Organizations(ctx context.Context) ([]Organization, error)
	// CountSealed counts an organization's sealed records by kind and key version; every
	// one's for the nil UUID, which is the operator's view.
	CountSealed(ctx context.Context, organization uuid.UUID) ([]SealedCount, error)
	// SealedRecords returns records in order of id.
	SealedRecords(ctx context.Context, organization uuid.UUID, q SealedQuery) ([]SealedRecord, error)
	// Scrub takes what was overwritten and deleted out of the database's own files, as far
	// as that can be done from here. remains says in a sentence what is left to the operator;
	// empty: nothing is.
	Scrub(ctx context.Context) (remains string, err error)
}

// SealedTx changes how records and keys are sealed and wrapped. It is a part of Tx.
type SealedTx interface {
	// ReplaceSealed puts new ciphertexts in the place of old ones, and changes nothing else:
	// a record's version is what it was. One that is not as it was given (changed, ended or
	// deleted meanwhile) is left as it is. It returns how many were replaced.
	ReplaceSealed(organization uuid.UUID, kind SealedKind, records []Resealed) (replaced int, err error)
	// MoveRoot rewraps every key and moves the installation to the new root key. ErrStale:
	// the installation has another root key than From, or there is a key that was not given
	// or is not as it was given; then nothing may be kept of the transaction's part.
	MoveRoot(m RootMove) error
	// RetireSigningKeys retires every signing key but one, from a time on; those that are
	// retired stay as they are. It returns how many it retired.
	RetireSigningKeys(but uuid.UUID, at time.Time) (retired int, err error)
	// EraseOrganization destroys every version of the organization's key and everything it
	// owns: credentials, deleted ones too, with their tests and rotations, OAuth clients,
	// connections under way, accounts and API keys. The organization stays, as one for which
	// nothing can be made any more; audit events stay. ErrNotFound; ErrErased: it was before.
	EraseOrganization(id uuid.UUID, at time.Time) (Erasure, error)
}
