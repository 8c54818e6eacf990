package web_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"strongroom"
)

func TestWhereAnAPIFindsTheKey(t *testing.T) {
	header := func(name, value string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.Header.Get(name) == value && r.URL.RawQuery == "" }
	}
	for name, tc := range map[string]struct {
		typ   strongroom.CredentialType
		data  object
		path  string
		found func(*http.Request) bool
	}{
		"in the usual header":           {"api_key", object{"api_key": token}, "", header("X-API-Key", token)},
		"by its other spelling":         {"api_key", object{"key": token}, "", header("X-API-Key", token)},
		"in another header":             {"api_key", object{"api_key": token, "header": "x-token"}, "", header("X-Token", token)},
		"behind a prefix":               {"api_key", object{"api_key": token, "header": "Authorization", "prefix": "Bearer"}, "", header("Authorization", "Bearer "+token)},
		"behind a prefix with a space":  {"api_key", object{"api_key": token, "header": "Authorization", "prefix": "Token "}, "", header("Authorization", "Token "+token)},
		"behind an empty prefix":        {"api_key", object{"api_key": token, "prefix": ""}, "", header("X-API-Key", token)},
		"in place of the client's name": {"api_key", object{"api_key": token, "header": "User-Agent"}, "", header("User-Agent", token)},
		"with basic authentication":     {"user_password", object{"username": "adele ü", "password": token}, "", basic("adele ü", token)},
		"as a bearer token":             {"oauth2", object{"access_token": token, "token_type": "bearer"}, "", header("Authorization", "Bearer "+token)},
		"in the query": {"api_key", object{"api_key": token + "&=+ü", "query_parameter": "key"}, "",
			func(r *http.Request) bool {
				return r.URL.Query().Get("key") == token+"&=+ü" && r.Header.Get("X-API-Key") == ""
			}},
		"in the query, behind others": {"api_key", object{"api_key": token, "query_parameter": "key"}, "?b=%20x&a=1&b",
			func(r *http.Request) bool { return r.URL.RawQuery == "b=%20x&a=1&b&key="+token }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/v1/me" || !tc.found(r) {
					w.WriteHeader(http.StatusUnauthorized)
				}
			})
			r := s.prober().API(background, tc.typ, tc.data.with(object{"test_url": s.URL + "/v1/me" + tc.path}).value(t))
			wantSuccess(t, r, object{"status": 200})
			wantPhases(t, r, "connect", "tls", "operation")
		})
	}
}

func basic(user, password string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		u, p, ok := r.BasicAuth()
		return ok && u == user && p == password
	}
}

func TestTheStatusThatIsExpected(t *testing.T) {
	const auth, permission, protocol = strongroom.CheckAuth, strongroom.CheckPermission, strongroom.CheckProtocol
	for name, tc := range map[string]struct {
		status   int
		expected any
		code     strongroom.CheckCode
		text     string
	}{
		"none, and 200":        {200, nil, "", "as expected"},
		"none, and 204":        {204, nil, "", "status 204"},
		"null, and 299":        {299, strongroom.CheckCode(""), "", "status 299"},
		"200, and 200":         {200, 200, "", "status 200"},
		"404, and 404":         {404, 404, "", "status 404, as expected"},
		"401, and 401":         {401, 401.0, "", "status 401, as expected"},
		"302, and 302":         {302, 302, "", "status 302, as expected"},
		"200, and 204":         {204, 200, protocol, "status 204 where 200 is expected"},
		"404, and 200":         {200, 404, protocol, "status 200 where 404 is expected"},
		"none, and 302":        {302, nil, protocol, "redirects"},
		"none, and 304":        {304, nil, protocol, "redirects"},
		"none, and 401":        {401, nil, auth, "refused the key (HTTP status 401)"},
		"200, and 403":         {403, 200, permission, "does not allow this with the key (HTTP status 403)"},
		"none, and 404":        {404, nil, protocol, "status 404, which says nothing about the key; check test_url"},
		"401, and 403":         {403, 401, permission, "(HTTP status 403)"},
		"none, and 429":        {429, nil, protocol, "is asked too often (HTTP status 429)"},
		"200, and 500":         {500, 200, protocol, "is out of order (HTTP status 500)"},
		"none, and beyond all": {999, nil, protocol, "status 999"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/"+canary)
				w.WriteHeader(tc.status)
			})
			data := object{"api_key": token, "test_url": s.URL, "expected_status": tc.expected}
			if tc.expected == strongroom.CheckCode("") {
				data["expected_status"] = (*int)(nil)
			} else if tc.expected == nil {
				delete(data, "expected_status")
			}
			r := s.prober().API(background, "api_key", data.value(t))
			quiet(t, r)
			if r.Success != (tc.code == "") || r.Code != tc.code || !strings.Contains(r.Message, tc.text) {
				t.Errorf("got %t, %q, %q", r.Success, r.Code, r.Message)
			}
			if r.Details["status"] != tc.status {
				t.Errorf("the details are %v", r.Details)
			}
		})
	}
}

func TestWhatAnAPIRefusesIsNamed(t *testing.T) {
	s := newServer(t, states(401, `{"error":"`+canary+`"}`))
	for typ, want := range map[strongroom.CredentialType]string{"api_key": "the key", "user_password": "the user name and password", "oauth2": "the token"} {
		data := object{"api_key": token, "username": canary, "password": token, "access_token": token, "test_url": s.URL}
		wantFailure(t, s.prober().API(background, typ, data.value(t)), strongroom.CheckAuth, "The API refused "+want)
	}
}

