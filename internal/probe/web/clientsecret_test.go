package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"strongroom"
)

const (
	tenantID     = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
	clientID     = "00001111-aaaa-2222-bbbb-3333cccc4444"
	clientSecret = "q~" + canary + "&=+% ü"
)

// application is data of the provider sharepoint_client_secret.
var application = object{"tenant_id": tenantID, "client_id": clientID, "client_secret": clientSecret}

// entra is Microsoft Entra's token endpoint as far as the tests go.
func entra(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		switch {
		case r.URL.Path != loginPath+"/"+tenantID+"/oauth2/v2.0/token":
			entraError(400, "invalid_request", 90002)(w, r)
		case r.PostFormValue("grant_type") != "client_credentials":
			entraError(400, "unsupported_grant_type", 70003)(w, r)
		case r.PostFormValue("client_id") != clientID:
			entraError(400, "unauthorized_client", 700016)(w, r)
		case r.PostFormValue("client_secret") != clientSecret:
			entraError(401, "invalid_client", 7000215)(w, r)
		case r.PostFormValue("scope") != "https://"+r.Host+"/.default":
			entraError(400, "invalid_scope", 1002012)(w, r)
		default:
			states(200, `{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"`+token+`"}`)(w, r)
		}
	}
}

// entraError is an error as Microsoft Entra words it.
func entraError(status int, code string, number int) http.HandlerFunc {
	body, err := json.Marshal(object{
		"error": code, "error_description": fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: x", number, canary), "error_codes": []int{number},
		"timestamp": "2031-01-02 15:04:05Z", "trace_id": canary, "correlation_id": canary, "error_uri": "https://login.example/error?code=" + canary,
	})
	if err != nil {
		panic(err) // it has a JSON form
	}
	return states(status, string(body))
}

// microsoft is both of them.
func microsoft(login, graph http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, loginPath) {
			login(w, r)
			return
		}
		graph(w, r)
	}
}

func TestClientSecretsThatWork(t *testing.T) {
	for name, tc := range map[string]struct {
		data object
		path string
	}{
		"without a site": {nil, "/sites/root"},
		"with a site":    {object{"site_url": "https://contoso.sharepoint.com/sites/finance"}, "/sites/contoso.sharepoint.com:/sites/finance"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, microsoft(entra(t), newGraph(t).ServeHTTP))
			r := s.prober().ClientSecret(background, application.with(tc.data).value(t))
			wantSuccess(t, r, object{"site": "Finance", "site_host": "contoso.sharepoint.com"})
			wantPhases(t, r, "connect", "tls", "login", "operation")
			if s.asked() != 2 || s.requests[1].URL.Path != graphPath+tc.path {
				t.Errorf("asked %d times, last for %s", s.asked(), s.requests[len(s.requests)-1].URL.Path)
			}
		})
	}
}

func TestClientSecretsThatMicrosoftEntraRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		data object
		text string
	}{
		"another tenant":      {object{"tenant_id": "fabrikam.onmicrosoft.com"}, "does not know the tenant"},
		"another application": {object{"client_id": "99991111-aaaa-2222-bbbb-3333cccc4444"}, "does not know the application in this tenant"},
		"another secret":      {object{"client_secret": canary + "-other"}, "send the secret's value, not its ID"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, microsoft(entra(t), newGraph(t).ServeHTTP))
			r := s.prober().ClientSecret(background, application.with(tc.data).value(t))
			wantFailure(t, r, strongroom.CheckAuth, tc.text)
			wantPhases(t, r, "connect", "tls", "login")
			if s.asked() != 1 {
				t.Errorf("asked %d times", s.asked())
			}
		})
	}
}

