package catalog

import (
	"time"

	"strongroom"
)

// Test names how credentials of a provider are tested.
type Test string

// The tests there are.
const (
	TestSFTP       Test = "sftp"
	TestPostgreSQL Test = "postgresql"
	TestSES        Test = "aws_ses"
	TestAzureBlob  Test = "azure_blob"
	// TestGraph calls Microsoft Graph with the token.
	TestGraph Test = "graph"
	// TestSharePoint gets a token by the client secret and then calls Microsoft Graph.
	TestSharePoint Test = "sharepoint_client_secret"
	// TestUserinfo asks the provider's userinfo endpoint whose token it is.
	TestUserinfo Test = "userinfo"
	// TestHTTP requests the address that the data names.
	TestHTTP Test = "http"
)

// Health is how a provider's credentials are tested, and how often without being asked.
type Health struct {
	Test Test
	// Every is the interval of scheduled tests.
	Every time.Duration
}

// How often is tested where a definition does not say, and how often at most and at least.
const (
	defaultEvery         = 6 * time.Hour
	defaultUserinfoEvery = 12 * time.Hour
	minEvery             = 5 * time.Minute
	maxEvery             = 30 * 24 * time.Hour
)

var healthKeys = []key{{"test", true}, {"every", false}}

// readHealth reads the definition's health section. A provider with a userinfo endpoint is
// tested by it where the definition says nothing else.
func readHealth(root *node, o *OAuth, r *report) *Health {
	if root.get("health") == nil {
		if o == nil || o.UserinfoEndpoint == "" {
			return nil
		}
		return &Health{Test: TestUserinfo, Every: defaultUserinfoEvery}
	}
	n := r.section(root, "health", healthKeys)
	h := &Health{
		Test: Test(r.choiceOf(n, "test", string(TestSFTP), string(TestPostgreSQL), string(TestSES), string(TestAzureBlob),
			string(TestGraph), string(TestSharePoint), string(TestUserinfo), string(TestHTTP))),
		Every: r.durationOf(n, "every"),
	}
	if v := n.get("every"); v == nil {
		h.Every = defaultEvery
	} else if h.Every != 0 && (h.Every < minEvery || h.Every > maxEvery) {
		r.add(v.line, "every must be from 5m to 30d; a test uses the credential at somebody else's server")
	}
	if h.Test == TestUserinfo && (o == nil || o.UserinfoEndpoint == "" && o.Discovery == "") {
		r.add(n.line, "the test userinfo needs userinfo_endpoint, or discovery, in the section oauth; add it or choose another test")
	}
	return h
}

// TestOf returns how credentials of the type are tested; false: they are not.
func (p Provider) TestOf(t strongroom.CredentialType) (Health, bool) {
	d, ok := p.types[t]
	if p.Health == nil || !ok {
		return Health{}, false
	}
	switch p.Health.Test {
	case TestGraph, TestUserinfo:
		return *p.Health, d.oauth
	}
	return *p.Health, true
}
