package contract_test

import (
	"strings"
	"testing"

	"strongroom"
)

func TestOpeningGivesTheDataItself(t *testing.T) {
	s := start(t, nil)
	program := s.account(s.here.id)
	id := s.store(s.here.owner, sftp("x", "pw"))
	path := credentialsPath + "/" + id + "/credentials"
	for name, w := range map[string]who{
		"to a service account": program, "to its key as a bearer": {token: program.key},
		"to a system service account": s.system(s.here.id.String()), "to an account with a grant": s.account(s.here.id, strongroom.Grant{Providers: []string{"sftp"}}),
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			a := s.get(w, path).Want(t, 200)
			want(t, "the body", s.object(a, 200), sftp("", "pw")["credentials"])
			for header, value := range map[string]string{"Cache-Control": "no-store", "Content-Type": "application/json", "ETag": a.Header.Get("ETag")} {
				if got := a.Header.Values(header); len(got) != 1 || got[0] != value || value == "" {
					t.Errorf("%s is %q, want %q once", header, got, value)
				}
			}
		})
	}
	t.Run("as it was written: numbers, order and letters", func(t *testing.T) {
		s := s.on(t)
		sent := `{"access_token":"` + canary + `","zeta":1.10,"alpha":12345678901234567890,"text":"é\u00e9","nested":{"b":[1,null],"a":true}}`
		id := s.store(s.here.owner, object{"name": "x", "provider": "microsoft", "credential_type": "oauth2", "credentials": rawJSON(sent)})
		if got := string(s.get(program, credentialsPath+"/"+id+"/credentials").Want(t, 200).Body); got != sent {
			t.Errorf("opened %s, want %s", got, sent)
		}
	})
	t.Run("and notes the use on the metadata", func(t *testing.T) {
		s := s.on(t)
		id := s.store(s.here.owner, sftp("x", "pw"))
		before := s.object(s.get(s.here.owner, credentialsPath+"/"+id), 200)
		s.opened(program, id)
		after := s.object(s.get(s.here.owner, credentialsPath+"/"+id), 200)
		if clockTime(t, after, "last_used_at").Before(clockTime(t, before, "created_at")) {
			t.Error("it was used before it was made")
		}
		want(t, "the rest", after, merge(before, object{"last_used_at": after["last_used_at"]}))
	})
}

// rawJSON is sent as it is.
type rawJSON string

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

func TestNoUserOpensACredential(t *testing.T) {
	s := start(t, nil)
	id := s.store(s.here.owner, sftp("x", "pw"))
	own := s.store(s.here.admin, sftp("x", "pw"))
	for _, c := range []struct {
		name string
		who  who
		id   string
	}{
		{"not its owner", s.here.owner, id},
		{"not an org_admin", s.here.admin, id},
		{"not an org_admin who owns it", s.here.admin, own},
		{"not another app_user", s.here.other, id},
		{"not a backoffice user", s.user(s.here.id, strongroom.RoleBackoffice), id},
		{"not a worker", s.user(s.here.id, strongroom.RoleWorker), id},
		{"not a publisher", s.user(s.here.id, strongroom.RolePublisher), id},
		{"not an integration", s.user(s.here.id, strongroom.RoleIntegration), id},
		{"not a user of another organization", s.there.admin, id},
		{"and none learns what exists", s.here.owner, "01a20279-2abf-7118-9225-d5a0ad00180e"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.on(t).get(c.who, credentialsPath+"/"+c.id+"/credentials").WantError(t, 403, "service_account_required")
		})
	}
	t.Run("whatever If-None-Match says", func(t *testing.T) {
		a := s.on(t).with(s.here.owner, "GET", credentialsPath+"/"+id+"/credentials", nil, "If-None-Match", "*")
		a.WantError(t, 403, "service_account_required")
		if a.Header.Get("ETag") != "" {
			t.Error("a refusal has an ETag")
		}
	})
}

