package contract_test

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

func TestPathsMethodsAndContentTypesThatThereAreNot(t *testing.T) {
	s := start(t, nil)
	id := uuid.NewString()
	for _, c := range []struct {
		name, method, path string
		status             int
		code               string
		allow              []string
	}{
		{"the root", "GET", "/", 404, "not_found", nil},
		{"the prefix alone", "GET", "/api", 404, "not_found", nil},
		{"an unknown path", "GET", "/api/nothing", 404, "not_found", nil},
		{"an unknown path with an unknown method", "BREW", "/api/nothing", 404, "not_found", nil},
		{"the API without its prefix", "GET", "/integrations/credentials", 404, "not_found", nil},
		{"a path with a slash at its end", "GET", credentialsPath + "/", 404, "not_found", nil},
		{"a path with two slashes", "GET", "/api//integrations/credentials", 404, "not_found", nil},
		{"a path with dots", "GET", "/api/integrations/../integrations/credentials", 404, "not_found", nil},
		{"a path with escaped dots", "GET", "/api/integrations/%2e%2e/integrations/credentials", 404, "not_found", nil},
		{"a path in capitals", "GET", "/API/INTEGRATIONS/CREDENTIALS", 404, "not_found", nil},
		{"something under a credential", "GET", credentialsPath + "/" + id + "/secrets", 404, "not_found", nil},
		{"something under a credential's data", "GET", credentialsPath + "/" + id + "/credentials/password", 404, "not_found", nil},
		{"something under an account", "GET", accountsPath + "/" + id + "/tokens", 404, "not_found", nil},
		{"PUT on the list", "PUT", credentialsPath, 405, "method_not_allowed", []string{"GET", "HEAD", "POST"}},
		{"POST on a credential", "POST", credentialsPath + "/" + id, 405, "method_not_allowed", []string{"DELETE", "GET", "HEAD", "PATCH"}},
		{"POST on the data", "POST", credentialsPath + "/" + id + "/credentials", 405, "method_not_allowed", []string{"GET", "HEAD"}},
		{"GET on an action", "GET", accountsPath + "/" + id + "/activate", 405, "method_not_allowed", []string{"POST"}},
		{"GET on one key", "GET", accountsPath + "/" + id + "/api-keys/" + id, 405, "method_not_allowed", []string{"DELETE", "PATCH"}},
		{"DELETE on the audit log", "DELETE", eventsPath, 405, "method_not_allowed", []string{"GET", "HEAD"}},
		{"OPTIONS", "OPTIONS", credentialsPath, 405, "method_not_allowed", []string{"GET", "HEAD", "POST"}},
		{"TRACE", "TRACE", credentialsPath, 405, "method_not_allowed", []string{"GET", "HEAD", "POST"}},
		{"a method that nobody knows", "BREW", "/healthz", 405, "method_not_allowed", []string{"GET", "HEAD"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.on(t).call(s.here.admin, c.method, c.path, nil).WantError(t, c.status, c.code)
			var allow []string
			for _, v := range a.Header.Values("Allow") {
				allow = append(allow, strings.Split(v, ", ")...)
			}
			want(t, "Allow", setOf(allow), setOf(c.allow))
		})
	}
	for name, headers := range map[string][]string{
		"a form":              {"application/x-www-form-urlencoded"},
		"text":                {"text/plain"},
		"nearly JSON":         {"application/jsonp"},
		"a kind of JSON":      {"application/merge-patch+json"},
		"JSON in Latin 1":     {"application/json; charset=iso-8859-1"},
		"two content types":   {"application/json", "application/json"},
		"none":                {""},
		"what cannot be read": {"application/json; charset"},
	} {
		t.Run("a body that says it is "+name, func(t *testing.T) {
			s := s.on(t)
			r := s.here.owner.sign(apptest.Request{Method: "POST", Path: credentialsPath, Body: sftp("x", "pw")})
			r.Header["Content-Type"] = headers
			s.send(r).WantError(t, 415, "unsupported_media_type")
		})
	}
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", `Application/JSON; Charset="UTF-8"`} {
		t.Run("a body that says it is "+contentType+" is read", func(t *testing.T) {
			s.on(t).with(s.here.owner, "POST", credentialsPath, sftp("x", "pw"), "Content-Type", contentType).Want(t, 201)
		})
	}
}

// setOf compares lists whose order says nothing.
func setOf(list []string) map[string]bool {
	set := map[string]bool{}
	for _, v := range list {
		set[v] = true
	}
	return set
}

