package api

import "time"

// ServiceAccount is a program that reads credentials.
type ServiceAccount struct {
	ID             string    `json:"id" format:"uuid"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
	ModifiedBy     string    `json:"modified_by" format:"uuid" doc:"Who changed it last; the nil UUID is the operator"`
	OrganizationID *string   `json:"organization_id" format:"uuid" doc:"null: a system service account, the operator's own"`
	Name           string    `json:"name"`
	Description    *string   `json:"description"`
	Status         string    `json:"status" enum:"active,inactive"`
	Grants         []Grant   `json:"grants" doc:"What the account is narrowed to; with none it may read every credential of the organization and write none"`
}

// Grant narrows a service account. Grants add up; one that has expired, or whose
// networks the caller is not in, allows nothing.
type Grant struct {
	CredentialIDs []string   `json:"credential_ids,omitempty" format:"uuid" maxItems:"200" doc:"Which credentials; with providers too, those that either names; with neither, all"`
	Providers     []string   `json:"providers,omitempty" maxItems:"200" doc:"Credentials of which providers"`
	RefreshTokens bool       `json:"refresh_tokens,omitempty" doc:"Whether a read shows OAuth refresh tokens"`
	Write         bool       `json:"write,omitempty" doc:"Whether the account may replace the secret data"`
	Networks      []string   `json:"networks,omitempty" maxItems:"200" example:"[\"10.0.0.0/8\"]" doc:"CIDRs the caller must be in; none: anywhere"`
	ExpiresAt     *time.Time `json:"expires_at,omitempty" doc:"When the grant ends; none: never"`
}

// CreateServiceAccount asks for a new account.
type CreateServiceAccount struct {
	Name        string  `json:"name" minLength:"1" maxLength:"255" pattern:"^\\P{Cc}*[^\\p{Cc}\\p{Z}]\\P{Cc}*$" patternDescription:"one line, and more than white space" example:"nightly-sync" doc:"Unique in the organization"`
	Description *string `json:"description,omitempty" maxLength:"2000" pattern:"^[\\P{Cc}\\t\\r\\n]*$" patternDescription:"text without control characters" nullable:"true"`
	Grants      []Grant `json:"grants,omitempty" maxItems:"50"`
}

// UpdateServiceAccount changes what it names; null is as good as left out.
type UpdateServiceAccount struct {
	Name        *string `json:"name,omitempty" nullable:"true" minLength:"1" maxLength:"255" pattern:"^\\P{Cc}*[^\\p{Cc}\\p{Z}]\\P{Cc}*$" patternDescription:"one line, and more than white space"`
	Description *string `json:"description,omitempty" nullable:"true" maxLength:"2000" pattern:"^[\\P{Cc}\\t\\r\\n]*$" patternDescription:"text without control characters"`
}

// SetGrants replaces all grants of an account.
type SetGrants struct {
	Grants []Grant `json:"grants" maxItems:"50" doc:"All of them; an empty list lifts every restriction"`
}

// APIKey is what may be known of a key once its token has been shown.
type APIKey struct {
	ID               string     `json:"id" format:"uuid"`
	CreatedAt        time.Time  `json:"created_at"`
	UpdatedAt        time.Time  `json:"updated_at"`
	ModifiedBy       string     `json:"modified_by" format:"uuid"`
	UserID           *string    `json:"user_id" format:"uuid" doc:"The user who made it; null: the operator"`
	ServiceAccountID string     `json:"service_account_id" format:"uuid"`
	Name             string     `json:"name"`
	Description      *string    `json:"description"`
	TokenPrefix      string     `json:"token_prefix" maxLength:"40" doc:"Tells the key apart from others"`
	OrganizationID   *string    `json:"organization_id" format:"uuid"`
	ExpiresAt        *time.Time `json:"expires_at"`
}

// IssuedAPIKey is a new key with its token, shown this once.
type IssuedAPIKey struct {
	APIKey
	Token SecretString `json:"token" doc:"The whole token. Nobody can see it again"`
}

// CreateAPIKey asks for a new key.
type CreateAPIKey struct {
	Name        string     `json:"name" minLength:"1" maxLength:"255" pattern:"^\\P{Cc}*[^\\p{Cc}\\p{Z}]\\P{Cc}*$" patternDescription:"one line, and more than white space" example:"worker-1"`
	Description *string    `json:"description,omitempty" maxLength:"2000" pattern:"^[\\P{Cc}\\t\\r\\n]*$" patternDescription:"text without control characters" nullable:"true"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" nullable:"true" doc:"When the key stops working; none: never"`
}

// UpdateAPIKey changes what it names; null is as good as left out.
type UpdateAPIKey struct {
	Name        *string `json:"name,omitempty" nullable:"true" minLength:"1" maxLength:"255" pattern:"^\\P{Cc}*[^\\p{Cc}\\p{Z}]\\P{Cc}*$" patternDescription:"one line, and more than white space"`
	Description *string `json:"description,omitempty" nullable:"true" maxLength:"2000" pattern:"^[\\P{Cc}\\t\\r\\n]*$" patternDescription:"text without control characters"`
}
