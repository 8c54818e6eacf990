package web

import (
	"context"
	"net/http/httptrace"

	"strongroom"
	"strongroom/internal/probe/entra"
	"strongroom/internal/probe/phases"
	"strongroom/secret"
)

// scopeDefault stands for every permission that an administrator has consented to.
const scopeDefault = "/.default"

// graphForSecret is asked with a token that is a second old, so that none is refused for
// its age.
var graphForSecret = party{"Microsoft Graph", "the application's token",
	"have an administrator consent to the application's permission Sites.Read.All or Sites.Selected", graphAddress}

// ClientSecret tests data of the provider sharepoint_client_secret: it gets a token for the
// application at Microsoft Entra, and with it the site of site_url, or the tenant's first
// one. It ends after 15 s.
//
// The phase login is Microsoft Entra's, operation Microsoft Graph's; those before them add
// up both. Details are "site" (its name) and "site_host".
func (p *Prober) ClientSecret(ctx context.Context, data secret.Value) strongroom.CheckResult {
	return p.run(ctx, func(ctx context.Context, t *test) (string, error) {
		var d secretData
		if err := read(data, &d); err != nil {
			return "", err
		}
		call, err := callSite(d.SiteURL, "")
		switch {
		case err != nil:
			return "", err
		case d.ClientID == "" || d.ClientSecret.Empty():
			return "", errData
		}
		token, err := p.login(ctx, t, d)
		if err != nil {
			return "", err
		}
		defer token.Destroy()
		request, err := newQuestion(ctx, p.graph+call.path, token)
		if err != nil {
			return "", err
		}
		return t.askGraph(request, graphForSecret, call, token)
	})
}

// login gets a token by client credentials.
func (p *Prober) login(ctx context.Context, t *test, d secretData) (secret.Value, error) {
	// The scope names where the token goes to.
	graph, err := newRequest(ctx, p.graph)
	if err != nil {
		return secret.Value{}, err
	}
	t.sent = append(t.sent, d.ClientSecret.Value)
	ctx = httptrace.WithClientTrace(ctx, phases.Trace(t.phases, phaseLogin))
	who := entra.Application{TenantID: d.TenantID, ClientID: d.ClientID, ClientSecret: d.ClientSecret.Value}
	return entra.Token(ctx, t.client, p.authority, who, graph.URL.Scheme+"://"+graph.URL.Host+scopeDefault)
}
