// Package aws tests credentials of Amazon SES: access keys by the API, and a user name and
// password over SMTP. No mail is sent.
//
//	access keys ──► GetAccount ──► GetEmailIdentity, where a sender is named ──► details
//	SMTP ─────────► greeting ─► STARTTLS, or TLS from the start ─► AUTH PLAIN ─► QUIT
//
// It owns how SES is asked, and the sentences for what it answers. The API is asked by
// AWS's own library, which signs the requests.
//
// It refuses whatever the library would take from the machine: environment variables,
// files of the home directory, the metadata of a cloud's machine, retries, redirects. A
// password is sent over TLS alone.
package aws
