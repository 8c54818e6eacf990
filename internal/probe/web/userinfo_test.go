package web_test

import (
	"net/http"
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/catalog"
)

// definition is a provider's whose userinfo endpoint is the server.
func definition(s *server) catalog.OAuth {
	return catalog.OAuth{UserinfoEndpoint: s.URL + "/v1/userinfo", ScopeSeparator: " ", Scopes: []string{"openid", "email"}}
}

// google is its userinfo endpoint as far as the tests go.
func google(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/v1/userinfo" || r.Method != http.MethodGet:
		says(404, "text/html", "<html>")(w, r)
	case r.Header.Get("Authorization") != "Bearer "+token:
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_token"`)
		states(401, `{"error":"invalid_request","error_description":"Invalid Credentials `+canary+`"}`)(w, r)
	default:
		states(200, `{"sub":"110248495921238986420","picture":"https://x.example/`+canary+`","email":"adele@example.com","email_verified":true,"hd":"example.com"}`)(w, r)
	}
}

// googleError is an error as Google's APIs word it today.
func googleError(status int, word, reason string) http.HandlerFunc {
	return states(status, `{"error":{"code":403,"message":"`+canary+`","status":"`+word+`","errors":[{"message":"`+canary+`","domain":"global","reason":"forbidden"}],`+
		`"details":[{"@type":"type.googleapis.com/google.rpc.Help","links":[]},{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"`+reason+`","domain":"googleapis.com","metadata":{"service":"`+canary+`"}}]}}`)
}

func TestUserinfoOfTokensThatWork(t *testing.T) {
	whole := object{"email": "adele@example.com", "sub": "110248495921238986420"}
	drive := "https://www.googleapis.com/auth/drive.readonly"
	for name, tc := range map[string]struct {
		answer  http.HandlerFunc
		data    object
		change  func(*catalog.OAuth)
		details object
	}{
		"of Google": {google, nil, nil, whole},
		"of Google, with scopes": {google, object{"scope": "openid  email " + drive + " email"}, nil,
			whole.with(object{"scopes": []string{"openid", "email", drive}})},
		"with scopes in a list": {google, object{"scope": []string{"openid", "email"}}, nil, whole.with(object{"scopes": []string{"openid", "email"}})},
		"with another separator": {google, object{"scope": "read,write"}, func(def *catalog.OAuth) { def.ScopeSeparator = "," },
			whole.with(object{"scopes": []string{"read", "write"}})},
		"with a scope that is too long": {google, object{"scope": strings.Repeat("a", 256) + " openid"}, nil, whole.with(object{"scopes": []string{"openid"}})},
		"with the e-mail elsewhere": {states(200, `{"data":{"user":{"email":"b@example.com"}},"error":null}`), nil,
			func(def *catalog.OAuth) { def.EmailMember = "data.user.email" }, object{"email": "b@example.com"}},
		"that tell nothing":            {states(200, `{}`), nil, nil, object{}},
		"with an e-mail of no string":  {states(200, `{"email":{"a":1},"sub":7}`), nil, nil, object{}},
		"with the token in the answer": {states(200, `{"email":"`+token+`@example.com","sub":"1"}`), nil, nil, object{"sub": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, tc.answer)
			def := definition(s)
			if tc.change != nil {
				tc.change(&def)
			}
			r := s.prober().UserInfo(background, def, object{"access_token": token}.with(tc.data).value(t))
			wantSuccess(t, r, tc.details)
			wantPhases(t, r, "connect", "tls", "operation")
		})
	}
}

func TestManyScopesAreCutShort(t *testing.T) {
	s := newServer(t, google)
	var scopes []string
	for i := range 200 {
		scopes = append(scopes, strings.Repeat("s", i+1))
	}
	r := s.prober().UserInfo(background, definition(s), object{"access_token": token, "scope": scopes}.value(t))
	if shown, _ := r.Details["scopes"].([]string); len(shown) != 50 {
		t.Errorf("%d scopes are shown", len(shown))
	}
}

