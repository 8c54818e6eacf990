package policy_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/policy"
)

var (
	now      = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	home     = uuid.MustParse("01900000-0000-7000-8000-000000000001")
	abroad   = uuid.MustParse("01900000-0000-7000-8000-000000000002")
	owner    = uuid.MustParse("01900000-0000-7000-8000-00000000000a")
	stranger = uuid.MustParse("01900000-0000-7000-8000-00000000000b")
	sftp     = strongroom.Credential{ID: uuid.MustParse("01900000-0000-7000-8000-0000000000c1"), OrganizationID: home, UserID: &owner, Provider: "sftp"}
	database = strongroom.Credential{ID: uuid.MustParse("01900000-0000-7000-8000-0000000000c2"), OrganizationID: home, UserID: &owner, Provider: "postgresql"}
	foreign  = strongroom.Credential{ID: uuid.MustParse("01900000-0000-7000-8000-0000000000c3"), OrganizationID: abroad, UserID: &owner, Provider: "sftp"}
)

func user(id uuid.UUID, role strongroom.Role) strongroom.Caller {
	return strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindUser, ID: id, OrganizationID: home, Role: role}}
}

func account(grants ...strongroom.Grant) strongroom.Caller {
	return strongroom.Caller{
		Principal: strongroom.Principal{Kind: strongroom.KindServiceAccount, OrganizationID: home, Grants: grants},
		Address:   netip.MustParseAddr("10.1.2.3"),
	}
}

func system(grants ...strongroom.Grant) strongroom.Caller {
	c := account(grants...)
	c.Kind = strongroom.KindSystemServiceAccount
	return c
}

func allow(t *testing.T, what string, c strongroom.Caller, a policy.Action, cred *strongroom.Credential) {
	t.Helper()
	if err := policy.Decide(c, a, cred, now); err != nil {
		t.Errorf("%s: denied (%v), want allowed", what, err)
	}
}

func deny(t *testing.T, code strongroom.Code, what string, c strongroom.Caller, a policy.Action, cred *strongroom.Credential) {
	t.Helper()
	err := policy.Decide(c, a, cred, now)
	if err == nil {
		t.Errorf("%s: allowed, want %s", what, code)
	} else if got := strongroom.CodeOf(err); got != code {
		t.Errorf("%s: denied with %s, want %s", what, got, code)
	}
}

func TestOnlyServiceAccountsOpen(t *testing.T) {
	const code = strongroom.CodeServiceAccountRequired
	deny(t, code, "the owner", user(owner, strongroom.RoleAppUser), policy.OpenCredential, &sftp)
	deny(t, code, "an org_admin", user(stranger, strongroom.RoleOrgAdmin), policy.OpenCredential, &sftp)
	deny(t, code, "the platform's worker role", user(owner, strongroom.RoleWorker), policy.OpenCredential, &sftp)
	deny(t, code, "a user, before anybody looked", user(owner, strongroom.RoleAppUser), policy.OpenCredential, nil)
	deny(t, code, "the operator", strongroom.Operator(home, ""), policy.OpenCredential, &sftp)
	deny(t, strongroom.CodeForbidden, "an unknown kind of principal", strongroom.Caller{Principal: strongroom.Principal{Kind: "ghost", OrganizationID: home}}, policy.OpenCredential, &sftp)
	allow(t, "a service account", account(), policy.OpenCredential, &sftp)
	allow(t, "a system service account", system(), policy.OpenCredential, &sftp)
}

func TestAnotherOrganizationsCredentialIsNotThere(t *testing.T) {
	for name, c := range map[string]strongroom.Caller{
		"admin": user(owner, strongroom.RoleOrgAdmin), "owner elsewhere": user(owner, strongroom.RoleAppUser),
		"service account": account(), "system service account": system(), "operator": strongroom.Operator(home, ""),
	} {
		for _, a := range []policy.Action{policy.ViewCredential, policy.UpdateCredential, policy.DeleteCredential, policy.RefreshCredential, policy.ConnectCredential, policy.TestCredential, policy.RotateCredential, policy.OpenCredential} {
			deny(t, strongroom.CodeNotFound, name, c, a, &foreign)
		}
	}
}

