package web_test

import (
	"net/http"
	"strings"
	"testing"

	"strongroom"
)

// graph is Microsoft Graph as far as the tests go.
type graph struct {
	t *testing.T
	// selected is what has to be selected, by path.
	selected map[string]string
	answers  map[string]string
}

func newGraph(t *testing.T) *graph {
	const site = `{"@odata.context":"x","id":"contoso.sharepoint.com,2C71,2D22","displayName":"Finance","webUrl":"https://contoso.sharepoint.com/sites/finance"}`
	const user, tenant, place = "id,userPrincipalName,displayName", "id,displayName", "id,displayName,webUrl"
	return &graph{t,
		map[string]string{
			"/me": user, "/organization": tenant, "/sites/root": place, "/sites/contoso.sharepoint.com:/sites/finance": place,
			"/sites/contoso.sharepoint.com": place, "/sites/contoso.sharepoint.com:/sites/a%20b%3Ac+d": place, "/sites/contoso.sharepoint.com,2C71,2D22": place,
		},
		map[string]string{
			"/me":           `{"id":"87d349ed","userPrincipalName":"adele@contoso.com","displayName":"Adele"}`,
			"/organization": `{"value":[{"id":"84841066","displayName":"Contoso"}]}`,
			"/sites/root":   site, "/sites/contoso.sharepoint.com:/sites/finance": site, "/sites/contoso.sharepoint.com": site,
			"/sites/contoso.sharepoint.com:/sites/a%20b%3Ac+d": site, "/sites/contoso.sharepoint.com,2C71,2D22": site,
		}}
}

// graphError is an error as Microsoft Graph words it.
func graphError(status int, code string) http.HandlerFunc {
	return states(status, `{"error":{"code":"`+code+`","message":"`+canary+`","innerError":{"request-id":"`+canary+`","date":"2031-01-02T15:04:05"}}}`)
}

func (g *graph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), graphPath)
	if !ok || r.Method != http.MethodGet {
		g.t.Errorf("%s %s", r.Method, r.URL.Path)
	}
	if r.Header.Get("Authorization") != "Bearer "+token {
		graphError(401, "InvalidAuthenticationToken")(w, r)
		return
	}
	answer, known := g.answers[path]
	if !known {
		graphError(404, "itemNotFound")(w, r)
		return
	}
	if got := r.URL.Query().Get("$select"); got != g.selected[path] {
		g.t.Errorf("%s selects %q", path, got)
	}
	states(200, answer)(w, r)
}

func TestGraphTokensThatWork(t *testing.T) {
	site := object{"site": "Finance", "site_host": "contoso.sharepoint.com"}
	account, tenant := object{"account": "adele@contoso.com"}, object{"tenant": "Contoso"}
	for name, tc := range map[string]struct {
		provider string
		typ      strongroom.CredentialType
		data     object
		path     string
		details  object
	}{
		"an account's":                          {"microsoft", "oauth2", nil, "/me", account},
		"an application's":                      {"microsoft", "client_credentials", nil, "/organization", tenant},
		"for the tenant's first site":           {"sharepoint", "sharepoint_oauth", nil, "/sites/root", site},
		"an application's for a site":           {"sharepoint", "client_credentials", nil, "/sites/root", site},
		"for a site by its address":             {"sharepoint", "sharepoint_receive", object{"site_url": "https://contoso.sharepoint.com/sites/finance/"}, "/sites/contoso.sharepoint.com:/sites/finance", site},
		"for the host's own site":               {"sharepoint", "sharepoint_receive", object{"site_url": "https://contoso.sharepoint.com"}, "/sites/contoso.sharepoint.com", site},
		"for a site with signs in its address":  {"sharepoint", "sharepoint_receive", object{"site_url": "https://contoso.sharepoint.com/sites/a%20b:c%2Bd?web=1"}, "/sites/contoso.sharepoint.com:/sites/a%20b%3Ac+d", site},
		"for a site by its id":                  {"sharepoint", "sharepoint_receive", object{"site_id": "contoso.sharepoint.com,2C71,2D22"}, "/sites/contoso.sharepoint.com,2C71,2D22", site},
		"with a type in small letters":          {"microsoft", "oauth2", object{"token_type": "bearer", "scope": []string{"User.Read"}}, "/me", account},
		"that answer to more members than read": {"microsoft", "oauth2", object{"site_url": canary, "expires_at": 5, "ext": object{"a": nil}}, "/me", account},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, newGraph(t).ServeHTTP)
			r := s.prober().Graph(background, tc.provider, tc.typ, object{"access_token": token}.with(tc.data).value(t))
			wantSuccess(t, r, tc.details)
			wantPhases(t, r, "connect", "tls", "operation")
			if got := s.only(t).URL.EscapedPath(); got != graphPath+tc.path {
				t.Errorf("asked for %s", got)
			}
		})
	}
}

