package app

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"strongroom/internal/catalog"
	"strongroom/internal/connect"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/endpoint"
	"strongroom/internal/oauth/gate"
	"strongroom/internal/outbound"
	"strongroom/internal/refresh"
	"strongroom/secret"
)

// openOAuth opens what connects accounts and keeps tokens fresh: for a process that serves.
func (a *App) openOAuth() error {
	if a.Refresh != nil {
		return nil
	}
	environment := a.Config.Environment
	if environment == nil {
		environment = os.Environ()
	}
	clients := &connect.Clients{Store: a.Store, Sealer: a.sealer}
	var err error
	if clients.Operator, err = operatorClients(a.Catalog, environment); err != nil {
		return err
	}
	redirects, err := connect.ParseRedirects(a.Config.AllowRedirects)
	if err != nil {
		return err
	}
	dialer := a.dialer()
	provider := endpoint.New(endpoint.Options{HTTP: dialer.HTTPClient(outbound.HTTPOptions{}), Clock: a.clock, Log: a.Log})
	limits := gate.New(a.clock, gate.Options{})
	a.Refresh = refresh.New(refresh.Options{
		Store: a.Store, Audit: a.Audit, Sealer: a.sealer, Catalog: a.Catalog, Clients: clients, Endpoint: provider, Gate: limits,
		Clock: a.clock, Log: a.Log, Timeout: a.Config.RefreshTimeout, Observe: a.Metrics.Refresh,
	})
	a.onClose(a.Refresh.Close)
	a.Credentials.Renewer = a.Refresh
	a.OAuth = connect.New(connect.Options{
		Store: a.Store, Audit: a.Audit, Sealer: a.sealer, Catalog: a.Catalog, Credentials: a.Credentials, Endpoint: provider, Gate: limits,
		Clients: clients, PublicURL: a.Config.PublicURL, Redirects: redirects, Clock: a.clock, Log: a.Log, Observe: a.Metrics.Act,
	})
	return nil
}

// How the operator's OAuth clients are named in the environment: a provider's id in upper
// case stands between the two parts.
const (
	clientVariable   = "STRONGROOM_OAUTH_"
	clientID         = "_CLIENT_ID"
	clientSecret     = "_CLIENT_SECRET"
	clientSecretFile = "_CLIENT_SECRET_FILE"
)

// operatorClients reads the operator's OAuth clients from the environment. A variable that
// names no provider is an error: a typing mistake would show only when tokens expire.
func operatorClients(known *catalog.Catalog, environment []string) (map[string]oauth.Client, error) {
	values := map[string]string{}
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		if rest, ok := strings.CutPrefix(name, clientVariable); ok {
			values[rest] = value
		}
	}
	clients := map[string]oauth.Client{}
	for _, entry := range known.Entries() {
		p, _ := known.Provider(entry.Provider)
		if p.OAuth == nil {
			continue
		}
		client, found, err := takeClient(values, p)
		if err != nil {
			return nil, err
		}
		if found {
			clients[p.Provider] = client
		}
	}
	if left := slices.Sorted(maps.Keys(values)); len(left) > 0 {
		return nil, fmt.Errorf("the variable %s%s names no OAuth provider of the catalog: write %sPROVIDER%s, %s or %s, with the provider's id in upper case",
			clientVariable, left[0], clientVariable, clientID, clientSecret, clientSecretFile)
	}
	return clients, nil
}

// takeClient takes one provider's variables out of the values.
func takeClient(values map[string]string, p catalog.Provider) (oauth.Client, bool, error) {
	prefix := strings.ToUpper(p.Provider)
	take := func(suffix string) string {
		v := strings.TrimSpace(values[prefix+suffix])
		delete(values, prefix+suffix)
		return v
	}
	id, text, file := take(clientID), take(clientSecret), take(clientSecretFile)
	wrong := func(what string) (oauth.Client, bool, error) {
		return oauth.Client{}, false, fmt.Errorf("the OAuth client of %s %s: set %s%s%s and one of …%s and …%s", p.Provider, what, clientVariable, prefix, clientID, clientSecret, clientSecretFile)
	}
	switch {
	case id == "" && text == "" && file == "":
		return oauth.Client{}, false, nil
	case id == "":
		return wrong("has a secret and no id")
	case text != "" && file != "":
		return wrong("has two secrets")
	case text == "" && file == "" && p.OAuth.ClientAuthentication != catalog.AuthenticateNone:
		return wrong("has no secret")
	case file != "":
		value, err := ReadSecretFile(file)
		return oauth.Client{ID: id, Secret: value}, true, err
	}
	return oauth.Client{ID: id, Secret: secret.New([]byte(text))}, true, nil
}
