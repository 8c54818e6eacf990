package accounts_test

import (
	"context"
	"crypto/ed25519"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/accounts"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/identity"
	"strongroom/internal/store/sqlite"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

type scene struct {
	*testing.T
	accounts     *accounts.Service
	store        *sqlite.DB
	organization uuid.UUID
}

func setup(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, organization: uuid.New()}
	var err error
	s.store, err = sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "accounts.db")})
	s.must(err)
	_, private, err := ed25519.GenerateKey(nil)
	s.must(err)
	log, err := audit.Open(t.Context(), audit.Options{Store: s.store, Signer: audit.Signer{KeyID: uuid.New(), Key: private}, Process: "test"})
	s.must(err)
	t.Cleanup(func() {
		s.must(log.Close(context.Background()))
		s.must(s.store.Close())
	})
	known, err := catalog.Load("")
	s.must(err)
	s.accounts = accounts.New(accounts.Options{Store: s.store, Audit: log, Catalog: known, Clock: func() time.Time { return now }})
	return s
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) wantCode(err error, code strongroom.Code) {
	s.Helper()
	if strongroom.CodeOf(err) != code {
		s.Fatalf("error %v, want %s", err, code)
	}
}

func (s *scene) user(role strongroom.Role) strongroom.Caller {
	return strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindUser, ID: uuid.New(), OrganizationID: s.organization, Role: role}}
}

func (s *scene) operator() strongroom.Caller { return strongroom.Operator(s.organization, "") }

func (s *scene) create(caller strongroom.Caller, n strongroom.NewServiceAccount) strongroom.ServiceAccount {
	s.Helper()
	a, err := s.accounts.Create(s.Context(), caller, n)
	s.must(err)
	return a
}

func TestOrganizationsCannotTouchSystemAccounts(t *testing.T) {
	s := setup(t)
	ctx, admin := t.Context(), s.user(strongroom.RoleOrgAdmin)
	_, err := s.accounts.Create(ctx, admin, strongroom.NewServiceAccount{Name: "x", System: true})
	s.wantCode(err, strongroom.CodeForbidden)

	a := s.create(s.operator(), strongroom.NewServiceAccount{Name: "sys", System: true})
	key, err := s.accounts.CreateKey(ctx, s.operator(), a.ID, strongroom.NewAPIKey{Name: "k"})
	s.must(err)
	name := "renamed"
	for what, act := range map[string]func() error{
		"rename": func() error {
			_, err := s.accounts.Update(ctx, admin, a.ID, strongroom.ServiceAccountUpdate{Name: &name})
			return err
		},
		"deactivate": func() error {
			_, err := s.accounts.SetStatus(ctx, admin, a.ID, strongroom.ServiceAccountInactive)
			return err
		},
		"grants": func() error { _, err := s.accounts.SetGrants(ctx, admin, a.ID, nil); return err },
		"delete": func() error { return s.accounts.Delete(ctx, admin, a.ID) },
		"make a key": func() error {
			_, err := s.accounts.CreateKey(ctx, admin, a.ID, strongroom.NewAPIKey{Name: "n"})
			return err
		},
		"list keys": func() error { _, err := s.accounts.ListKeys(ctx, admin, a.ID, strongroom.Page{Limit: 10}); return err },
		"rename a key": func() error {
			_, err := s.accounts.UpdateKey(ctx, admin, a.ID, key.ID, strongroom.APIKeyUpdate{Name: &name})
			return err
		},
		"delete a key": func() error { return s.accounts.DeleteKey(ctx, admin, a.ID, key.ID) },
	} {
		t.Run(what, func(t *testing.T) { (&scene{T: t}).wantCode(act(), strongroom.CodeForbidden) })
	}
	seen, err := s.accounts.Get(ctx, admin, a.ID)
	s.must(err)
	if !seen.System() || seen.Name != "sys" || seen.Status != strongroom.ServiceAccountActive {
		t.Errorf("the account is now %+v", seen)
	}
}

