package web

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"strongroom"
	"strongroom/internal/oauth"
	"strongroom/internal/probe/failure"
	"strongroom/secret"
)

const (
	providerSharePoint    = "sharepoint"
	typeClientCredentials = strongroom.CredentialType("client_credentials")

	graphAddress = "check the address of Microsoft Graph that is configured"
)

// The parties at Microsoft, by whose token it is.
var (
	graphForAccount = party{"Microsoft Graph", "the token",
		"it has expired, was revoked, or is for another service: connect the account again", graphAddress}
	graphForApplication = party{"Microsoft Graph", "the application's token",
		"check that an administrator has consented to the application's permissions, and that the token is for Microsoft Graph", graphAddress}
)

var (
	errSite = &failure.Error{Code: strongroom.CheckProtocol, Message: "The site's address or ID is not one of SharePoint's; copy the address from the browser, as in https://contoso.sharepoint.com/sites/finance"}

	errNoSite  = &failure.Error{Code: strongroom.CheckProtocol, Message: "The site was not found; check site_url and site_id, or that the site still exists"}
	errTenant  = &failure.Error{Code: strongroom.CheckProtocol, Message: "Microsoft Graph does not know such a site in this tenant; check that the host in site_url is this tenant's SharePoint"}
	errLicense = &failure.Error{Code: strongroom.CheckProtocol, Message: "Microsoft Graph cannot look for sites in this tenant; check that the tenant has SharePoint Online, and the form of site_url"}
	errLocked  = &failure.Error{Code: strongroom.CheckPermission, Message: "The site is locked; a SharePoint administrator can unlock it"}
)

// graphCall is what is asked of Microsoft Graph.
type graphCall struct {
	// path begins with a slash and holds its query.
	path string
	// id is where the answer has the id that every good one has.
	id string
	// needs is the permission that the call takes, in Microsoft's words.
	needs string
	site  bool
	// lax says that a token without the permission is as good as one with it, which is
	// why needs is empty.
	lax bool
}

// callAccount asks who the account is.
var callAccount = graphCall{path: "/me?$select=id,userPrincipalName,displayName", id: "id", needs: "User.Read"}

// callTenant asks for the tenant. What an application may do is in its token alone, and
// there is no call that every application may make: being told that it may not make this
// one proves that it has signed in.
var callTenant = graphCall{path: "/organization?$select=id,displayName", id: "value.0.id", lax: true}

// callSite asks for a site: by its address, by its id, or the tenant's first one.
func callSite(address, id string) (graphCall, error) {
	place := "root"
	switch {
	case address != "":
		var ok bool
		if place, ok = sitePath(address); !ok {
			return graphCall{}, errSite
		}
	case isDots(id):
		return graphCall{}, errSite
	case id != "":
		place = segment(id)
	}
	return graphCall{path: "/sites/" + place + "?$select=id,displayName,webUrl", id: "id", needs: "Sites.Read.All", site: true}, nil
}

var siteHost = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// sitePath turns a site's address into the form {host}:/{path} in which Microsoft Graph
// takes it.
func sitePath(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || !siteHost.MatchString(u.Hostname()) {
		return "", false
	}
	path := strings.Trim(u.Path, "/")
	if path == "" {
		return u.Hostname(), true
	}
	segments := strings.Split(path, "/")
	if slices.ContainsFunc(segments, isDots) {
		return "", false
	}
	for i, s := range segments {
		segments[i] = segment(s)
	}
	return u.Hostname() + ":/" + strings.Join(segments, "/"), true
}

// isDots tells whether a part of a path leads to another place.
func isDots(s string) bool { return s == "." || s == ".." }

// signs are written in addresses as Microsoft does: a comma, which site IDs have, as it is,
// and a colon escaped, for it ends a path.
var signs = strings.NewReplacer(":", "%3A", "%2C", ",")

// segment escapes a part of a path.
func segment(s string) string { return signs.Replace(url.PathEscape(s)) }

