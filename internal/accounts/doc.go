// Package accounts is the authority over service accounts, their grants and API keys.
//
// It owns [Service]: each method asks policy whether the caller may, and makes the
// change in the same transaction as the event that records it. A token is made here,
// returned once, and kept as a hash only.
//
// It refuses to let an organization touch a system service account: those are the
// operator's, made and changed on the command line. It never opens a credential.
package accounts
