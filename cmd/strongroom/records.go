package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

// What --json prints: the HTTP API's names, and what only the operator sees.
type (
	accountJSON struct {
		ID             uuid.UUID   `json:"id"`
		OrganizationID *uuid.UUID  `json:"organization_id"`
		Name           string      `json:"name"`
		Description    *string     `json:"description"`
		Status         string      `json:"status"`
		Grants         []grantJSON `json:"grants"`
		CreatedAt      time.Time   `json:"created_at"`
		UpdatedAt      time.Time   `json:"updated_at"`
		ModifiedBy     uuid.UUID   `json:"modified_by"`
	}
	grantJSON struct {
		CredentialIDs []uuid.UUID    `json:"credential_ids,omitempty"`
		Providers     []string       `json:"providers,omitempty"`
		RefreshTokens bool           `json:"refresh_tokens,omitempty"`
		Write         bool           `json:"write,omitempty"`
		Networks      []netip.Prefix `json:"networks,omitempty"`
		ExpiresAt     *time.Time     `json:"expires_at,omitempty"`
	}
	keyJSON struct {
		ID          uuid.UUID  `json:"id"`
		Name        string     `json:"name"`
		TokenPrefix string     `json:"token_prefix"`
		CreatedAt   time.Time  `json:"created_at"`
		ExpiresAt   *time.Time `json:"expires_at"`
	}
	issuedKeyJSON struct {
		Account accountJSON `json:"service_account"`
		Key     keyJSON     `json:"api_key"`
		Token   string      `json:"token"`
	}
	credentialJSON struct {
		ID             uuid.UUID  `json:"id"`
		OrganizationID uuid.UUID  `json:"organization_id"`
		UserID         *uuid.UUID `json:"user_id"`
		Name           string     `json:"name"`
		Provider       string     `json:"provider"`
		Type           string     `json:"credential_type"`
		Status         string     `json:"status"`
		Version        int64      `json:"version"`
		ModifiedBy     uuid.UUID  `json:"modified_by"`
		CreatedAt      time.Time  `json:"created_at"`
		UpdatedAt      time.Time  `json:"updated_at"`
		ExpiresAt      *time.Time `json:"expires_at"`
		LastUsedAt     *time.Time `json:"last_used_at"`
		DeletedAt      *time.Time `json:"deleted_at"`
		AccountEmail   *string    `json:"account_email"`
		StatusReason   string     `json:"status_reason,omitempty"`
		StatusSince    *time.Time `json:"status_since"`
		LastRefreshed  *time.Time `json:"last_refreshed_at"`
		NextRefresh    *time.Time `json:"next_refresh_at"`
		Health         string     `json:"health"`
		LastChecked    *time.Time `json:"last_checked_at"`
		NextCheck      *time.Time `json:"next_check_at"`
		LastRotated    *time.Time `json:"last_rotated_at"`
		NextRotation   *time.Time `json:"next_rotation_at"`
	}
)

func accountOf(a strongroom.ServiceAccount) accountJSON {
	out := accountJSON{
		ID: a.ID, OrganizationID: a.OrganizationID, Name: a.Name, Description: a.Description, Status: string(a.Status),
		Grants: []grantJSON{}, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, ModifiedBy: a.ModifiedBy,
	}
	for _, g := range a.Grants {
		out.Grants = append(out.Grants, grantJSON(g))
	}
	return out
}

func accountRow(a strongroom.ServiceAccount) []string {
	of := "system"
	if a.OrganizationID != nil {
		of = "organization"
	}
	return []string{a.ID.String(), a.Name, string(a.Status), of, strconv.Itoa(len(a.Grants)), a.CreatedAt.Format(time.RFC3339)}
}

func keyOf(k strongroom.APIKey) keyJSON {
	return keyJSON{ID: k.ID, Name: k.Name, TokenPrefix: k.TokenPrefix, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt}
}

func credentialOf(c strongroom.Credential) credentialJSON {
	return credentialJSON{
		ID: c.ID, OrganizationID: c.OrganizationID, UserID: c.UserID, Name: c.Name, Provider: c.Provider, Type: string(c.Type),
		Status: string(c.Status), Version: c.Version, ModifiedBy: c.ModifiedBy, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
		ExpiresAt: c.ExpiresAt, LastUsedAt: c.LastUsedAt, DeletedAt: c.DeletedAt, AccountEmail: c.AccountEmail,
		StatusReason: string(c.Renewal.Reason), StatusSince: c.Renewal.Since, LastRefreshed: c.LastRefreshedAt, NextRefresh: c.Renewal.NextAt,
		Health: healthText(c.Health.State), LastChecked: c.LastCheckedAt, NextCheck: c.Health.NextAt,
		LastRotated: c.Rotation.LastAt, NextRotation: c.Rotation.NextAt,
	}
}

func credentialRow(c strongroom.Credential) []string {
	owner, deleted := "-", "-"
	if c.UserID != nil {
		owner = c.UserID.String()
	}
	if c.DeletedAt != nil {
		deleted = c.DeletedAt.Format(time.RFC3339)
	}
	return []string{c.ID.String(), c.Name, c.Provider, string(c.Type), owner, state(c), fmt.Sprint(c.Version), c.CreatedAt.Format(time.RFC3339), deleted}
}

// state is a credential's status, with the reason where it is not active.
func state(c strongroom.Credential) string {
	if c.Renewal.Reason == "" {
		return string(c.Status)
	}
	return fmt.Sprintf("%s (%s)", c.Status, c.Renewal.Reason)
}
