package api

import (
	"encoding/json"
	"time"
)

// Profile says who the caller is.
type Profile struct {
	Kind           string  `json:"kind" enum:"user,service_account,system_service_account"`
	ID             string  `json:"id" format:"uuid"`
	OrganizationID string  `json:"organization_id" format:"uuid"`
	Role           *string `json:"role" doc:"Users only"`
	Email          *string `json:"email" doc:"Users only"`
	APIKeyID       *string `json:"api_key_id" format:"uuid" doc:"Service accounts only"`
	Grants         []Grant `json:"grants" doc:"Service accounts only; none: every credential of the organization may be read"`
}

// CatalogEntry is a provider that credentials can be stored for.
type CatalogEntry struct {
	ID                  string               `json:"id" format:"uuid"`
	Category            string               `json:"category" enum:"automation,human_in_the_loop,database,messaging,agent_in_the_loop,storage"`
	Provider            string               `json:"provider" example:"sftp"`
	Name                string               `json:"name"`
	DisplayName         string               `json:"display_name" example:"SFTP server"`
	Description         string               `json:"description"`
	CredentialTypes     []string             `json:"credential_types"`
	IsPlugin            bool                 `json:"is_plugin" doc:"Added by the operator"`
	CredentialProviders []CredentialProvider `json:"credential_providers"`
}

// CredentialProvider is one way to hold a credential of a provider.
type CredentialProvider struct {
	IsOAuth          bool            `json:"is_oauth"`
	Name             string          `json:"name" doc:"The credential type"`
	CredentialSchema json.RawMessage `json:"credential_schema" doc:"JSON Schema (2020-12) of the secret data"`
}

// AuditEvents is a part of the audit log.
type AuditEvents struct {
	Events []AuditEvent `json:"events" doc:"Newest first"`
	Next   *int64       `json:"next" doc:"Ask with before=this for the events before these; null: there are none"`
}

// AuditEvent is one entry of the audit log.
type AuditEvent struct {
	Chain            string    `json:"chain" format:"uuid" doc:"The process that recorded it"`
	Sequence         int64     `json:"sequence" doc:"Its place in the chain, from 1"`
	Hash             string    `json:"hash" doc:"SHA-256 that links it to the event before, in hexadecimal"`
	Time             time.Time `json:"time"`
	Action           string    `json:"action" example:"credential.read"`
	Outcome          string    `json:"outcome" enum:"allowed,denied,failed"`
	Reason           *string   `json:"reason" doc:"The error code of what was not allowed or failed"`
	PrincipalKind    string    `json:"principal_kind"`
	PrincipalID      *string   `json:"principal_id" format:"uuid"`
	APIKeyID         *string   `json:"api_key_id" format:"uuid"`
	Role             *string   `json:"role"`
	Address          *string   `json:"address"`
	RequestID        *string   `json:"request_id"`
	CredentialID     *string   `json:"credential_id" format:"uuid"`
	Version          *int64    `json:"version"`
	Provider         *string   `json:"provider"`
	ServiceAccountID *string   `json:"service_account_id" format:"uuid"`
	TargetKeyID      *string   `json:"target_key_id" format:"uuid"`
	Note             *string   `json:"note"`
}

// Health says whether the service can do its work.
type Health struct {
	Status string        `json:"status" enum:"ok,unavailable"`
	Checks []HealthCheck `json:"checks,omitempty"`
}

// HealthCheck is one thing the service needs.
type HealthCheck struct {
	Name   string  `json:"name" example:"database"`
	Status string  `json:"status" enum:"ok,unavailable"`
	Reason *string `json:"reason" doc:"What to do about it"`
}
