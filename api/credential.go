package api

import "time"

// Credential is what may be known of a credential without opening it.
type Credential struct {
	ID              string           `json:"id" format:"uuid"`
	CreatedAt       time.Time        `json:"created_at"`
	UpdatedAt       time.Time        `json:"updated_at"`
	ModifiedBy      string           `json:"modified_by" format:"uuid" doc:"Who changed it last: a user or a service account; the nil UUID is the operator"`
	Name            string           `json:"name"`
	Provider        string           `json:"provider" example:"sftp"`
	UserID          *string          `json:"user_id" format:"uuid" doc:"The owner"`
	GoogleEmail     *string          `json:"google_email" doc:"The account an OAuth credential of Google's belongs to"`
	AccountEmail    *string          `json:"account_email" doc:"The account at the provider that an OAuth credential belongs to"`
	CredentialType  string           `json:"credential_type" example:"user_password"`
	Status          string           `json:"status" example:"active" doc:"active; refresh_failing: renewal is tried again at next_refresh_at; uncertain: the answer to a renewal was lost; needs_reauth: connect it again"`
	StatusSince     *time.Time       `json:"status_since" doc:"Since when it is not active; null: it is"`
	StatusReason    *string          `json:"status_reason" example:"invalid_grant" doc:"Why it is not active"`
	Version         int64            `json:"version" doc:"Counts the secret data from 1; changes whenever the data does"`
	ExpiresAt       *time.Time       `json:"expires_at" doc:"When the data (an access token, say) stops working, if known"`
	Scopes          []string         `json:"scopes" nullable:"true"`
	LastUsedAt      *time.Time       `json:"last_used_at" doc:"The last read, to the hour; the audit log has every one exactly"`
	LastCheckedAt   *time.Time       `json:"last_checked_at"`
	LastCheck       *CredentialCheck `json:"last_check" doc:"What the last test found; null: there was none since the data was stored"`
	LastRefreshedAt *time.Time       `json:"last_refreshed_at"`
	RefreshError    *string          `json:"refresh_error" doc:"What went wrong at the last renewal, in a sentence"`
	NextRefreshAt   *time.Time       `json:"next_refresh_at" doc:"When the token is renewed without anybody asking, or tried again; null: it is not"`
	Health          *string          `json:"health" enum:"ok,expiring,failing,stopped" doc:"What the last test found: expiring works, and something of it ends soon; stopped is not tested any more unless asked, because signing in was refused too often. Null: not tested yet"`
	NextCheckAt     *time.Time       `json:"next_check_at" doc:"When it is tested without anybody asking; null: it is not"`
	KnownHost       *string          `json:"known_host" doc:"The SSH host key that the first connection showed, as a line of known_hosts; another key fails the test"`
	RotationPolicy  *RotationPolicy  `json:"rotation_policy" doc:"Null: it is rotated on demand alone"`
	LastRotatedAt   *time.Time       `json:"last_rotated_at"`
	NextRotationAt  *time.Time       `json:"next_rotation_at"`
}

// CreateCredential asks for a new credential.
type CreateCredential struct {
	Name           string       `json:"name" minLength:"1" maxLength:"255" pattern:"^\\P{Cc}*[^\\p{Cc}\\p{Z}]\\P{Cc}*$" patternDescription:"one line, and more than white space" example:"Partner drop box"`
	Provider       string       `json:"provider" minLength:"1" maxLength:"63" example:"sftp" doc:"One of the catalog's providers, in any case"`
	CredentialType string       `json:"credential_type" minLength:"1" maxLength:"63" example:"user_password" doc:"One of the provider's types"`
	Credentials    SecretObject `json:"credentials" doc:"The secret data; the catalog has the schema of each provider and type"`
}

// UpdateCredential replaces a credential's data under the same id.
type UpdateCredential struct {
	Name           *string      `json:"name,omitempty" nullable:"true" minLength:"1" maxLength:"255" pattern:"^\\P{Cc}*[^\\p{Cc}\\p{Z}]\\P{Cc}*$" patternDescription:"one line, and more than white space"`
	CredentialType string       `json:"credential_type" minLength:"1" maxLength:"63" example:"user_password"`
	Credentials    SecretObject `json:"credentials" doc:"The new secret data, whole; the old data is overwritten"`
}
