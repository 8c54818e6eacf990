package contract_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/store"
)

func TestWhatGrantsReach(t *testing.T) {
	s := start(t, nil)
	here := s.here
	mail := s.store(here.owner, google("mail"))
	files := s.store(here.owner, sftp("files", "pw"))
	foreign := s.store(s.there.owner, sftp("foreign", "pw"))
	inside, outside := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")
	id := uuid.MustParse
	for _, c := range []struct {
		name   string
		grants []strongroom.Grant
		// opens are the credentials in reach, newest first; writes says whether it may replace files.
		opens  []string
		writes bool
	}{
		{"none: all of the organization's, and no writing", nil, []string{files, mail}, false},
		{"one that names nothing: all", []strongroom.Grant{{}}, []string{files, mail}, false},
		{"a provider's", []strongroom.Grant{{Providers: []string{"google"}}}, []string{mail}, false},
		{"one credential", []strongroom.Grant{{CredentialIDs: []uuid.UUID{id(files)}}}, []string{files}, false},
		{"a provider's and one more", []strongroom.Grant{{Providers: []string{"google"}, CredentialIDs: []uuid.UUID{id(files)}}}, []string{files, mail}, false},
		{"two that add up", []strongroom.Grant{{Providers: []string{"google"}}, {Providers: []string{"sftp"}}}, []string{files, mail}, false},
		{"another organization's credential: nothing", []strongroom.Grant{{CredentialIDs: []uuid.UUID{id(foreign)}}}, []string{}, false},
		{"writing too", []strongroom.Grant{{Write: true}}, []string{files, mail}, true},
		{"writing elsewhere", []strongroom.Grant{{Providers: []string{"google"}, Write: true}, {}}, []string{files, mail}, false},
		{"from the caller's network", []strongroom.Grant{{Networks: []netip.Prefix{outside, inside}, Write: true}}, []string{files, mail}, true},
		{"from another network: nothing", []strongroom.Grant{{Networks: []netip.Prefix{outside}, Write: true}}, []string{}, false},
		{"from another network, and a provider's from anywhere", []strongroom.Grant{{Networks: []netip.Prefix{outside}}, {Providers: []string{"google"}}}, []string{mail}, false},
		{"until later", []strongroom.Grant{{ExpiresAt: at(time.Hour)}}, []string{files, mail}, false},
		{"until just now: nothing, rather than everything", []strongroom.Grant{{ExpiresAt: at(-time.Second), Write: true}}, []string{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			program := s.granted(here.id, c.grants)
			list := s.get(program, credentialsPath)
			if len(c.opens) == 0 && list.Status == 403 {
				list.WantError(t, 403, "forbidden")
			} else {
				want(t, "the list", values(s.list(list), "id"), c.opens)
			}
			for _, credential := range []string{mail, files} {
				path, reached := credentialsPath+"/"+credential, slices.Contains(c.opens, credential)
				for _, p := range []string{path, path + "/credentials"} {
					if a := s.get(program, p); reached {
						a.Want(t, 200)
					} else {
						a.WantError(t, 403, "forbidden")
					}
				}
			}
			if a := s.get(program, credentialsPath+"/"+foreign+"/credentials"); a.Status != 404 && (a.Status != 403 || len(c.opens) > 0) {
				t.Errorf("another organization's credential is answered %d", a.Status)
			}
			write := s.call(program, "PATCH", credentialsPath+"/"+files, replacement("pw"))
			if c.writes {
				write.Want(t, 200)
			} else {
				write.WantError(t, 403, "forbidden")
			}
		})
	}
}

func at(d time.Duration) *time.Time {
	t := strongroom.Timestamp(time.Now().Add(d))
	return &t
}

// granted makes an account with grants that the API would refuse, an expired one say.
func (s *scene) granted(organization uuid.UUID, grants []strongroom.Grant) who {
	s.t.Helper()
	a, key := s.ServiceAccount(organization, "account "+uuid.NewString())
	a.Grants = grants
	if err := s.App.Store.Write(context.Background(), func(tx store.Tx) error { return tx.SaveAccount(a) }); err != nil {
		s.t.Fatal(err)
	}
	return who{id: a.ID, key: key}
}

