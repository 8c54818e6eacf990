package api

import (
	"encoding/json"
	"time"
)

// TestPostgres asks whether a PostgreSQL connection works. With a connection string the
// other fields need not be there.
type TestPostgres struct {
	Host             *string         `json:"host,omitempty" nullable:"true" maxLength:"255" example:"db.example.com"`
	Port             json.RawMessage `json:"port,omitempty" doc:"1 to 65535, as text or as a number; default 5432"`
	Username         *string         `json:"username,omitempty" nullable:"true" maxLength:"255"`
	Password         *SecretString   `json:"password,omitempty" nullable:"true" maxLength:"1024"`
	Database         *string         `json:"database,omitempty" nullable:"true" maxLength:"255"`
	ConnectionString *SecretString   `json:"connection_string,omitempty" nullable:"true" maxLength:"8192" doc:"A postgres:// URL or pairs of key=value; it wins over the other fields"`
	SSLMode          *string         `json:"sslmode,omitempty" nullable:"true" doc:"disable, allow, prefer (the default), require, verify-ca or verify-full"`
	SSLRootCert      *string         `json:"sslrootcert,omitempty" nullable:"true" maxLength:"65536" doc:"CA certificates in PEM"`
}

// TestSFTP asks whether an SFTP connection works.
type TestSFTP struct {
	Host                 string          `json:"host" maxLength:"255" example:"sftp.example.com"`
	Port                 json.RawMessage `json:"port,omitempty" doc:"1 to 65535; default 22"`
	Username             string          `json:"username" maxLength:"255"`
	AuthType             string          `json:"auth_type" doc:"password or private_key"`
	Password             *SecretString   `json:"password,omitempty" nullable:"true" maxLength:"1024"`
	PrivateKeyData       *SecretString   `json:"private_key_data,omitempty" nullable:"true" maxLength:"16384" doc:"The whole private key file, PEM or OpenSSH"`
	PrivateKeyPassphrase *SecretString   `json:"private_key_passphrase,omitempty" nullable:"true" maxLength:"1024"`
	HostKey              json.RawMessage `json:"host_key,omitempty" doc:"The server's key, as a line of known_hosts or a SHA256 fingerprint, or a list of them; without it any is taken"`
	TestPath             *string         `json:"test_path,omitempty" nullable:"true" maxLength:"1024" doc:"The folder in which a file is written and removed; default /"`
}

// ConnectionTest is what a test found. A test that fails is not an error of the call.
type ConnectionTest struct {
	Success    bool                `json:"success"`
	Code       *string             `json:"code" enum:"dns,refused,timeout,tls,host_key,auth,permission,protocol,blocked_address" doc:"Why it failed; null: it did not"`
	Message    string              `json:"message" doc:"A sentence to act on"`
	DurationMS float64             `json:"duration_ms" doc:"Of all phases together"`
	Phases     []ConnectionPhase   `json:"phases" doc:"Those that were begun, in order"`
	Details    map[string]any      `json:"details" doc:"What was learnt on the way: a server's version, its host key, what the account may do"`
	Warnings   []ConnectionWarning `json:"warnings" doc:"What will end soon, soonest first"`
}

// ConnectionPhase is a part of a test.
type ConnectionPhase struct {
	Name       string  `json:"name" example:"login" doc:"dns, connect, tls, key_exchange, login or operation"`
	DurationMS float64 `json:"duration_ms"`
}

// ConnectionWarning is something that will end.
type ConnectionWarning struct {
	Kind      string    `json:"kind" example:"client_secret" doc:"ca_certificate, server_certificate, sas_token, client_secret or oauth_grant"`
	Message   string    `json:"message"`
	ExpiresAt time.Time `json:"expires_at"`
}

// CredentialCheck is a test of a stored credential.
type CredentialCheck struct {
	ConnectionTest
	CheckedAt time.Time `json:"checked_at"`
	Trigger   string    `json:"trigger" enum:"request,schedule"`
	Version   int64     `json:"version" doc:"Of the data that was tested"`
}
