package contract_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

func TestAStoredCredentialIsAnsweredWithItsMetadata(t *testing.T) {
	s := start(t, nil)
	owner := s.here.owner
	t.Run("a password has null for what it does not have", func(t *testing.T) {
		s := s.on(t)
		body := sftp("  Partner drop box ", "pw")
		body["provider"] = "SFTP"
		got := s.object(s.call(owner, "POST", credentialsPath, body), 201)
		wantNewID(t, got)
		if created := clockTime(t, got, "created_at"); !created.Equal(clockTime(t, got, "updated_at")) {
			t.Error("a new credential was updated at another time than it was created")
		}
		// It is tested within minutes.
		if wait := clockTime(t, got, "next_check_at").Sub(clockTime(t, got, "created_at")); wait < time.Minute || wait > 5*time.Minute {
			t.Errorf("it is tested after %s", wait)
		}
		for _, field := range []string{"id", "created_at", "updated_at", "next_check_at"} {
			delete(got, field)
		}
		want(t, "the rest", got, object{
			"health": nil, "known_host": nil, "rotation_policy": nil, "last_rotated_at": nil, "next_rotation_at": nil,
			"modified_by": owner.id, "user_id": owner.id, "name": "Partner drop box", "provider": "sftp",
			"credential_type": "user_password", "status": "active", "status_since": nil, "status_reason": nil, "version": 1,
			"google_email": nil, "account_email": nil, "expires_at": nil, "next_refresh_at": nil, "scopes": nil, "last_used_at": nil, "last_checked_at": nil, "last_check": nil, "last_refreshed_at": nil, "refresh_error": nil,
		})
	})
	t.Run("OAuth data tells its account, scopes and expiry", func(t *testing.T) {
		s := s.on(t)
		got := s.object(s.call(owner, "POST", credentialsPath, google("mail")), 201)
		want(t, "google_email", got["google_email"], "person@example.com")
		want(t, "account_email", got["account_email"], "person@example.com")
		want(t, "scopes", got["scopes"], []string{"openid", "email"})
		want(t, "expires_at", got["expires_at"], "2031-01-02T15:04:05Z")
		// 15 minutes ahead at most, and jitter moves that towards the end.
		if ahead := clockTime(t, got, "expires_at").Sub(clockTime(t, got, "next_refresh_at")); ahead <= 0 || ahead > 15*time.Minute {
			t.Errorf("the token is renewed %s ahead of its end", ahead)
		}
	})
	t.Run("a time with an offset is told in UTC", func(t *testing.T) {
		s := s.on(t)
		body := google("mail")
		body["credentials"].(object)["expires_at"] = "2031-01-02T15:04:05+02:00"
		want(t, "expires_at", s.object(s.call(owner, "POST", credentialsPath, body), 201)["expires_at"], "2031-01-02T13:04:05Z")
	})
	t.Run("what was answered is what is read", func(t *testing.T) {
		s := s.on(t)
		created := s.object(s.call(owner, "POST", credentialsPath, sftp("x", "pw")), 201)
		want(t, "the credential", s.object(s.get(owner, credentialsPath+"/"+created["id"].(string)), 200), created)
	})
}

// wantNewID fails unless the id is a UUID of version 7.
func wantNewID(t *testing.T, o object) {
	t.Helper()
	if id, err := uuid.Parse(text(t, o, "id")); err != nil || id.Version() != 7 {
		t.Errorf("the id %v is no UUID of version 7", o["id"])
	}
}