// TestAnAPIsBodyDoesNotMatter: not even whether it ever ends.
func TestAnAPIsBodyDoesNotMatter(t *testing.T) {
	for name, body := range map[string]http.HandlerFunc{
		"a page":      says(200, "text/html", "<html>"+canary),
		"a large one": says(200, "text/plain", strings.Repeat(canary, 100000)),
		"one cut off": cut,
	} {
		t.Run(name, func(t *testing.T) {
			wantSuccess(t, exchanges["api"](background, t, newServer(t, body)), object{"status": 200})
		})
	}
	h, _ := hold(states(200, "{"))
	wantSuccess(t, exchanges["api"](background, t, newServer(t, h)), object{"status": 200})
}

func TestAPIDataThatIsNotSent(t *testing.T) {
	s := newServer(t, states(200, "{}"))
	const fit = "does not fit its definition"
	for name, tc := range map[string]struct {
		typ  strongroom.CredentialType
		data object
		code strongroom.CheckCode
		text string
	}{
		"without an address":         {"api_key", object{"test_url": nil, "base_url": s.URL}, strongroom.CheckProtocol, "add test_url"},
		"without a key":              {"api_key", object{"api_key": nil}, strongroom.CheckProtocol, fit},
		"without a user":             {"user_password", object{"password": token}, strongroom.CheckProtocol, fit},
		"without a password":         {"user_password", object{"username": canary}, strongroom.CheckProtocol, fit},
		"without a token":            {"oauth2", nil, strongroom.CheckAuth, "no access token"},
		"of another type":            {"key_file", nil, strongroom.CheckProtocol, fit},
		"with a key that is a list":  {"api_key", object{"api_key": []string{canary}}, strongroom.CheckProtocol, fit},
		"with a status out of range": {"api_key", object{"expected_status": 600}, strongroom.CheckProtocol, fit},
		"with half a status":         {"api_key", object{"expected_status": 200.5}, strongroom.CheckProtocol, fit},
		"with a status below all":    {"api_key", object{"expected_status": 99}, strongroom.CheckProtocol, fit},
		"with a status in words":     {"api_key", object{"expected_status": "200"}, strongroom.CheckProtocol, fit},
		"with a line break":          {"api_key", object{"api_key": canary + "\r\nX: y"}, strongroom.CheckAuth, "no header can carry"},
		"with a prefix on two lines": {"api_key", object{"prefix": "a\nb"}, strongroom.CheckAuth, "no header can carry"},
		"with a header of no name":   {"api_key", object{"header": canary + ": x"}, strongroom.CheckProtocol, "X-API-Key"},
		"with the header Host":       {"api_key", object{"header": "host"}, strongroom.CheckProtocol, "X-API-Key"},
		"with a header of framing":   {"api_key", object{"header": "Transfer-encoding"}, strongroom.CheckProtocol, "X-API-Key"},
		"with a user in the address": {"api_key", object{"test_url": "https://" + canary + ":x@api.example.com/"}, strongroom.CheckProtocol, "correct it"},
		"with no scheme":             {"api_key", object{"test_url": "//api.example.com/" + canary}, strongroom.CheckProtocol, "correct it"},
		"with another scheme":        {"api_key", object{"test_url": "ftp://api.example.com/" + canary}, strongroom.CheckProtocol, "correct it"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.prober().API(background, tc.typ, object{"api_key": token, "test_url": s.URL}.with(tc.data).value(t))
			wantFailure(t, r, tc.code, tc.text)
			wantPhases(t, r)
		})
	}
	if s.asked() != 0 {
		t.Error("the server was asked")
	}
}

// TestPlainHTTPIsForThisMachineAlone: a name or an address that looks like it is not.
func TestPlainHTTPIsForThisMachineAlone(t *testing.T) {
	s := newServer(t, states(200, "{}"))
	for _, address := range []string{"http://localhost.example.com/", "http://127.0.0.1.example.com/", "http://0.0.0.0/", "http://[::ffff:8.8.8.8]/", "http://127.1/", "HTTP://api.example.com/"} {
		r := s.prober().API(background, "api_key", object{"api_key": token, "test_url": address}.value(t))
		wantFailure(t, r, strongroom.CheckTLS, "https://")
		wantPhases(t, r)
	}
	for _, address := range []string{"http://127.0.0.1:1/", "http://[::ffff:127.0.0.1]:1/"} {
		wantFailure(t, s.prober().API(background, "api_key", object{"api_key": token, "test_url": address}.value(t)), strongroom.CheckRefused, "")
	}
}

// TestTestsAreMadeAtOnce: one prober serves many.
func TestTestsAreMadeAtOnce(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(strings.TrimPrefix(r.Header.Get("X-API-Key"), canary))
		w.WriteHeader(200 + n)
	})
	p := s.prober()
	done := make(chan strongroom.CheckResult)
	for n := range 20 {
		go func() {
			done <- p.API(background, "api_key", object{"api_key": canary + strconv.Itoa(n), "test_url": s.URL, "expected_status": 200 + n}.value(t))
		}()
	}
	for range 20 {
		wantSuccessful(t, <-done)
	}
}
