package strongroom

import (
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// Grant narrows a service account. An account's grants add up: it may do what any
// one of them allows. A grant that has expired, or whose networks the caller is not
// in, allows nothing, and does not make the account unrestricted again.
type Grant struct {
	// CredentialIDs and Providers say which credentials: those named by either
	// list, or all of the organization's where both are empty.
	CredentialIDs []uuid.UUID
	Providers     []string
	// RefreshTokens says whether a read also shows OAuth refresh tokens.
	RefreshTokens bool
	// Write says whether the account may replace the secret data.
	Write bool
	// Networks are where the caller must be; empty: anywhere.
	Networks []netip.Prefix
	// ExpiresAt ends the grant; nil: never.
	ExpiresAt *time.Time
}
