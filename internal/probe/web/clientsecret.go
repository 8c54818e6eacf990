package web

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"

	"strongroom"
	"strongroom/internal/oauth"
	"strongroom/secret"
)

// scopeDefault stands for every permission that an administrator has consented to.
const scopeDefault = "/.default"

var entra = party{"Microsoft Entra", "the client secret",
	"check client_id and client_secret", "check the address of Microsoft Entra that is configured"}

// graphForSecret is asked with a token that is a second old, so that none is refused for
// its age.
var graphForSecret = party{"Microsoft Graph", "the application's token",
	"have an administrator consent to the application's permission Sites.Read.All or Sites.Selected", graphAddress}

// tenantForm is that of UUIDs and domains, neither of which leaves its place in an address.
var tenantForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$`)

var errTenantID = &failed{strongroom.CheckAuth, "tenant_id must be the tenant's UUID or one of its domains; copy it from the app registration"}

// ClientSecret tests data of the provider sharepoint_client_secret: it gets a token for the
// application at Microsoft Entra, and with it the site of site_url, or the tenant's first
// one. It ends after 15 s.
//
// The phase login is Microsoft Entra's, operation Microsoft Graph's; those before them add
// up both. Details are "site" (its name) and "site_host".
func (p *Prober) ClientSecret(ctx context.Context, data secret.Value) strongroom.CheckResult {
	return p.run(ctx, func(ctx context.Context, t *test) (string, *failed) {
		var d secretData
		if why := read(data, &d); why != nil {
			return "", why
		}
		call, why := callSite(d.SiteURL, "")
		switch {
		case why != nil:
			return "", why
		case d.ClientID == "" || d.ClientSecret.Empty():
			return "", errData
		case !tenantForm.MatchString(d.TenantID):
			return "", errTenantID
		}
		token, why := p.login(ctx, t, d)
		if why != nil {
			return "", why
		}
		defer token.Destroy()
		request, why := newQuestion(ctx, p.graph+call.path, token)
		if why != nil {
			return "", why
		}
		return t.askGraph(request, graphForSecret, call, token)
	})
}

// login gets a token by client credentials.
func (p *Prober) login(ctx context.Context, t *test, d secretData) (secret.Value, *failed) {
	// The scope names where the token goes to.
	graph, why := newRequest(ctx, http.MethodGet, p.graph, nil)
	if why != nil {
		return secret.Value{}, why
	}
	request, why := newLogin(ctx, p.authority+"/"+d.TenantID+"/oauth2/v2.0/token", d, graph.URL.Scheme+"://"+graph.URL.Host+scopeDefault)
	if why != nil {
		return secret.Value{}, why
	}
	t.sent = append(t.sent, d.ClientSecret.Value)
	a, why := t.send(request, entra, phaseLogin, true)
	if why != nil {
		return secret.Value{}, why
	}
	defer clear(a.body)
	if a.status != http.StatusOK {
		return secret.Value{}, entraRefused(a)
	}
	if _, why := entra.object(a); why != nil {
		return secret.Value{}, why
	}
	token := oauth.Member(a.body, "access_token")
	if token == "" {
		return secret.Value{}, &failed{strongroom.CheckProtocol, "What answered is not Microsoft Entra; " + entra.address}
	}
	return secret.New([]byte(token)), nil
}

// aadsts are Microsoft Entra's own error codes, without their letters.
var aadsts = map[json.Number]*failed{
	"7000215": {strongroom.CheckAuth, "Microsoft Entra refused the client secret: it is wrong; send the secret's value, not its ID, and check that it belongs to this client_id"},
	"7000222": {strongroom.CheckAuth, "The client secret has expired; make a new one in the app registration and store its value"},
	"90002":   {strongroom.CheckAuth, "Microsoft Entra does not know the tenant; check tenant_id, and that the tenant has a subscription"},
	"900023":  {strongroom.CheckAuth, "Microsoft Entra does not know the tenant; tenant_id must be its UUID or one of its domains"},
	"700016":  {strongroom.CheckAuth, "Microsoft Entra does not know the application in this tenant; check client_id and tenant_id, and that an administrator has consented to the application there"},
	"7000229": {strongroom.CheckAuth, "The application has no service principal in this tenant; have an administrator of the tenant consent to it"},
	"7000112": {strongroom.CheckAuth, "The application is disabled; an administrator can enable it under the tenant's enterprise applications"},
	"53003":   {strongroom.CheckPermission, "A Conditional Access policy of the tenant blocks the application; have an administrator except it, or allow this service's addresses"},
	"50105":   {strongroom.CheckPermission, "The application is not assigned to what it asks for; an administrator can assign it under the tenant's enterprise applications"},
	"501051":  {strongroom.CheckPermission, "The application is not assigned to what it asks for; an administrator can assign it under the tenant's enterprise applications"},
	"65001":   {strongroom.CheckPermission, "Nobody has consented to the application's permissions; have an administrator consent in the app registration"},
	"500011":  {strongroom.CheckPermission, "The tenant does not know Microsoft Graph under the configured address; check that the tenant is of this cloud"},
	"50196":   {strongroom.CheckProtocol, "Microsoft Entra is asked too often for this application and asks to come back later; wait before the next test"},
	"90033":   {strongroom.CheckProtocol, "Microsoft Entra is out of order at the moment; try again later"},
}

// aadstsForm is that of a code that may be shown.
var aadstsForm = regexp.MustCompile(`^[1-9][0-9]{3,8}$`)

// entraRefused says what an answer means that brings no token.
func entraRefused(a answer) *failed {
	var stated struct {
		Codes []json.Number `json:"error_codes"`
	}
	if json.Unmarshal(a.body, &stated) != nil || len(stated.Codes) == 0 {
		return entra.refuses(a.status)
	}
	number := stated.Codes[0]
	if why, known := aadsts[number]; known {
		return why
	}
	if !aadstsForm.MatchString(number.String()) {
		return entra.refuses(a.status)
	}
	code := strongroom.CheckProtocol
	switch oauth.Member(a.body, "error") {
	case "invalid_client", "unauthorized_client", "invalid_grant":
		code = strongroom.CheckAuth
	}
	return &failed{code, "Microsoft Entra gives the application no token (AADSTS" + number.String() + "); Microsoft's list of error codes says what that means"}
}