func TestTheDefinitionsHeadersAreSent(t *testing.T) {
	s := newServer(t, google)
	def := definition(s)
	def.Headers = map[string]string{"Accept": "application/vnd.x+json", "User-Agent": "web:x:v1"}
	wantSuccessful(t, s.prober().UserInfo(background, def, object{"access_token": token}.value(t)))
	for name, want := range def.Headers {
		if got := s.only(t).Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

func TestUserinfoOfTokensThatDoNotWork(t *testing.T) {
	const auth, permission, protocol = strongroom.CheckAuth, strongroom.CheckPermission, strongroom.CheckProtocol
	const lacks = "of which it lacks openid, email"
	challenge := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+canary+`"`)
		says(403, "text/plain", canary)(w, r)
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		data   object
		code   strongroom.CheckCode
		text   string
	}{
		"that has expired":                      {google, object{"access_token": canary + "-other"}, auth, "connect the account again"},
		"without the scopes":                    {googleError(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), nil, permission, lacks},
		"without the scopes, in the old words":  {states(403, `{"error":{"code":403,"errors":[{"reason":"insufficientPermissions"}]}}`), nil, permission, lacks},
		"without the scopes, in the header":     {challenge, nil, permission, lacks},
		"without the scopes, as the RFC has it": {states(403, `{"error":"insufficient_scope","scope":"`+canary+`"}`), nil, permission, lacks},
		"without one of the scopes":             {challenge, object{"scope": "openid drive"}, permission, "of which it lacks email"},
		"with the long name of a scope":         {challenge, object{"scope": "https://www.googleapis.com/auth/userinfo.email"}, permission, "of which it lacks openid"},
		"with scopes that are not enough":       {challenge, object{"scope": "email openid"}, permission, "with the scopes that the provider's definition asks for"},
		"of a project without the API":          {googleError(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), nil, permission, "is not enabled in the Google Cloud project"},
		"of an old project without the API":     {states(403, `{"error":{"code":403,"errors":[{"domain":"usageLimits","reason":"accessNotConfigured"}]}}`), nil, permission, "is not enabled"},
		"that may not, for unknown reasons":     {googleError(403, "PERMISSION_DENIED", canary), nil, permission, "does not allow this with the token"},
		"at a place that is not there":          {says(404, "text/html", canary), nil, protocol, "check the userinfo endpoint"},
		"answered with an error and 200":        {states(200, `{"ok":false,"error":"`+canary+`"}`), nil, protocol, "an error in place of the account"},
		"answered with an error as an object":   {states(200, `{"error":{"message":"`+canary+`"}}`), nil, protocol, "an error in place of the account"},
		"answered with no and 200":              {states(200, `{"ok":false}`), nil, protocol, "an error in place of the account"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, tc.answer)
			r := s.prober().UserInfo(background, definition(s), object{"access_token": token}.with(tc.data).value(t))
			wantFailure(t, r, tc.code, tc.text)
			if s.asked() != 1 {
				t.Errorf("asked %d times", s.asked())
			}
		})
	}
}

func TestScopesThatAreThereAreNotSaidToLack(t *testing.T) {
	s := newServer(t, states(403, `{"error":"insufficient_scope"}`))
	r := s.prober().UserInfo(background, definition(s), object{"access_token": token, "scope": "email openid"}.value(t))
	if r.Code != strongroom.CheckPermission || strings.Contains(r.Message, "lacks") {
		t.Errorf("got %q, %q", r.Code, r.Message)
	}
}

func TestUserinfoThatIsNotAsked(t *testing.T) {
	s := newServer(t, google)
	for name, tc := range map[string]struct {
		address string
		data    object
		code    strongroom.CheckCode
		text    string
	}{
		"without an endpoint":        {"", object{"access_token": token}, strongroom.CheckProtocol, "names no userinfo endpoint"},
		"without a token":            {s.URL, object{}, strongroom.CheckAuth, "no access token"},
		"without a bearer token":     {s.URL, object{"access_token": token, "token_type": "MAC"}, strongroom.CheckProtocol, "bearer tokens"},
		"with scopes of no form":     {s.URL, object{"access_token": token, "scope": 5}, strongroom.CheckProtocol, "does not fit its definition"},
		"at an address of no form":   {"https://" + canary + " x/", object{"access_token": token}, strongroom.CheckProtocol, "correct it"},
		"at an address without host": {"https:///" + canary, object{"access_token": token}, strongroom.CheckProtocol, "correct it"},
		"at a file":                  {"file://localhost/" + canary, object{"access_token": token}, strongroom.CheckProtocol, "correct it"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.prober().UserInfo(background, catalog.OAuth{UserinfoEndpoint: tc.address}, tc.data.value(t))
			wantFailure(t, r, tc.code, tc.text)
			wantPhases(t, r)
		})
	}
	if s.asked() != 0 {
		t.Error("the server was asked")
	}
}