func TestUsers(t *testing.T) {
	own, other, admin := user(owner, strongroom.RoleAppUser), user(stranger, strongroom.RoleAppUser), user(stranger, strongroom.RoleOrgAdmin)
	for _, a := range []policy.Action{policy.UpdateCredential, policy.DeleteCredential, policy.RefreshCredential, policy.ConnectCredential, policy.TestCredential, policy.RotateCredential} {
		deny(t, strongroom.CodeForbidden, "another app_user", other, a, &sftp)
		allow(t, "the owner", own, a, &sftp)
		allow(t, "an org_admin", admin, a, &sftp)
	}
	for _, a := range []policy.Action{policy.ListAllCredentials, policy.ManageAccounts, policy.ViewAudit} {
		deny(t, strongroom.CodeForbidden, "an app_user", own, a, nil)
		allow(t, "an org_admin", admin, a, nil)
	}
	for _, a := range []policy.Action{policy.ListCredentials, policy.CreateCredential, policy.ViewAccounts} {
		allow(t, "an app_user", own, a, nil)
	}
	allow(t, "another app_user's look at the metadata", other, policy.ViewCredential, &sftp)
}

func TestRolesBelowAppUserHaveAnAppUsersRights(t *testing.T) {
	for _, r := range []strongroom.Role{strongroom.RoleBackoffice, strongroom.RoleWorker, strongroom.RolePublisher, strongroom.RoleIntegration} {
		deny(t, strongroom.CodeForbidden, string(r), user(stranger, r), policy.ManageAccounts, nil)
		deny(t, strongroom.CodeForbidden, string(r), user(stranger, r), policy.DeleteCredential, &sftp)
		allow(t, string(r), user(owner, r), policy.DeleteCredential, &sftp)
	}
}

func TestServiceAccountsManageNothing(t *testing.T) {
	for _, a := range []policy.Action{policy.CreateCredential, policy.DeleteCredential, policy.ViewAccounts, policy.ManageAccounts, policy.ViewAudit} {
		deny(t, strongroom.CodeUserAccountRequired, "a service account", account(strongroom.Grant{Write: true}), a, nil)
		deny(t, strongroom.CodeUserAccountRequired, "a system service account", system(), a, nil)
	}
}

func TestTheOperatorStoresNoSecrets(t *testing.T) {
	deny(t, strongroom.CodeUserAccountRequired, "create", strongroom.Operator(home, ""), policy.CreateCredential, nil)
	deny(t, strongroom.CodeUserAccountRequired, "update", strongroom.Operator(home, ""), policy.UpdateCredential, &sftp)
	allow(t, "manage accounts", strongroom.Operator(home, ""), policy.ManageAccounts, nil)
}