func TestGrantsThatCannotMeanWhatTheySayAreRefused(t *testing.T) {
	s := setup(t)
	past := now.Add(-time.Second)
	many := make([]string, 201)
	for i := range many {
		many[i] = "sftp"
	}
	for name, grants := range map[string][]strongroom.Grant{
		"a provider that there is not": {{Providers: []string{"sftp", "stfp"}}},
		"an end in the past":           {{ExpiresAt: &past}},
		"too many providers":           {{Providers: many}},
		"too many networks":            {{}, {Networks: make([]netip.Prefix, 201)}},
		"too many grants":              make([]strongroom.Grant, 51),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.accounts.Create(t.Context(), s.user(strongroom.RoleOrgAdmin), strongroom.NewServiceAccount{Name: name, Grants: grants})
			(&scene{T: t}).wantCode(err, strongroom.CodeValidation)
		})
	}
	a := s.create(s.user(strongroom.RoleOrgAdmin), strongroom.NewServiceAccount{Name: "ok", Grants: []strongroom.Grant{{Providers: []string{"SFTP"}}}})
	if a.Grants[0].Providers[0] != "sftp" {
		t.Errorf("the provider is kept as %q: no credential would match", a.Grants[0].Providers[0])
	}
}

func TestANameIsTakenOnceInAnOrganization(t *testing.T) {
	s := setup(t)
	admin := s.user(strongroom.RoleOrgAdmin)
	s.create(admin, strongroom.NewServiceAccount{Name: "sync"})
	_, err := s.accounts.Create(t.Context(), admin, strongroom.NewServiceAccount{Name: " sync "})
	s.wantCode(err, strongroom.CodeConflict)
	elsewhere := admin
	elsewhere.OrganizationID = uuid.New()
	s.create(elsewhere, strongroom.NewServiceAccount{Name: "sync"})
}

func TestAKeyIsFoundByItsTokenUntilItIsDeleted(t *testing.T) {
	s := setup(t)
	ctx, admin := t.Context(), s.user(strongroom.RoleOrgAdmin)
	a := s.create(admin, strongroom.NewServiceAccount{Name: "sync"})
	past := now
	_, err := s.accounts.CreateKey(ctx, admin, a.ID, strongroom.NewAPIKey{Name: "k", ExpiresAt: &past})
	s.wantCode(err, strongroom.CodeValidation)
	issued, err := s.accounts.CreateKey(ctx, admin, a.ID, strongroom.NewAPIKey{Name: "k"})
	s.must(err)
	hash, err := identity.HashAPIKey(string(issued.Token.Reveal()))
	s.must(err)
	holder, err := s.store.KeyByHash(ctx, hash)
	s.must(err)
	if holder.Key.ID != issued.ID || *holder.Key.UserID != admin.ID {
		t.Errorf("the token leads to %+v", holder.Key)
	}
	s.must(s.accounts.DeleteKey(ctx, admin, a.ID, issued.ID))
	if _, err := s.store.KeyByHash(ctx, hash); err == nil {
		t.Error("a deleted key is still found")
	}
	s.wantCode(s.accounts.DeleteKey(ctx, admin, a.ID, issued.ID), strongroom.CodeNotFound)
}

func TestEveryChangeAndRefusalIsOnRecord(t *testing.T) {
	s := setup(t)
	ctx, admin, member := t.Context(), s.user(strongroom.RoleOrgAdmin), s.user(strongroom.RoleAppUser)
	a := s.create(admin, strongroom.NewServiceAccount{Name: "sync"})
	_, err := s.accounts.Create(ctx, member, strongroom.NewServiceAccount{Name: "mine"})
	s.wantCode(err, strongroom.CodeForbidden)
	_, err = s.accounts.SetStatus(ctx, admin, a.ID, strongroom.ServiceAccountInactive)
	s.must(err)
	s.wantCode(s.accounts.Delete(ctx, admin, uuid.New()), strongroom.CodeNotFound)
	s.must(s.accounts.Delete(ctx, admin, a.ID))
	records, err := s.store.ListEvents(ctx, s.organization, strongroom.EventQuery{Limit: 10})
	s.must(err)
	var got []string
	for _, r := range records {
		e, err := audit.Decode(r)
		s.must(err)
		got = append(got, string(e.Action)+" "+string(e.Outcome))
	}
	want := []string{"service_account.delete allowed", "service_account.delete denied", "service_account.deactivate allowed",
		"service_account.create denied", "service_account.create allowed"}
	if len(got) != len(want) {
		t.Fatalf("on record: %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("event %d is %q, want %q", i, got[i], want[i])
		}
	}
}