func TestErrorsOfMicrosoftEntra(t *testing.T) {
	const auth, permission, protocol = strongroom.CheckAuth, strongroom.CheckPermission, strongroom.CheckProtocol
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		code   strongroom.CheckCode
		text   string
	}{
		"an expired secret":              {entraError(401, "invalid_client", 7000222), auth, "The client secret has expired"},
		"no tenant":                      {entraError(400, "invalid_request", 900023), auth, "does not know the tenant"},
		"no service principal":           {entraError(400, "invalid_client", 7000229), auth, "no service principal"},
		"a disabled application":         {entraError(401, "unauthorized_client", 7000112), auth, "The application is disabled"},
		"conditional access":             {entraError(400, "access_denied", 53003), permission, "Conditional Access"},
		"no assignment":                  {entraError(400, "invalid_grant", 501051), permission, "not assigned"},
		"no consent":                     {entraError(400, "invalid_grant", 65001), permission, "an administrator consent"},
		"another cloud":                  {entraError(400, "invalid_resource", 500011), permission, "is of this cloud"},
		"a loop":                         {entraError(400, "invalid_grant", 50196), protocol, "asked too often"},
		"an outage":                      {entraError(503, "temporarily_unavailable", 90033), protocol, "out of order"},
		"an unknown number":              {entraError(401, "invalid_client", 7009999), auth, "(AADSTS7009999)"},
		"an unknown number of ours":      {entraError(400, "invalid_request", 90014), protocol, "(AADSTS90014)"},
		"a number that is too long":      {states(401, `{"error":"invalid_client","error_codes":[1234567890123456]}`), auth, "refused the application;"},
		"a number that is a fraction":    {states(401, `{"error":"invalid_client","error_codes":[7000215.5]}`), auth, "refused the application;"},
		"a number that is a word":        {states(401, `{"error":"invalid_client","error_codes":["`+canary+`"]}`), auth, "refused the application;"},
		"no number":                      {states(400, `{"error":"invalid_client","error_codes":[]}`), auth, "refused the application;"},
		"codes that are no list":         {states(400, `{"error_codes":{"a":1}}`), protocol, "not Microsoft Entra (HTTP status 400)"},
		"a token that is none":           {states(200, `{"token_type":"Bearer","access_token":{"a":"`+canary+`"}}`), protocol, "What answered is not Microsoft Entra"},
		"a token that cannot be sent on": {states(200, `{"token_type":"Bearer","access_token":"`+canary+`\r\n"}`), protocol, "What answered is not Microsoft Entra"},
		"a token of another type":        {states(200, `{"token_type":"mac","access_token":"`+canary+`"}`), protocol, "What answered is not Microsoft Entra"},
		"a number without an error":      {states(403, `{"error_codes":[530099]}`), protocol, "(AADSTS530099)"},
		"a prohibition as a page":        {says(403, "text/html", "<html>"+canary), protocol, "not Microsoft Entra (HTTP status 403)"},
		"a refusal without end":          {says(401, "text/html", strings.Repeat(canary, 100_000)), protocol, "sent more than a test reads"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, microsoft(tc.answer, newGraph(t).ServeHTTP))
			wantFailure(t, exchanges["client secret"](background, t, s), tc.code, tc.text)
			if s.asked() != 1 {
				t.Errorf("asked %d times", s.asked())
			}
		})
	}
}

func TestApplicationsThatMayNot(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		code   strongroom.CheckCode
		text   string
	}{
		"without consent":        {graphError(401, "generalException"), strongroom.CheckAuth, "have an administrator consent"},
		"without the permission": {graphError(403, "Authorization_RequestDenied"), strongroom.CheckPermission, "Sites.Read.All"},
		"without the site":       {graphError(403, "accessDenied"), strongroom.CheckPermission, "with Sites.Selected a role on this very site"},
		"for no site":            {graphError(404, "itemNotFound"), strongroom.CheckProtocol, "The site was not found"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, microsoft(entra(t), tc.answer))
			r := exchanges["client secret"](background, t, s)
			wantFailure(t, r, tc.code, tc.text)
			wantPhases(t, r, "connect", "tls", "login", "operation")
		})
	}
}

func TestWhatHoldsTheClientSecretIsNotShown(t *testing.T) {
	s := newServer(t, microsoft(entra(t), states(200, `{"id":"1","displayName":"`+clientSecret+`","webUrl":"https://contoso.sharepoint.com/"}`)))
	wantSuccess(t, exchanges["client secret"](background, t, s), object{"site_host": "contoso.sharepoint.com"})
}

func TestClientSecretDataThatIsNotSent(t *testing.T) {
	for name, tc := range map[string]struct {
		data object
		text string
	}{
		"no secret":                {object{"client_secret": nil}, "does not fit its definition"},
		"no client":                {object{"client_id": nil}, "does not fit its definition"},
		"a client that is no text": {object{"client_id": 5}, "does not fit its definition"},
		"no tenant":                {object{"tenant_id": nil}, "tenant_id must be"},
		"a tenant with a path":     {object{"tenant_id": "a/../" + canary}, "tenant_id must be"},
		"a tenant of dots":         {object{"tenant_id": ".."}, "tenant_id must be"},
		"a site that is none":      {object{"site_url": canary}, "is not one of SharePoint's"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, microsoft(entra(t), newGraph(t).ServeHTTP))
			r := s.prober().ClientSecret(background, application.with(tc.data).value(t))
			if r.Success || !strings.Contains(r.Message, tc.text) || s.asked() != 0 {
				t.Errorf("got %q, asked %d times", r.Message, s.asked())
			}
			quiet(t, r)
		})
	}
}
