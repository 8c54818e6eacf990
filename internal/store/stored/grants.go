package stored

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

// grant is the stored form of a strongroom.Grant, apart from it so that a renamed
// field does not change what is on disk.
type grant struct {
	CredentialIDs []uuid.UUID    `json:"credential_ids,omitempty"`
	Providers     []string       `json:"providers,omitempty"`
	RefreshTokens bool           `json:"refresh_tokens,omitempty"`
	Write         bool           `json:"write,omitempty"`
	Networks      []netip.Prefix `json:"networks,omitempty"`
	// ExpiresAt is in microseconds since 1970.
	ExpiresAt *int64 `json:"expires_at,omitempty"`
}

// EncodeGrants returns nil for no grants, which spares the hot look-up the decoding.
func EncodeGrants(grants []strongroom.Grant) ([]byte, error) {
	if len(grants) == 0 {
		return nil, nil
	}
	stored := make([]grant, len(grants))
	for i, g := range grants {
		stored[i] = grant{
			CredentialIDs: g.CredentialIDs, Providers: g.Providers,
			RefreshTokens: g.RefreshTokens, Write: g.Write, Networks: g.Networks,
		}
		if g.ExpiresAt != nil {
			at := g.ExpiresAt.UnixMicro()
			stored[i].ExpiresAt = &at
		}
	}
	return json.Marshal(stored)
}

// DecodeGrants decodes what EncodeGrants made; nil is none.
func DecodeGrants(encoded []byte) ([]strongroom.Grant, error) {
	if encoded == nil {
		return nil, nil
	}
	var stored []grant
	if err := json.Unmarshal(encoded, &stored); err != nil {
		return nil, err
	}
	grants := make([]strongroom.Grant, len(stored))
	for i, g := range stored {
		grants[i] = strongroom.Grant{
			CredentialIDs: g.CredentialIDs, Providers: g.Providers,
			RefreshTokens: g.RefreshTokens, Write: g.Write, Networks: g.Networks,
		}
		if g.ExpiresAt != nil {
			at := time.UnixMicro(*g.ExpiresAt).UTC()
			grants[i].ExpiresAt = &at
		}
	}
	return grants, nil
}