func TestGrantsNarrowWhatIsRead(t *testing.T) {
	past, future := now.Add(-time.Second), now.Add(time.Second)
	inside, outside := netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("192.0.2.0/24")
	const code = strongroom.CodeForbidden

	deny(t, code, "another provider", account(strongroom.Grant{Providers: []string{"postgresql"}}), policy.OpenCredential, &sftp)
	deny(t, code, "another credential", account(strongroom.Grant{CredentialIDs: []uuid.UUID{database.ID}}), policy.OpenCredential, &sftp)
	deny(t, code, "another credential's metadata", account(strongroom.Grant{CredentialIDs: []uuid.UUID{database.ID}}), policy.ViewCredential, &sftp)
	deny(t, code, "an expired grant, the only one", account(strongroom.Grant{ExpiresAt: &past}), policy.OpenCredential, &sftp)
	deny(t, code, "a grant that ends this moment", account(strongroom.Grant{ExpiresAt: &now}), policy.OpenCredential, &sftp)
	deny(t, code, "outside its network", account(strongroom.Grant{Networks: []netip.Prefix{outside}}), policy.OpenCredential, &sftp)
	deny(t, code, "an expired grant for it beside one for something else",
		account(strongroom.Grant{ExpiresAt: &past}, strongroom.Grant{Providers: []string{"postgresql"}}), policy.OpenCredential, &sftp)
	unknown := account(strongroom.Grant{Networks: []netip.Prefix{inside}})
	unknown.Address = netip.Addr{}
	deny(t, code, "a caller whose address nobody knows", unknown, policy.OpenCredential, &sftp)

	allow(t, "its provider", account(strongroom.Grant{Providers: []string{"sftp"}}), policy.OpenCredential, &sftp)
	allow(t, "its id", account(strongroom.Grant{CredentialIDs: []uuid.UUID{sftp.ID}}), policy.OpenCredential, &sftp)
	allow(t, "either of two lists", account(strongroom.Grant{CredentialIDs: []uuid.UUID{sftp.ID}, Providers: []string{"google"}}), policy.OpenCredential, &sftp)
	allow(t, "not yet expired", account(strongroom.Grant{ExpiresAt: &future}), policy.OpenCredential, &sftp)
	allow(t, "inside its network", account(strongroom.Grant{Networks: []netip.Prefix{outside, inside}}), policy.OpenCredential, &sftp)
	allow(t, "the second of two grants", account(strongroom.Grant{Providers: []string{"google"}}, strongroom.Grant{Providers: []string{"sftp"}}), policy.OpenCredential, &sftp)
	mapped := account(strongroom.Grant{Networks: []netip.Prefix{inside}})
	mapped.Address = netip.MustParseAddr("::ffff:10.1.2.3")
	allow(t, "an IPv4 address written as IPv6", mapped, policy.OpenCredential, &sftp)
}

func TestWritingNeedsAGrantThatSaysSo(t *testing.T) {
	const code = strongroom.CodeForbidden
	deny(t, code, "no grants, to refresh", account(), policy.RefreshCredential, &sftp)
	deny(t, code, "a grant to read, to refresh", account(strongroom.Grant{}), policy.RefreshCredential, &sftp)
	allow(t, "write here, to refresh", account(strongroom.Grant{Providers: []string{"sftp"}, Write: true}), policy.RefreshCredential, &sftp)
	deny(t, code, "no grants", account(), policy.UpdateCredential, &sftp)
	deny(t, code, "a grant to read", account(strongroom.Grant{}), policy.UpdateCredential, &sftp)
	deny(t, code, "write elsewhere, read here", account(strongroom.Grant{Providers: []string{"google"}, Write: true}, strongroom.Grant{}), policy.UpdateCredential, &sftp)
	allow(t, "write here", account(strongroom.Grant{Providers: []string{"sftp"}, Write: true}), policy.UpdateCredential, &sftp)
}

func TestTestingNeedsReachAndRotatingTheRightToWrite(t *testing.T) {
	const code = strongroom.CodeForbidden
	elsewhere, here := strongroom.Grant{Providers: []string{"google"}}, strongroom.Grant{Providers: []string{"sftp"}}
	deny(t, code, "a grant elsewhere", account(elsewhere), policy.TestCredential, &sftp)
	allow(t, "no grants", account(), policy.TestCredential, &sftp)
	allow(t, "a grant to read", account(here), policy.TestCredential, &sftp)
	deny(t, code, "no grants, to rotate", account(), policy.RotateCredential, &sftp)
	deny(t, code, "a grant to read, to rotate", account(here), policy.RotateCredential, &sftp)
	here.Write = true
	allow(t, "a grant to write", account(here), policy.RotateCredential, &sftp)
}

