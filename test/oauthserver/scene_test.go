package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const redirectURI = "http://127.0.0.1:1/callback"

// scene is a running server, called over HTTP.
type scene struct {
	testing.TB
	server        *server
	public, admin *httptest.Server
}

func newScene(t testing.TB) *scene {
	t.Helper()
	public := httptest.NewUnstartedServer(nil)
	s, err := newServer("http://" + public.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.clients.allow([]string{redirectURI}); err != nil {
		t.Fatal(err)
	}
	public.Config.Handler = s.public()
	public.Start()
	admin := httptest.NewServer(s.control())
	t.Cleanup(func() {
		// A held request would never end.
		s.faults.release(context.Background(), "", 0)
		public.Close()
		admin.Close()
	})
	return &scene{t, s, public, admin}
}

// reply is an answer of the token endpoint, or of whatever gives JSON.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) member(t testing.TB, name string) string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(r.body, &members); err != nil {
		t.Fatalf("%v\n%s", err, r.body)
	}
	text, _ := members[name].(string)
	return text
}

// want fails the test unless the reply has the status and, where it is not empty, the
// OAuth error.
func (r reply) want(t testing.TB, status int, oauthError string) reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("answered %d, want %d\n%s", r.status, status, r.body)
	}
	if oauthError != "" && r.member(t, "error") != oauthError {
		t.Fatalf("error %s, want %s", r.member(t, "error"), oauthError)
	}
	return r
}

func send(r *http.Request) (reply, error) {
	r.Close = true
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, body}, err
}

func (s *scene) send(r *http.Request, err error) reply {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	got, err := send(r)
	if err != nil {
		s.Fatal(err)
	}
	return got
}

// control calls the control API, decodes the answer into out (unless nil) and returns it.
func (s *scene) control(method, path string, in, out any) reply {
	s.Helper()
	encoded, err := json.Marshal(in)
	if err != nil {
		s.Fatal(err)
	}
	got := s.send(http.NewRequest(method, s.admin.URL+path, bytes.NewReader(encoded)))
	if out != nil {
		got.want(s.TB, http.StatusOK, "")
		if err := json.Unmarshal(got.body, out); err != nil {
			s.Fatal(err)
		}
	}
	return got
}

func (s *scene) grant(in map[string]any) issued {
	s.Helper()
	var out issued
	s.control("POST", "/grants", in, &out)
	return out
}

func (s *scene) shown(id string) shownGrant {
	s.Helper()
	var out shownGrant
	s.control("GET", "/grants/"+id, nothing{}, &out)
	return out
}

// check returns the grant of an access token, and whether the token is good.
func (s *scene) check(accessToken string) (grantID string, active bool) {
	s.Helper()
	var out struct {
		GrantID string `json:"grant_id"`
		Active  bool   `json:"active"`
	}
	s.control("POST", "/check", map[string]string{"access_token": accessToken}, &out)
	return out.GrantID, out.Active
}

func (s *scene) active(accessToken string) bool {
	s.Helper()
	_, active := s.check(accessToken)
	return active
}

func (s *scene) behave(in map[string]any) {
	s.Helper()
	s.control("POST", "/behaviour", in, &nothing{})
}

// tokenRequest is a request to the token endpoint as the client "confidential", by basic
// authentication.
func (s *scene) tokenRequest(form url.Values) *http.Request {
	s.Helper()
	r := s.form(tokenPath, form)
	r.SetBasicAuth(confidentialClient, url.QueryEscape(clientSecret))
	return r
}

func (s *scene) form(path string, form url.Values) *http.Request {
	s.Helper()
	r, err := http.NewRequest("POST", s.public.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (s *scene) refreshRequest(refreshToken string) *http.Request {
	s.Helper()
	return s.tokenRequest(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}})
}

func (s *scene) refresh(refreshToken string) reply {
	s.Helper()
	return s.send(s.refreshRequest(refreshToken), nil)
}
