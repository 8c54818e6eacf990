package api

import "time"

// Rotation is one change of a credential's password or key at the far end.
type Rotation struct {
	ID              string     `json:"id" format:"uuid"`
	CredentialID    string     `json:"credential_id" format:"uuid"`
	Method          string     `json:"method" enum:"postgresql_password,postgresql_two_roles,sftp_key"`
	Trigger         string     `json:"trigger" enum:"request,schedule"`
	State           string     `json:"state" enum:"pending,changing,promoted,stuck,done,failed,abandoned" doc:"pending: the new secret is stored; changing: the far end may have been changed; promoted: the new secret is the credential's, and the old one still opens; stuck: resume or abandon it; done, failed (the old secret is what it was), abandoned"`
	BeganAt         time.Time  `json:"began_at"`
	BeganBy         *string    `json:"began_by" format:"uuid" doc:"Null: it was due"`
	UpdatedAt       time.Time  `json:"updated_at"`
	EndedAt         *time.Time `json:"ended_at" doc:"Null: it is under way"`
	FromVersion     int64      `json:"from_version"`
	PromotedVersion *int64     `json:"promoted_version" doc:"The credential's version with the new secret"`
	Attempts        int        `json:"attempts" doc:"Since the last step that was taken"`
	NextAttemptAt   *time.Time `json:"next_attempt_at" doc:"When it goes on by itself; null: it does not"`
	Code            *string    `json:"code" doc:"Why the last try came to nothing, as in connection tests"`
	Message         *string    `json:"message"`
}

// RotationPolicy says when a credential is rotated without anybody asking.
type RotationPolicy struct {
	MaxAgeHours *int `json:"max_age_hours" nullable:"true" minimum:"1" maximum:"87600" doc:"How old the secret may get; null: it is rotated on demand alone"`
	GraceHours  *int `json:"grace_hours,omitempty" nullable:"true" minimum:"1" maximum:"2160" doc:"How long an old key is still accepted once there is a new one; default 24"`
}