func TestListsOfCredentials(t *testing.T) {
	s := start(t, nil)
	here := s.here
	expired := google("expired")
	expired["credentials"].(object)["expires_at"] = "2020-01-01T00:00:00Z"
	first := s.store(here.owner, sftp("first", "pw"))
	second := s.store(here.owner, expired)
	third := s.store(here.owner, sftp("third", "pw"))
	others := s.store(here.other, sftp("another's", "pw"))
	gone := s.store(here.owner, sftp("gone", "pw"))
	s.call(here.owner, "DELETE", credentialsPath+"/"+gone, nil).Want(t, 204)
	s.store(s.there.owner, sftp("elsewhere", "pw"))
	program, system := s.account(here.id), s.system(here.id.String())

	for _, c := range []struct {
		name  string
		who   who
		query string
		ids   []string
	}{
		{"a user sees their own, newest first, without deleted ones and with expired ones", here.owner, "", []string{third, second, first}},
		{"a user may say so", here.owner, "?scope=own", []string{third, second, first}},
		{"an org_admin sees their own, which are none", here.admin, "", []string{}},
		{"an org_admin may ask for the organization's", here.admin, "?scope=organization", []string{others, third, second, first}},
		{"a service account sees the organization's", program, "", []string{others, third, second, first}},
		{"a service account may ask for the organization's", program, "?scope=organization", []string{others, third, second, first}},
		{"a system service account sees those of the organization it names", system, "", []string{others, third, second, first}},
		{"limit cuts", program, "?limit=2", []string{others, third}},
		{"offset passes over", program, "?limit=2&offset=1", []string{third, second}},
		{"an offset beyond the end gives an empty list", program, "?offset=99", []string{}},
		{"provider filters", program, "?provider=google", []string{second}},
		{"provider filters in any case", program, "?provider=SfTp", []string{others, third, first}},
		{"a provider without credentials gives an empty list", program, "?provider=aws_ses", []string{}},
		{"unknown parameters are ignored", program, "?provider=google&colour=red", []string{second}},
		{"the provider's own list", program, "/provider/sftp", []string{others, third, first}},
		{"the provider's own list in any case", here.owner, "/provider/SFTP", []string{third, first}},
		{"the provider's own list for an org_admin who asks for all", here.admin, "/provider/sftp?scope=organization", []string{others, third, first}},
		{"the provider's own list in pages", here.owner, "/provider/sftp?limit=1&offset=1", []string{first}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			want(t, "the list", values(s.list(s.get(c.who, credentialsPath+c.query)), "id"), c.ids)
		})
	}
	for _, c := range []struct {
		name, path string
		who        who
		status     int
		code       string
	}{
		{"an app_user may not ask for the organization's", "?scope=organization", here.owner, 403, "forbidden"},
		{"nor for a provider's", "/provider/sftp?scope=organization", here.owner, 403, "forbidden"},
		{"an unknown provider in the query is refused", "?provider=gopher", here.owner, 400, "invalid_provider"},
		{"an unknown provider in the path is refused", "/provider/gopher", here.owner, 400, "invalid_provider"},
		{"a provider with a NUL is refused", "/provider/sftp%00", here.owner, 400, "invalid_provider"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.on(t).get(c.who, credentialsPath+c.path).WantError(t, c.status, c.code)
		})
	}
}

func TestAnyPrincipalOfTheOrganizationSeesMetadata(t *testing.T) {
	s := start(t, nil)
	id := s.store(s.here.owner, sftp("x", "pw"))
	for name, w := range map[string]who{
		"the owner": s.here.owner, "an org_admin": s.here.admin, "another user": s.here.other,
		"a worker": s.user(s.here.id, strongroom.RoleWorker), "a service account": s.account(s.here.id), "a system service account": s.system(s.here.id.String()),
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			want(t, "id", s.object(s.get(w, credentialsPath+"/"+id), 200)["id"], id)
		})
	}
}