// Graph tests a token of the providers microsoft and sharepoint. For sharepoint it asks for
// the site of site_url or site_id, or for the tenant's first one; for microsoft whose
// account it is, or, with the type client_credentials, for the tenant.
//
// Details are "account" (the user principal name), "tenant" (its name), or "site" (its
// name) and "site_host", as far as Microsoft Graph tells them. It ends after 15 s.
func (p *Prober) Graph(ctx context.Context, provider string, t strongroom.CredentialType, data secret.Value) strongroom.CheckResult {
	return p.run(ctx, func(ctx context.Context, run *test) (string, error) {
		var d graphData
		if err := read(data, &d); err != nil {
			return "", err
		}
		if err := d.check(); err != nil {
			return "", err
		}
		from, call := graphForAccount, callAccount
		if t == typeClientCredentials {
			from, call = graphForApplication, callTenant
		}
		if provider == providerSharePoint {
			var err error
			if call, err = callSite(d.SiteURL, d.SiteID); err != nil {
				return "", err
			}
		}
		request, err := newQuestion(ctx, p.graph+call.path, d.AccessToken.Value)
		if err != nil {
			return "", err
		}
		return run.askGraph(request, from, call, d.AccessToken.Value)
	})
}

// askGraph makes a call and keeps what it tells.
func (t *test) askGraph(request *http.Request, from party, call graphCall, token secret.Value) (string, error) {
	t.sent = append(t.sent, token)
	a, err := t.send(request, from, phaseOperation, true)
	switch {
	case err != nil:
		return "", err
	case call.lax && a.status == http.StatusForbidden && slices.Contains(a.codes(), codeRequestDenied):
		return "Microsoft Graph took the application's token; what the application may do there cannot be tested without doing it", nil
	case a.status != http.StatusOK:
		return "", call.refused(from, a)
	}
	if _, err := from.object(a); err != nil {
		return "", err
	}
	if oauth.Member(a.body, call.id) == "" {
		return "", &failure.Error{Code: strongroom.CheckProtocol, Message: "What answered is not Microsoft Graph; " + from.address}
	}
	return t.graphTold(call, a), nil
}

// graphTold keeps what a good answer tells, and words the success.
func (t *test) graphTold(call graphCall, a answer) string {
	switch {
	case call.site:
		t.learn("site", oauth.Member(a.body, "displayName"))
		if u, err := url.Parse(oauth.Member(a.body, "webUrl")); err == nil {
			t.learn("site_host", u.Hostname())
		}
		return "Signed in to Microsoft Graph and found the site"
	case call.lax:
		t.learn("tenant", oauth.Member(a.body, "value.0.displayName"))
		return "Signed in to Microsoft Graph and found the tenant"
	}
	t.learn("account", oauth.Member(a.body, "userPrincipalName"))
	return "Signed in to Microsoft Graph and found the account"
}

// The error codes that Microsoft Graph gives beside a status.
const (
	codeRequestDenied  = "Authorization_RequestDenied"
	codeInvalidRequest = "invalidRequest"
)

// refused says what an answer other than 200 means.
func (c graphCall) refused(from party, a answer) error {
	denied := slices.Contains(a.codes(), codeRequestDenied)
	switch {
	case a.status == http.StatusForbidden && denied:
		return &failure.Error{Code: strongroom.CheckPermission, Message: from.name + " does not allow this without the permission " + c.needs +
			"; grant it in the app registration, have an administrator consent to it, and get a new token"}
	case a.status == http.StatusForbidden && c.site:
		return &failure.Error{Code: strongroom.CheckPermission, Message: from.name + " denies access to the site; grant the permission " + c.needs +
			", or with Sites.Selected a role on this very site and name it as site_url, and check that the account may open it"}
	case a.status == http.StatusForbidden && c.lax:
		return &failure.Error{Code: strongroom.CheckPermission, Message: from.name + " denies the application access; check that no policy of the tenant forbids it"}
	case a.status == http.StatusForbidden:
		return &failure.Error{Code: strongroom.CheckPermission, Message: from.name + " denies access; connect again with the scope " + c.needs +
			", and check that no policy of the tenant forbids it"}
	case c.site && a.status == http.StatusNotFound:
		return errNoSite
	case c.site && a.status == http.StatusBadRequest && slices.Contains(a.codes(), codeInvalidRequest):
		return errTenant
	case c.site && a.status == http.StatusBadRequest:
		return errLicense
	case c.site && a.status == http.StatusLocked:
		return errLocked
	}
	return from.refuses(a.status)
}