func TestWhoTriesWhatIsNotStored(t *testing.T) {
	deny(t, strongroom.CodeForbidden, "an account that was narrowed to reading", account(strongroom.Grant{}), policy.TestConnection, nil)
	deny(t, strongroom.CodeUserAccountRequired, "the operator", strongroom.Operator(home, ""), policy.TestConnection, nil)
	allow(t, "a member", user(stranger, strongroom.RoleAppUser), policy.TestConnection, nil)
	allow(t, "an account without grants", account(), policy.TestConnection, nil)
	allow(t, "an account that may write", account(strongroom.Grant{Write: true}), policy.TestConnection, nil)
}

func TestTheServiceItselfTestsAndRotatesAndDoesNothingElse(t *testing.T) {
	itself := strongroom.Unattended(home)
	for a := policy.ListCredentials; a <= policy.ViewAudit; a++ {
		if a == policy.TestCredential || a == policy.RotateCredential {
			allow(t, "what is due", itself, a, &sftp)
			deny(t, strongroom.CodeNotFound, "what is due elsewhere", itself, a, &foreign)
			continue
		}
		deny(t, strongroom.CodeForbidden, "the service itself", itself, a, &sftp)
	}
}

func TestRefreshTokens(t *testing.T) {
	for _, row := range []struct {
		what string
		c    strongroom.Caller
		want bool
	}{
		{"a grant without", account(strongroom.Grant{}), false},
		{"one for another provider with, one here without", account(strongroom.Grant{Providers: []string{"google"}, RefreshTokens: true}, strongroom.Grant{}), false},
		{"no grants", account(), true},
		{"a grant with", account(strongroom.Grant{RefreshTokens: true}), true},
	} {
		if got := policy.MaySeeRefreshToken(row.c, sftp, now); got != row.want {
			t.Errorf("%s: got %v, want %v", row.what, got, row.want)
		}
	}
}

func TestScope(t *testing.T) {
	past := now.Add(-time.Hour)
	if r := policy.Scope(account(strongroom.Grant{ExpiresAt: &past}), now); r.All || len(r.Providers)+len(r.CredentialIDs) != 0 {
		t.Errorf("an expired grant reaches %+v, want nothing", r)
	}
	if r := policy.Scope(account(strongroom.Grant{Providers: []string{"sftp"}}, strongroom.Grant{Providers: []string{"sftp", "google"}, CredentialIDs: []uuid.UUID{database.ID}}), now); r.All || len(r.Providers) != 2 || len(r.CredentialIDs) != 1 {
		t.Errorf("two grants reach %+v, want two providers and one credential", r)
	}
	if r := policy.Scope(account(strongroom.Grant{Providers: []string{"sftp"}}, strongroom.Grant{}), now); !r.All {
		t.Errorf("a grant without lists reaches %+v, want all", r)
	}
	if !policy.Scope(account(), now).All || !policy.Scope(user(owner, strongroom.RoleAppUser), now).All {
		t.Error("callers without grants do not reach all")
	}
}

func TestServiceAccountsNeitherConnectNorManageOAuthClients(t *testing.T) {
	const code = strongroom.CodeUserAccountRequired
	writer := strongroom.Grant{Write: true}
	for name, c := range map[string]strongroom.Caller{"an account": account(), "one that may write": account(writer), "a system account": system(writer), "the operator": strongroom.Operator(home, "")} {
		deny(t, code, name+" connects", c, policy.ConnectCredential, &sftp)
		deny(t, code, name+" manages clients", c, policy.ManageOAuthClients, nil)
	}
	deny(t, strongroom.CodeForbidden, "a member manages clients", user(owner, strongroom.RoleAppUser), policy.ManageOAuthClients, nil)
	allow(t, "an admin manages clients", user(stranger, strongroom.RoleOrgAdmin), policy.ManageOAuthClients, nil)
	allow(t, "the owner connects anew", user(owner, strongroom.RoleAppUser), policy.ConnectCredential, &sftp)
	allow(t, "a member connects", user(stranger, strongroom.RoleAppUser), policy.ConnectCredential, nil)
}