func TestAnAddressIsNotTakenFromWhatAnybodyCanWrite(t *testing.T) {
	forwarded := []string{"X-Forwarded-For", "10.1.2.3", "X-Real-IP", "10.1.2.3", "Forwarded", "for=10.1.2.3"}
	grant := strongroom.Grant{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	t.Run("without trusted proxies", func(t *testing.T) {
		s := start(t, nil)
		s.with(s.account(s.here.id, grant), "GET", credentialsPath, nil, forwarded...).WantError(t, 403, "forbidden")
	})
	t.Run("behind a trusted proxy its word counts, and only the last of it", func(t *testing.T) {
		s := start(t, func(c *app.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
		program := s.account(s.here.id, grant)
		s.with(program, "GET", credentialsPath, nil, forwarded...).Want(t, 200)
		s.with(program, "GET", credentialsPath, nil, "X-Forwarded-For", "10.1.2.3, 192.0.2.1").WantError(t, 403, "forbidden")
		s.with(program, "GET", credentialsPath, nil, "X-Forwarded-For", "10.1.2.3", "X-Forwarded-For", "192.0.2.1").WantError(t, 403, "forbidden")
		s.with(program, "GET", credentialsPath, nil, "X-Forwarded-For", "192.0.2.1, 10.1.2.3, 127.0.0.9").Want(t, 200)
	})
}

func TestSettingGrants(t *testing.T) {
	s := start(t, nil)
	path, _ := s.newAccount(s.here.admin, "sync")
	_, _, program := s.newKey(s.here.admin, path, object{"name": "key"})
	id := s.store(s.here.owner, sftp("files", "pw"))
	set := func(grants any) object {
		return s.object(s.call(s.here.admin, "PUT", path+"/grants", object{"grants": grants}), 200)
	}
	for _, c := range []struct {
		name            string
		grants, answers []any
		opens           int
	}{
		{"names a provider as the catalog has it", []any{object{"providers": []string{"GOOGLE"}}}, []any{object{"providers": []string{"google"}}}, 403},
		{"masks a network", []any{object{"networks": []string{"127.1.2.3/8", "2001:DB8::1/32"}}}, []any{object{"networks": []string{"127.0.0.0/8", "2001:db8::/32"}}}, 200},
		{"tells an expiry in UTC", []any{object{"expires_at": "2100-01-01T02:00:00+02:00", "write": true, "refresh_tokens": true}},
			[]any{object{"expires_at": "2100-01-01T00:00:00Z", "write": true, "refresh_tokens": true}}, 200},
		{"names a credential", []any{object{"credential_ids": []string{id}}}, []any{object{"credential_ids": []string{id}}}, 200},
		{"replaces all at once", []any{object{"providers": []string{"aws_ses"}}}, []any{object{"providers": []string{"aws_ses"}}}, 403},
		{"lifts every restriction with an empty list", []any{}, []any{}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			want(t, "the grants", set(c.grants)["grants"], c.answers)
			want(t, "what is read", s.object(s.get(s.here.owner, path), 200)["grants"], c.answers)
			want(t, "what the account learns", s.object(s.get(program, "/api/profile/me"), 200)["grants"], c.answers)
			s.on(t).get(program, credentialsPath+"/"+id+"/credentials").Want(t, c.opens)
		})
	}
	set([]any{object{"providers": []string{"google"}}})
	tooMany := make([]any, 51)
	for i := range tooMany {
		tooMany[i] = object{}
	}
	for _, c := range []struct {
		name   string
		grants any
		detail []string
	}{
		{"an unknown provider", []any{object{}, object{"providers": []string{"sftp", canary}}}, []string{"body.grants.1.providers.1: enum"}},
		{"what is no network", []any{object{"networks": []string{"10.0.0.0/8", canary}}}, []string{"body.grants.0.networks.1: format"}},
		{"an address without its length", []any{object{"networks": []string{"10.0.0.1"}}}, []string{"body.grants.0.networks.0: format"}},
		{"what is no id", []any{object{"credential_ids": []string{canary}}}, []string{"body.grants.0.credential_ids.0: format"}},
		{"an expiry in the past", []any{object{"expires_at": "2020-01-01T00:00:00Z"}}, []string{"body.grants.0.expires_at: value"}},
		{"an expiry that no answer can say", []any{object{"expires_at": "9999-12-31T23:59:59-23:59"}}, []string{"body.grants.0.expires_at: value"}},
		{"too many", tooMany, []string{"body.grants: length"}},
		{"null, which might be taken for none", nil, []string{"body.grants: type"}},
		{"a grant that is null", []any{nil}, []string{"body.grants.0: type"}},
		{"a field that there is not", []any{object{"writes": true}}, []string{"body.grants.0.writes: unexpected"}},
		{"a word for a truth", []any{object{"write": "yes"}}, []string{"body.grants.0.write: type"}},
	} {
		t.Run("refuses "+c.name+" and changes nothing", func(t *testing.T) {
			s := s.on(t)
			want(t, "detail", s.detail(s.call(s.here.admin, "PUT", path+"/grants", object{"grants": c.grants})), c.detail)
			want(t, "the grants", s.object(s.get(s.here.admin, path), 200)["grants"], []any{object{"providers": []string{"google"}}})
		})
	}
	t.Run("a new account may come with grants", func(t *testing.T) {
		s := s.on(t)
		a := s.object(s.call(s.here.admin, "POST", accountsPath, object{"name": "narrow", "grants": []any{object{"write": true}}}), 201)
		want(t, "the grants", a["grants"], []any{object{"write": true}})
	})
	t.Run("an organization's own grants never reach another's account", func(t *testing.T) {
		s.on(t).call(s.there.admin, "PUT", path+"/grants", object{"grants": []any{}}).WantError(t, 404, "not_found")
	})
}