func TestOptionsForTheWholeServerHasNoWayAroundTheEnvelope(t *testing.T) {
	s := start(t, nil)
	c := s.dial(t)
	c.write("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	res := c.response()
	if res.StatusCode != 404 || res.Header.Get("X-Request-ID") == "" {
		t.Errorf("OPTIONS * is answered %d without the envelope", res.StatusCode)
	}
}

func TestARequestIDIsTheServersOwn(t *testing.T) {
	s := start(t, nil)
	const own = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	first := s.with(s.here.owner, "GET", credentialsPath, nil, "X-Request-ID", own).Header.Values("X-Request-ID")
	second := s.with(s.here.owner, "GET", credentialsPath, nil, "X-Request-ID", own).Header.Values("X-Request-ID")
	if len(first) != 1 || len(second) != 1 || first[0] == own || first[0] == second[0] {
		t.Errorf("two requests that name an id of their own are given %v and %v", first, second)
	}
}

func TestIdsInPaths(t *testing.T) {
	s := start(t, nil)
	path, _ := s.newAccount(s.here.admin, "sync")
	id := uuid.NewString()
	for name, bad := range map[string]string{
		"a word": "7", "too long": id + "0", "in braces": "%7B" + id + "%7D", "as a URN": "urn:uuid:" + id, "without hyphens": strings.ReplaceAll(id, "-", ""),
		"with a NUL": "%00", "with an escaped slash": "a%2Fb", "with bad UTF-8": "%ff%fe", "very long": strings.Repeat("7", 4000), "a quote": "'%20OR%201=1--",
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			for _, c := range []struct {
				method, path string
				body         any
				code         string
			}{
				{"GET", credentialsPath + "/" + bad, nil, "invalid_credential_id"},
				{"DELETE", credentialsPath + "/" + bad, nil, "invalid_credential_id"},
				{"PATCH", credentialsPath + "/" + bad, replacement("x"), "invalid_credential_id"},
				{"GET", accountsPath + "/" + bad, nil, "bad_request"},
				{"DELETE", accountsPath + "/" + bad, nil, "bad_request"},
				{"PATCH", accountsPath + "/" + bad, object{}, "bad_request"},
				{"POST", accountsPath + "/" + bad + "/activate", nil, "bad_request"},
				{"PUT", accountsPath + "/" + bad + "/grants", object{"grants": []any{}}, "bad_request"},
				{"GET", accountsPath + "/" + bad + "/api-keys", nil, "bad_request"},
				{"DELETE", path + "/api-keys/" + bad, nil, "bad_request"},
				{"PATCH", path + "/api-keys/" + bad, object{}, "bad_request"},
			} {
				s.call(s.here.admin, c.method, c.path, c.body).WantError(t, 400, c.code)
			}
			s.get(s.account(s.here.id), credentialsPath+"/"+bad+"/credentials").WantError(t, 400, "invalid_credential_id")
		})
	}
	t.Run("capitals are the same id", func(t *testing.T) {
		s := s.on(t)
		id := s.store(s.here.owner, sftp("x", "pw"))
		s.get(s.here.owner, credentialsPath+"/"+strings.ToUpper(id)).Want(t, 200)
	})
}

var requestID = regexp.MustCompile(`"request_id":"[0-9A-Z]{26}"`)

func TestWhatDoesNotExistIsDeletedOrIsAnothersCannotBeToldApart(t *testing.T) {
	s := start(t, nil)
	program := s.account(s.here.id)
	deleted, foreign := s.store(s.here.owner, sftp("x", "pw")), s.store(s.there.owner, sftp("x", "pw"))
	s.call(s.here.owner, "DELETE", credentialsPath+"/"+deleted, nil).Want(t, 204)
	gone, _ := s.newAccount(s.here.admin, "gone")
	s.call(s.here.admin, "DELETE", gone, nil).Want(t, 204)
	elsewhere, _ := s.newAccount(s.there.admin, "elsewhere")
	credentials := []string{credentialsPath + "/" + uuid.NewString(), credentialsPath + "/" + deleted, credentialsPath + "/" + foreign}
	accounts := []string{accountsPath + "/" + uuid.NewString(), gone, elsewhere}
	for _, c := range []struct {
		name, method, suffix string
		who                  who
		body                 any
		paths                []string
	}{
		{"when looked at", "GET", "", s.here.admin, nil, credentials},
		{"when looked at by a service account", "GET", "", program, nil, credentials},
		{"when opened", "GET", "/credentials", program, nil, credentials},
		{"when opened by a system account", "GET", "/credentials", s.system(s.here.id.String()), nil, credentials},
		{"when replaced", "PATCH", "", s.here.admin, replacement("x"), credentials},
		{"when replaced with what would not fit", "PATCH", "", s.here.admin, object{"credential_type": "user_password", "credentials": object{}}, credentials},
		{"when deleted", "DELETE", "", s.here.admin, nil, credentials},
		{"an account when looked at", "GET", "", s.here.owner, nil, accounts},
		{"an account when changed", "PATCH", "", s.here.admin, object{"name": "x"}, accounts},
		{"an account when activated", "POST", "/activate", s.here.admin, nil, accounts},
		{"an account when narrowed", "PUT", "/grants", s.here.admin, object{"grants": []any{}}, accounts},
		{"an account when deleted", "DELETE", "", s.here.admin, nil, accounts},
		{"an account's keys", "GET", "/api-keys", s.here.admin, nil, accounts},
		{"an account's new key", "POST", "/api-keys", s.here.admin, object{"name": "x"}, accounts},
		{"an account's key when deleted", "DELETE", "/api-keys/" + uuid.NewString(), s.here.admin, nil, accounts},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			var first []byte
			for _, path := range c.paths {
				a := s.call(c.who, c.method, path+c.suffix, c.body).WantError(t, 404, "not_found")
				body := requestID.ReplaceAll(a.Body, nil)
				if first == nil {
					first = body
				}
				if !bytes.Equal(first, body) {
					t.Errorf("the answers differ:\n%s\n%s", first, body)
				}
				if len(a.Header) != 6 {
					t.Errorf("the answer has other headers than every error: %v", a.Header)
				}
			}
		})
	}
}