func TestReplacingACredential(t *testing.T) {
	s := start(t, nil)
	here := s.here
	program := s.account(here.id)
	writer := s.account(here.id, strongroom.Grant{Write: true})
	for _, c := range []struct {
		name string
		by   who
		body object
		// changed are the fields that differ afterwards, beside version, updated_at and modified_by.
		changed object
		data    object
	}{
		{"by its owner", here.owner, replacement("new"), object{}, sftp("", "new")["credentials"].(object)},
		{"by an org_admin it stays the owner's", here.admin, replacement("new"), object{}, sftp("", "new")["credentials"].(object)},
		{"by a service account with that grant", writer, replacement("new"), object{}, sftp("", "new")["credentials"].(object)},
		{"with a name renames it", here.owner, merge(replacement("new"), object{"name": " Renamed "}), object{"name": "Renamed"}, sftp("", "new")["credentials"].(object)},
		{"with another type changes the type", here.owner,
			object{"credential_type": "sftp", "credentials": object{"host": "h", "username": "u", "auth_type": "password", "password": canary}},
			object{"credential_type": "sftp"}, object{"host": "h", "username": "u", "auth_type": "password", "password": canary}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			path := credentialsPath + "/" + s.store(here.owner, sftp("Partner", "old"))
			before := s.object(s.get(here.owner, path), 200)
			after := s.object(s.call(c.by, "PATCH", path, c.body), 200)
			if !clockTime(t, after, "updated_at").After(clockTime(t, before, "updated_at")) {
				t.Error("updated_at did not move")
			}
			right := merge(before, c.changed, object{"version": 2, "modified_by": c.by.id, "updated_at": after["updated_at"], "next_check_at": after["next_check_at"]})
			want(t, "the answer", after, right)
			want(t, "what is read afterwards", s.object(s.get(here.owner, path), 200), right)
			want(t, "the data", s.object(s.get(program, path+"/credentials"), 200), c.data)
		})
	}
	t.Run("leaves nothing of the old data's expiry, scopes and account", func(t *testing.T) {
		s := s.on(t)
		path := credentialsPath + "/" + s.store(here.owner, google("mail"))
		got := s.object(s.call(here.owner, "PATCH", path, object{"credential_type": "google_oauth", "credentials": object{"access_token": canary}}), 200)
		for _, field := range []string{"google_email", "account_email", "expires_at", "scopes"} {
			want(t, field, got[field], nil)
		}
		want(t, "the data", s.opened(program, got["id"].(string)), object{"access_token": canary})
	})
	t.Run("with data that does not fit changes nothing", func(t *testing.T) {
		s := s.on(t)
		id := s.store(here.owner, sftp("Partner", "old"))
		before := s.object(s.get(here.owner, credentialsPath+"/"+id), 200)
		s.call(here.owner, "PATCH", credentialsPath+"/"+id, object{"name": "Other", "credential_type": "user_password", "credentials": object{"host": "h"}}).
			WantError(t, 422, "validation_error")
		want(t, "the credential", s.object(s.get(here.owner, credentialsPath+"/"+id), 200), before)
		want(t, "the data", s.opened(program, id), sftp("", "old")["credentials"])
	})
}

func merge(objects ...object) object {
	out := object{}
	for _, o := range objects {
		for k, v := range o {
			out[k] = v
		}
	}
	return out
}

func TestADeletedCredentialIsGoneForTheAPIUntilTheOperatorRestoresIt(t *testing.T) {
	s := start(t, nil)
	here := s.here
	program := s.account(here.id)
	id := s.store(here.owner, sftp("Partner", "pw"))
	path := credentialsPath + "/" + id
	before := s.object(s.get(here.owner, path), 200)
	if a := s.call(here.admin, "DELETE", path, nil).Want(t, 204); len(a.Body) > 0 {
		t.Error("the 204 has a body")
	}
	for _, c := range []struct {
		name, method, path string
		who                who
		body               any
	}{
		{"seen", "GET", path, here.owner, nil},
		{"seen by an org_admin", "GET", path, here.admin, nil},
		{"replaced", "PATCH", path, here.owner, replacement("new")},
		{"deleted again", "DELETE", path, here.owner, nil},
		{"opened", "GET", path + "/credentials", program, nil},
	} {
		t.Run("it cannot be "+c.name, func(t *testing.T) {
			s.on(t).call(c.who, c.method, c.path, c.body).WantError(t, 404, "not_found")
		})
	}
	want(t, "the list", s.list(s.get(here.admin, credentialsPath+"?scope=organization")), []object{})

	ctx, caller := operator(here.id)
	if _, err := s.App.Credentials.Restore(ctx, caller, uuid.MustParse(id)); err != nil {
		t.Fatal(err)
	}
	after := s.object(s.get(here.owner, path), 200)
	want(t, "the restored credential", after, merge(before, object{"updated_at": after["updated_at"], "modified_by": uuid.Nil}))
	want(t, "its data", s.opened(program, id), sftp("", "pw")["credentials"])
}

