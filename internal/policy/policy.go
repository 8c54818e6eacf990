package policy

import (
	"time"

	"strongroom"
)

// Action is something a caller wants to do.
type Action int

// The actions that need a decision.
const (
	// ListCredentials is a list of one's own (users) or of those in reach (service accounts).
	ListCredentials Action = iota
	// ListAllCredentials is a list of every user's.
	ListAllCredentials
	CreateCredential
	ViewCredential
	UpdateCredential
	DeleteCredential
	// RefreshCredential renews an OAuth token now.
	RefreshCredential
	// ConnectCredential makes a credential, or gives one new tokens, by signing in at a
	// provider.
	ConnectCredential
	// OpenCredential hands out the secret: the one door.
	OpenCredential
	ViewAccounts
	ManageAccounts
	// TestConnection tries what is not stored.
	TestConnection
	// TestCredential has a stored credential used to see whether it works.
	TestCredential
	// RotateCredential changes the secret at the far end, or says when that is done.
	RotateCredential
	// ManageOAuthClients is about the organization's own OAuth clients.
	ManageOAuthClients
	ViewAudit
)

// Decide returns nil where the caller may, and otherwise the *strongroom.Error that
// says why not. credential is what it is about; nil asks whether the caller may do
// this at all, before anybody has looked whether the credential exists.
func Decide(caller strongroom.Caller, action Action, credential *strongroom.Credential, now time.Time) error {
	if credential != nil && credential.OrganizationID != caller.OrganizationID {
		return strongroom.NotFound("Credential")
	}
	switch caller.Kind {
	case strongroom.KindOperator:
		return decideOperator(action)
	case strongroom.KindUser:
		return decideUser(caller, action, credential)
	case strongroom.KindServiceAccount, strongroom.KindSystemServiceAccount:
		return decideServiceAccount(caller, action, credential, now)
	case strongroom.KindStrongroom:
		return decideStrongroom(action)
	}
	return strongroom.Errorf(strongroom.CodeForbidden, "This kind of principal may do nothing here")
}

// decideOperator: the command line manages and never opens.
func decideOperator(action Action) error {
	switch action {
	case OpenCredential:
		return errServiceAccountRequired()
	case CreateCredential, UpdateCredential, ConnectCredential, TestConnection, ManageOAuthClients:
		return errUserRequired("store secrets")
	}
	return nil
}

// decideStrongroom: what is due without anybody asking uses credentials at their own
// servers, and hands nothing out.
func decideStrongroom(action Action) error {
	switch action {
	case TestCredential, RotateCredential:
		return nil
	}
	return strongroom.Errorf(strongroom.CodeForbidden, "The service itself does not do this")
}

func decideUser(caller strongroom.Caller, action Action, credential *strongroom.Credential) error {
	switch action {
	case OpenCredential:
		return errServiceAccountRequired()
	case ListCredentials, CreateCredential, ViewCredential, TestConnection, ViewAccounts:
		return nil
	case UpdateCredential, DeleteCredential, RefreshCredential, ConnectCredential, TestCredential, RotateCredential:
		if credential == nil || caller.IsOrgAdmin() || owns(caller, credential) {
			return nil
		}
		return strongroom.Errorf(strongroom.CodeForbidden, "Only the credential's owner or an org_admin may do this")
	case ListAllCredentials, ManageAccounts, ManageOAuthClients, ViewAudit:
		if caller.IsOrgAdmin() {
			return nil
		}
		return strongroom.Errorf(strongroom.CodeForbidden, "Only an org_admin may do this")
	}
	return strongroom.Errorf(strongroom.CodeForbidden, "A user may not do this")
}

func decideServiceAccount(caller strongroom.Caller, action Action, credential *strongroom.Credential, now time.Time) error {
	switch action {
	case CreateCredential, DeleteCredential, ConnectCredential:
		return errUserRequired("create, connect and delete credentials")
	case ViewAccounts, ManageAccounts:
		return errUserRequired("see or manage service accounts")
	case ViewAudit:
		return errUserRequired("see the audit log")
	case ManageOAuthClients:
		return errUserRequired("see or manage OAuth clients")
	case ListCredentials, ListAllCredentials, ViewCredential, OpenCredential, TestCredential:
		return reach(caller, credential, now, func(strongroom.Grant) bool { return true })
	case TestConnection:
		// What is tried is the caller's own; a narrowed account has no need to try hosts.
		if len(caller.Grants) == 0 {
			return nil
		}
		return reach(caller, nil, now, func(g strongroom.Grant) bool { return g.Write })
	case UpdateCredential, RefreshCredential, RotateCredential:
		if len(caller.Grants) == 0 {
			return strongroom.Errorf(strongroom.CodeForbidden, "This service account has no grant that lets it write")
		}
		return reach(caller, credential, now, func(g strongroom.Grant) bool { return g.Write })
	}
	return strongroom.Errorf(strongroom.CodeForbidden, "A service account may not do this")
}

// reach asks whether one of the caller's grants that may be used now, and that fits,
// names the credential; with no credential, whether there is such a grant at all.
func reach(caller strongroom.Caller, credential *strongroom.Credential, now time.Time, fits func(strongroom.Grant) bool) error {
	if len(caller.Grants) == 0 {
		return nil
	}
	usable := false
	for _, g := range caller.Grants {
		if !inForce(g, caller, now) || !fits(g) {
			continue
		}
		usable = true
		if credential == nil || names(g, credential) {
			return nil
		}
	}
	if !usable {
		return strongroom.Errorf(strongroom.CodeForbidden, "None of this service account's grants allows this now and from this address")
	}
	return strongroom.Errorf(strongroom.CodeForbidden, "This service account's grants do not reach this credential")
}

// inForce tells whether the grant has not expired and the caller is in its networks.
// A caller without an address is in no network.
func inForce(g strongroom.Grant, caller strongroom.Caller, now time.Time) bool {
	if g.ExpiresAt != nil && !now.Before(*g.ExpiresAt) {
		return false
	}
	if len(g.Networks) == 0 {
		return true
	}
	for _, n := range g.Networks {
		if caller.Address.IsValid() && n.Contains(caller.Address.Unmap()) {
			return true
		}
	}
	return false
}

func names(g strongroom.Grant, credential *strongroom.Credential) bool {
	if len(g.CredentialIDs) == 0 && len(g.Providers) == 0 {
		return true
	}
	for _, id := range g.CredentialIDs {
		if id == credential.ID {
			return true
		}
	}
	for _, p := range g.Providers {
		if p == credential.Provider {
			return true
		}
	}
	return false
}

func owns(caller strongroom.Caller, credential *strongroom.Credential) bool {
	return credential.UserID != nil && *credential.UserID == caller.ID
}

func errServiceAccountRequired() error {
	return strongroom.Errorf(strongroom.CodeServiceAccountRequired,
		"Decrypted credentials are handed to service accounts only; use a service account's API key")
}

func errUserRequired(what string) error {
	return strongroom.Errorf(strongroom.CodeUserAccountRequired, "Only a user may %s; sign in as one", what)
}