func TestLimitsOnCredentials(t *testing.T) {
	s := start(t, func(c *app.Config) { c.CredentialsPerProvider, c.CredentialsPerUser = 2, 3 })
	here := s.here
	first := s.store(here.owner, sftp("x", "pw"))
	s.store(here.other, sftp("x", "pw"))
	t.Run("of a provider, counted over the organization", func(t *testing.T) {
		s := s.on(t)
		s.call(here.admin, "POST", credentialsPath, sftp("x", "pw")).WantError(t, 400, "credential_limit_reached")
		s.store(s.there.owner, sftp("x", "pw"))
	})
	t.Run("of a user, counted over the providers", func(t *testing.T) {
		s := s.on(t)
		s.store(here.owner, google("x"))
		s.store(here.owner, object{"name": "x", "provider": "api_credential", "credential_type": "api_key", "credentials": object{"api_key": canary}})
		s.call(here.owner, "POST", credentialsPath, object{"name": "x", "provider": "api_credential", "credential_type": "api_key", "credentials": object{"api_key": canary}}).
			WantError(t, 400, "credential_limit_reached")
		s.store(here.other, google("x"))
	})
	t.Run("a deleted one makes room", func(t *testing.T) {
		s := s.on(t)
		s.call(here.owner, "DELETE", credentialsPath+"/"+first, nil).Want(t, 204)
		s.store(here.owner, sftp("x", "pw"))
	})
	t.Run("a replaced one needs none", func(t *testing.T) {
		s := s.on(t)
		list := s.list(s.get(here.other, credentialsPath+"?provider=sftp"))
		s.call(here.other, "PATCH", credentialsPath+"/"+list[0]["id"].(string), replacement("new")).Want(t, 200)
	})
}

func TestBodiesThatAreTooLarge(t *testing.T) {
	const limit = 4096
	s := start(t, func(c *app.Config) { c.BodyBytes = limit })
	small := []byte(encode(t, sftp("x", "pw")))
	large := append(bytes.Repeat([]byte(" "), limit+1-len(small)), small...)
	t.Run("by their length", func(t *testing.T) {
		s.on(t).call(s.here.owner, "POST", credentialsPath, large).WantError(t, 413, "payload_too_large")
	})
	t.Run("in chunks, without a length", func(t *testing.T) {
		s.on(t).chunked(s.here.owner, large).WantError(t, 413, "payload_too_large")
	})
	t.Run("but not at the limit", func(t *testing.T) {
		s := s.on(t)
		s.call(s.here.owner, "POST", credentialsPath, large[1:]).Want(t, 201)
		s.chunked(s.here.owner, large[1:]).Want(t, 201)
	})
	t.Run("by a length that is a lie", func(t *testing.T) {
		c := s.dial(t)
		c.write("POST " + credentialsPath + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.here.owner.token +
			"\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{")
		if res := c.response(); res.StatusCode != 413 {
			t.Errorf("answered %d, want 413", res.StatusCode)
		}
	})
	t.Run("whose end never comes", func(t *testing.T) {
		c := s.dial(t)
		c.write("POST " + credentialsPath + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.here.owner.token +
			"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
		c.closeWrite()
		if res := c.response(); res.StatusCode != 400 {
			t.Errorf("answered %d, want 400", res.StatusCode)
		}
	})
}

// chunked sends a credential's body without saying how long it is.
func (s *scene) chunked(w who, body []byte) apptest.Answer {
	s.t.Helper()
	req, err := http.NewRequest("POST", s.URL+credentialsPath, struct{ io.Reader }{bytes.NewReader(body)})
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return apptest.Answer{Status: res.StatusCode, Header: res.Header, Body: read}
}