func TestGraphTokensThatDoNotWork(t *testing.T) {
	const auth, permission, protocol = strongroom.CheckAuth, strongroom.CheckPermission, strongroom.CheckProtocol
	for name, tc := range map[string]struct {
		provider string
		typ      strongroom.CredentialType
		answer   http.HandlerFunc
		code     strongroom.CheckCode
		text     string
	}{
		"an account's that has expired":       {"microsoft", "oauth2", graphError(401, "InvalidAuthenticationToken"), auth, "connect the account again"},
		"an application's that has expired":   {"microsoft", "client_credentials", graphError(401, "InvalidAuthenticationToken"), auth, "an administrator has consented"},
		"that need consent":                   {"microsoft", "oauth2", graphError(403, "Authorization_RequestDenied"), permission, "without the permission User.Read; grant it in the app registration, have an administrator consent"},
		"that need consent for sites":         {"sharepoint", "oauth2", graphError(403, "Authorization_RequestDenied"), permission, "without the permission Sites.Read.All"},
		"without the scope":                   {"microsoft", "oauth2", graphError(403, "ErrorAccessDenied"), permission, "connect again with the scope User.Read"},
		"without access to the site":          {"sharepoint", "sharepoint_oauth", graphError(403, "accessDenied"), permission, "denies access to the site; grant the permission Sites.Read.All"},
		"an application's that is kept out":   {"microsoft", "client_credentials", graphError(403, "Forbidden"), permission, "denies the application access; check that no policy of the tenant forbids it"},
		"for a site that is not there":        {"sharepoint", "sharepoint_receive", graphError(404, "itemNotFound"), protocol, "The site was not found; check site_url"},
		"for another tenant's site":           {"sharepoint", "sharepoint_receive", graphError(400, "invalidRequest"), protocol, "check that the host in site_url is this tenant's"},
		"of a tenant without SharePoint":      {"sharepoint", "sharepoint_receive", graphError(400, "BadRequest"), protocol, "has SharePoint Online"},
		"for a site that is locked":           {"sharepoint", "sharepoint_receive", graphError(423, "resourceLocked"), permission, "The site is locked"},
		"of an account that is gone":          {"microsoft", "oauth2", graphError(404, "Request_ResourceNotFound"), protocol, "status 404"},
		"a stranger takes":                    {"microsoft", "oauth2", states(200, `{"name":"`+canary+`"}`), protocol, "What answered is not Microsoft Graph"},
		"a stranger takes for the tenant's":   {"microsoft", "client_credentials", states(200, `{"id":"`+canary+`"}`), protocol, "What answered is not Microsoft Graph"},
		"that are refused in unknown ways":    {"microsoft", "oauth2", states(403, `{"error":{"code":{"a":"`+canary+`"}}}`), permission, "denies access"},
		"of an application refused in a page": {"microsoft", "client_credentials", says(403, "text/html", "<html>Authorization_RequestDenied"), permission, "denies the application access"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, tc.answer)
			r := s.prober().Graph(background, tc.provider, tc.typ, object{"access_token": token, "site_url": "https://contoso.sharepoint.com/sites/finance"}.value(t))
			wantFailure(t, r, tc.code, tc.text)
			wantPhases(t, r, "connect", "tls", "operation")
		})
	}
}

// TestAnApplicationThatMayNotReadTheTenantHasSignedIn: what else it may do is not known.
func TestAnApplicationThatMayNotReadTheTenantHasSignedIn(t *testing.T) {
	s := newServer(t, graphError(403, "Authorization_RequestDenied"))
	r := s.prober().Graph(background, "microsoft", "client_credentials", object{"access_token": token}.value(t))
	wantSuccess(t, r, object{})
	if !strings.Contains(r.Message, "cannot be tested") {
		t.Errorf("the message is %q", r.Message)
	}
}

func TestGraphDataThatIsNotSent(t *testing.T) {
	for name, tc := range map[string]struct {
		data object
		code strongroom.CheckCode
		text string
	}{
		"no token":                        {object{"access_token": nil, "refresh_token": canary}, strongroom.CheckAuth, "no access token"},
		"an empty token":                  {object{"access_token": ""}, strongroom.CheckAuth, "no access token"},
		"a token that is no string":       {object{"access_token": []string{canary}}, strongroom.CheckProtocol, "does not fit its definition"},
		"a token with a line break":       {object{"access_token": canary + "\r\nX: y"}, strongroom.CheckAuth, "no header can carry"},
		"a token bound to a key":          {object{"token_type": "DPoP"}, strongroom.CheckProtocol, "bearer tokens"},
		"a site with dots":                {object{"site_url": "https://contoso.sharepoint.com/sites/../" + canary}, strongroom.CheckProtocol, "is not one of SharePoint's"},
		"a site by an id of dots":         {object{"site_id": ".."}, strongroom.CheckProtocol, "is not one of SharePoint's"},
		"a site without a host":           {object{"site_url": "/sites/" + canary}, strongroom.CheckProtocol, "is not one of SharePoint's"},
		"a site that is no address":       {object{"site_url": "https://%zz" + canary}, strongroom.CheckProtocol, "is not one of SharePoint's"},
		"a site by an address of numbers": {object{"site_url": "https://[::1]/" + canary}, strongroom.CheckProtocol, "is not one of SharePoint's"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, newGraph(t).ServeHTTP)
			r := s.prober().Graph(background, "sharepoint", "sharepoint_receive", object{"access_token": token}.with(tc.data).value(t))
			wantFailure(t, r, tc.code, tc.text)
			wantPhases(t, r)
			if s.asked() != 0 {
				t.Error("the server was asked")
			}
		})
	}
}

func TestWhatGraphTellsIsCleaned(t *testing.T) {
	for name, tc := range map[string]struct{ told, kept string }{
		"control characters":           {`adele\u0000\r\n\u202e\u2028@contoso.com`, "adele@contoso.com"},
		"a name that is too long":      {strings.Repeat("a", 254) + "é", strings.Repeat("a", 254)},
		"a name that is just right":    {strings.Repeat("é", 127) + "a", strings.Repeat("é", 127) + "a"},
		"spaces":                       {`  `, ""},
		"the token":                    {token, ""},
		"the token among others":       {"x " + token + " y", ""},
		"the token, with marks within": {`eyJ\u200b.` + canary + ".token", ""},
		"the token, late":              {strings.Repeat("a", 250) + token, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, states(200, `{"id":"1","userPrincipalName":"`+tc.told+`"}`))
			want := object{"account": tc.kept}
			if tc.kept == "" {
				want = object{}
			}
			wantSuccess(t, exchanges["graph"](background, t, s), want)
		})
	}
}