func TestWhatProvidersTake(t *testing.T) {
	s := start(t, nil)
	program := s.account(s.here.id)
	keys := privateKeys(t)
	postgres := func(data object) object {
		return object{"name": "x", "provider": "postgresql", "credential_type": "user_password", "credentials": data}
	}
	keyFile := func(data object) object {
		return object{"name": "x", "provider": "sftp", "credential_type": "key_file", "credentials": merge(object{"host": "h", "username": "u"}, data)}
	}
	for _, c := range []struct {
		name string
		body object
		// refused is what detail says; nil: it is taken.
		refused []string
	}{
		{"a connection string wins over single fields that would not do", postgres(object{"connection_string": "postgres://u:" + canary + "@db.example.com/app", "host": "", "password": ""}), nil},
		{"single fields do without a connection string", postgres(object{"host": "h", "port": "5432", "username": "u", "password": canary, "database": "d"}), nil},
		{"single fields must be whole", postgres(object{"host": "h", "username": "u", "password": canary}), []string{"body.credentials.database: missing"}},
		{"a connection string must be one", postgres(object{"connection_string": "mysql://u:" + canary + "@h/d"}), []string{"body.credentials.connection_string: format"}},
		{"an OpenSSH key parses", keyFile(object{"private_key_data": keys.openSSH}), nil},
		{"a PEM key parses", keyFile(object{"private_key_data": keys.pem}), nil},
		{"a protected key parses with its passphrase", keyFile(object{"private_key_data": keys.protected, "private_key_passphrase": keys.passphrase}), nil},
		{"a protected key needs its passphrase", keyFile(object{"private_key_data": keys.protected}), []string{"body.credentials.private_key_passphrase: passphrase"}},
		{"a protected key refuses another passphrase", keyFile(object{"private_key_data": keys.protected, "private_key_passphrase": canary}), []string{"body.credentials.private_key_passphrase: passphrase"}},
		{"a key that is cut off is refused", keyFile(object{"private_key_data": keys.openSSH[:len(keys.openSSH)/2]}), []string{"body.credentials.private_key_data: invalid_key"}},
		{"what is no key is refused", keyFile(object{"private_key_data": canary}), []string{"body.credentials.private_key_data: invalid_key"}},
		{"a port is a number from 1 to 65535", merge(sftp("x", "pw"), object{"credentials": object{"host": "h", "username": "u", "password": canary, "port": 70000}}), []string{"body.credentials.port: maximum"}},
		{"a port is no sentence", merge(sftp("x", "pw"), object{"credentials": object{"host": "h", "username": "u", "password": canary, "port": canary}}), []string{"body.credentials.port: format"}},
		{"a field that is not the schema's is refused", merge(sftp("x", "pw"), object{"credentials": object{"host": "h", "username": "u", "password": canary, "pasword": canary}}), []string{"body.credentials.pasword: unexpected"}},
		{"a type that is not the provider's is refused", merge(sftp("x", "pw"), object{"credential_type": "google_oauth"}), []string{"body.credential_type: enum"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			a := s.call(s.here.owner, "POST", credentialsPath, c.body)
			if c.refused != nil {
				want(t, "detail", s.detail(a), c.refused)
				return
			}
			id := text(t, s.object(a, http.StatusCreated), "id")
			want(t, "the data", s.opened(program, id), c.body["credentials"])
		})
	}
	t.Run("an unknown provider is refused by its own code", func(t *testing.T) {
		s := s.on(t)
		s.call(s.here.owner, "POST", credentialsPath, merge(sftp("x", "pw"), object{"provider": canary})).WantError(t, 400, "invalid_provider")
	})
}