func TestETags(t *testing.T) {
	s := start(t, nil)
	program := s.account(s.here.id)
	path := credentialsPath + "/" + s.store(s.here.owner, sftp("x", "pw")) + "/credentials"
	tag := s.get(program, path).Want(t, 200).Header.Get("ETag")
	if len(tag) < 3 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		t.Fatalf("the ETag %q is not in quotes", tag)
	}
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"the same tag: not modified", []string{tag}, 304},
		{"the same tag, weak: not modified", []string{"W/" + tag}, 304},
		{"one of several: not modified", []string{`"v99", "other" ,` + tag}, 304},
		{"in the second of two headers: not modified", []string{`"v99"`, tag}, 304},
		{"any tag: not modified", []string{"*"}, 304},
		{"another tag: the data", []string{`"v99"`}, 200},
		{"the tag without its quotes: the data", []string{strings.Trim(tag, `"`)}, 200},
		{"an empty tag: the data", []string{`""`}, 200},
		{"garbage: the data", []string{`",,W/,"`}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			var pairs []string
			for _, h := range c.headers {
				pairs = append(pairs, "If-None-Match", h)
			}
			a := s.with(program, "GET", path, nil, pairs...).Want(t, c.status)
			if a.Header.Get("ETag") != tag {
				t.Errorf("the ETag is %q, want %q", a.Header.Get("ETag"), tag)
			}
			if c.status == 304 && len(a.Body) > 0 {
				t.Error("the 304 has a body")
			}
		})
	}
	t.Run("after a change the old tag gives the new data and a new tag", func(t *testing.T) {
		s := s.on(t)
		s.call(s.here.owner, "PATCH", strings.TrimSuffix(path, "/credentials"), replacement("new")).Want(t, 200)
		a := s.with(program, "GET", path, nil, "If-None-Match", tag)
		want(t, "the data", s.object(a, 200), sftp("", "new")["credentials"])
		if a.Header.Get("ETag") == tag {
			t.Error("the tag did not change with the data")
		}
	})
	t.Run("HEAD answers the headers alone", func(t *testing.T) {
		a := s.on(t).call(program, "HEAD", path, nil).Want(t, 200)
		if len(a.Body) > 0 || a.Header.Get("ETag") == "" {
			t.Error("a HEAD has a body or lacks its ETag")
		}
	})
}

func TestRefreshTokensAreShownToThoseWhoMaySeeThem(t *testing.T) {
	s := start(t, nil)
	id := s.store(s.here.owner, google("mail"))
	path := credentialsPath + "/" + id + "/credentials"
	whole := google("")["credentials"].(object)
	without := merge(whole)
	delete(without, "refresh_token")
	for _, c := range []struct {
		name   string
		grants []strongroom.Grant
		data   object
	}{
		{"an account without grants sees it", nil, whole},
		{"a grant that says so shows it", []strongroom.Grant{{RefreshTokens: true}}, whole},
		{"a grant that does not say so withholds it", []strongroom.Grant{{}}, without},
		{"a grant to write alone withholds it", []strongroom.Grant{{Write: true}}, without},
		{"a grant for another provider's shows none here", []strongroom.Grant{{Providers: []string{"sftp"}, RefreshTokens: true}, {Providers: []string{"google"}}}, without},
		{"grants add up", []strongroom.Grant{{}, {Providers: []string{"google"}, RefreshTokens: true}}, whole},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			want(t, "the data", s.opened(s.account(s.here.id, c.grants...), id), c.data)
		})
	}
	t.Run("the ETag of one view is not that of the other", func(t *testing.T) {
		s := s.on(t)
		narrow := s.account(s.here.id, strongroom.Grant{})
		tag := s.get(narrow, path).Want(t, 200).Header.Get("ETag")
		s.with(s.account(s.here.id), "GET", path, nil, "If-None-Match", tag).Want(t, 200)
		s.with(narrow, "GET", path, nil, "If-None-Match", tag).Want(t, 304)
	})
	t.Run("an escaped name hides nothing", func(t *testing.T) {
		s := s.on(t)
		body := object{"name": "x", "provider": "microsoft", "credential_type": "oauth2",
			"credentials": rawJSON(`{"access_token":"a","refresh\u005ftoken":"` + canary + `"}`)}
		got := s.opened(s.account(s.here.id, strongroom.Grant{}), s.store(s.here.owner, body))
		want(t, "the data", got, object{"access_token": "a"})
	})
}
