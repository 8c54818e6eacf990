package storetest

import (
	"testing"

	"strongroom/internal/store"
)

// Opener opens one database, as often as it is called; every call is like another
// process. The suite closes what it opened.
type Opener func(t *testing.T) store.Store

// Run runs the suite; create makes a new, empty database.
func Run(t *testing.T, create func(t *testing.T) Opener) {
	for _, subject := range []struct {
		name string
		test func(t *testing.T, create func(t *testing.T) Opener)
	}{
		{"Credentials", testCredentials},
		{"CredentialChanges", testCredentialChanges},
		{"CredentialLists", testCredentialLists},
		{"CredentialLimits", testCredentialLimits},
		{"Renewals", testRenewals},
		{"DueRenewals", testDueRenewals},
		{"Checks", testChecks},
		{"Health", testHealth},
		{"HealthCounts", testHealthCounts},
		{"DueChecks", testDueChecks},
		{"Rotations", testRotations},
		{"RotationLists", testRotationLists},
		{"RotationLeases", testRotationLeases},
		{"RotationSteps", testRotationSteps},
		{"RotationPolicies", testRotationPolicies},
		{"DueRotations", testDueRotations},
		{"DueRotationStarts", testDueRotationStarts},
		{"OAuthClients", testOAuthClients},
		{"OAuthFlows", testOAuthFlows},
		{"Accounts", testAccounts},
		{"APIKeys", testAPIKeys},
		{"KeyAndCredential", testKeyAndCredential},
		{"Keys", testKeys},
		{"Sealed", testSealed},
		{"Roots", testRoots},
		{"Erasing", testErasing},
		{"AuditLog", testAuditLog},
		{"AuditCheckpoints", testAuditCheckpoints},
		{"AuditEvents", testAuditEvents},
		{"AuditSnapshots", testAuditSnapshots},
		{"Transactions", testTransactions},
		{"Cancellation", testCancellation},
		{"Isolation", testIsolation},
		{"Contention", testContention},
		{"Freshness", testFreshness},
		{"Durability", testDurability},
	} {
		t.Run(subject.name, func(t *testing.T) { subject.test(t, create) })
	}
}

// cases runs each case on a database of its own.
func cases(t *testing.T, create func(t *testing.T) Opener, named map[string]func(f *fixture)) {
	t.Helper()
	for name, test := range named {
		t.Run(name, func(t *testing.T) { test(setup(t, create)) })
	}
}
