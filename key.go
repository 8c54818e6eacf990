package strongroom

import (
	"time"

	"github.com/google/uuid"
)

// OrganizationKey is one version of the key that an organization's data is sealed
// under, wrapped by the root key.
type OrganizationKey struct {
	OrganizationID uuid.UUID
	// Version counts from 1.
	Version int64
	Wrapped []byte
	// RootFingerprint identifies the root key that wrapped it.
	RootFingerprint string
	CreatedAt       time.Time
}
