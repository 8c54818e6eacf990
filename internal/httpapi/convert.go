package httpapi

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
)

// convertAll maps a list; an empty one is [] on the wire, never null.
func convertAll[A, B any](list []A, convert func(A) B) []B {
	out := make([]B, 0, len(list))
	for _, a := range list {
		out = append(out, convert(a))
	}
	return out
}

func wireCredential(c strongroom.Credential) api.Credential {
	return api.Credential{
		ID: c.ID.String(), CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, ModifiedBy: c.ModifiedBy.String(),
		Name: c.Name, Provider: c.Provider, UserID: optionalID(c.UserID), GoogleEmail: googleEmail(c), AccountEmail: c.AccountEmail,
		CredentialType: string(c.Type), Status: string(c.Status), Version: c.Version, ExpiresAt: c.ExpiresAt, Scopes: c.Scopes,
		LastUsedAt: c.LastUsedAt, LastCheckedAt: c.LastCheckedAt, LastCheck: wireLastCheck(c.LastCheck),
		LastRefreshedAt: c.LastRefreshedAt, RefreshError: c.RefreshError,
		StatusSince: c.Renewal.Since, StatusReason: text(string(c.Renewal.Reason)), NextRefreshAt: c.Renewal.NextAt,
		Health: text(string(c.Health.State)), NextCheckAt: c.Health.NextAt, KnownHost: text(c.Health.KnownHost),
		RotationPolicy: wirePolicy(c.Rotation.RotationPolicy), LastRotatedAt: c.Rotation.LastAt, NextRotationAt: c.Rotation.NextAt,
	}
}

// wireLastCheck returns the stored result as the list of tests has it; nil where there is none.
func wireLastCheck(stored json.RawMessage) *api.CredentialCheck {
	var c strongroom.Check
	if len(stored) == 0 || json.Unmarshal(stored, &c) != nil || c.At.IsZero() {
		return nil
	}
	wire := wireCheck(c)
	return &wire
}

// wirePolicy returns nil for a credential that has none.
func wirePolicy(p strongroom.RotationPolicy) *api.RotationPolicy {
	if p == (strongroom.RotationPolicy{}) {
		return nil
	}
	return &api.RotationPolicy{MaxAgeHours: hours(p.MaxAge), GraceHours: hours(p.Grace)}
}

// hours returns nil for 0, which stands for none.
func hours(d time.Duration) *int {
	if d == 0 {
		return nil
	}
	n := int(d / time.Hour)
	return &n
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// googleProvider is the one whose accounts have a field of their own in the contract.
const googleProvider = "google"

func googleEmail(c strongroom.Credential) *string {
	if c.Provider != googleProvider {
		return nil
	}
	return c.AccountEmail
}

func wireAccount(a strongroom.ServiceAccount) api.ServiceAccount {
	return api.ServiceAccount{
		ID: a.ID.String(), CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, ModifiedBy: a.ModifiedBy.String(),
		OrganizationID: optionalID(a.OrganizationID), Name: a.Name, Description: a.Description,
		Status: string(a.Status), Grants: wireGrants(a.Grants),
	}
}

func wireKey(k strongroom.APIKey) api.APIKey {
	return api.APIKey{
		ID: k.ID.String(), CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt, ModifiedBy: k.ModifiedBy.String(),
		UserID: optionalID(k.UserID), ServiceAccountID: k.ServiceAccountID.String(), Name: k.Name, Description: k.Description,
		TokenPrefix: k.TokenPrefix, OrganizationID: optionalID(k.OrganizationID), ExpiresAt: k.ExpiresAt,
	}
}

func optionalID(id *uuid.UUID) *string {
	if id == nil {
		return nil
	}
	return idText(*id)
}

func wireGrants(grants []strongroom.Grant) []api.Grant {
	return convertAll(grants, func(g strongroom.Grant) api.Grant {
		return api.Grant{
			CredentialIDs: convertAll(g.CredentialIDs, uuid.UUID.String), Providers: g.Providers,
			RefreshTokens: g.RefreshTokens, Write: g.Write,
			Networks: convertAll(g.Networks, netip.Prefix.String), ExpiresAt: g.ExpiresAt,
		}
	})
}

// domainGrants parses what the schema could not check: ids and networks.
func domainGrants(grants []api.Grant) ([]strongroom.Grant, error) {
	var out []strongroom.Grant
	var fields []strongroom.FieldError
	for i, g := range grants {
		d := strongroom.Grant{Providers: g.Providers, RefreshTokens: g.RefreshTokens, Write: g.Write, ExpiresAt: utc(g.ExpiresAt)}
		for j, text := range g.CredentialIDs {
			id, err := uuid.Parse(text)
			if err != nil {
				fields = append(fields, grantError("Must be a UUID", i, "credential_ids", j))
			}
			d.CredentialIDs = append(d.CredentialIDs, id)
		}
		for j, text := range g.Networks {
			network, err := netip.ParsePrefix(text)
			if err != nil || network.Addr().Is4In6() {
				fields = append(fields, grantError("Must be a network as in 10.0.0.0/8 or 2001:db8::/32", i, "networks", j))
			}
			d.Networks = append(d.Networks, network.Masked())
		}
		out = append(out, d)
	}
	if len(fields) > 0 {
		return nil, strongroom.Invalid(fields...)
	}
	return out, nil
}

func grantError(message string, grant int, list string, entry int) strongroom.FieldError {
	return strongroom.FieldError{Location: []any{"body", "grants", grant, list, entry}, Message: message, Type: "format"}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := strongroom.Timestamp(*t)
	return &u
}
