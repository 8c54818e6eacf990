package catalog_test

import (
	"encoding/json"
	"maps"
)

// oauthExamples has the data that comes of connecting an account at each provider that
// is known for its OAuth alone.
func oauthExamples() []example {
	renewed := func(more map[string]any) map[string]any {
		t := token(more)
		delete(t, "id_token")
		return t
	}
	lasting := func(more map[string]any) map[string]any {
		t := map[string]any{"access_token": "example-token-that-does-not-end", "token_type": "bearer"}
		maps.Copy(t, more)
		return t
	}
	client := func(more map[string]any) map[string]any {
		c := map[string]any{"client_id": "example-client", "client_secret": "example-client-secret"}
		maps.Copy(c, more)
		return c
	}
	slack := map[string]any{"ok": true, "app_id": "A0KRD7HC3", "scope": "chat:write,channels:read", "token_type": "bot", "bot_user_id": "U0KRQLJ9H", "team": map[string]any{"id": "T9TK3CUKW", "name": "Acme"}}
	return []example{
		{"tokens", "airtable", "oauth2", renewed(map[string]any{"refresh_expires_in": 5184000, "scope": "data.records:read schema.bases:read"})},
		{"tokens", "asana", "oauth2", renewed(map[string]any{"data": map[string]any{"id": 4673218951, "email": "person@example.com"}})},
		{"tokens", "atlassian", "oauth2", renewed(map[string]any{"scope": "offline_access read:me"})},
		{"tokens", "bitbucket", "oauth2", renewed(map[string]any{"scopes": "repository issue", "state": "x"})},
		{"a consumer", "bitbucket", "client_credentials", client(nil)},
		{"tokens", "box", "oauth2", renewed(map[string]any{"restricted_to": []any{}})},
		{"tokens", "calendly", "oauth2", renewed(map[string]any{"organization": "https://api.calendly.com/organizations/EBHAAFHDCAEQTSEZ", "created_at": 1548689183})},
		{"tokens", "discord", "oauth2", renewed(map[string]any{"scope": "identify email"})},
		{"a bot's owner", "discord", "client_credentials", client(map[string]any{"scope": "identify"})},
		{"tokens", "docusign", "oauth2", renewed(nil)},
		{"tokens of the developer environment", "docusign", "oauth2", renewed(map[string]any{"server": "account-d"})},
		{"tokens", "dropbox", "oauth2", renewed(map[string]any{"uid": "12345", "account_id": "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"})},
		{"a token of an OAuth app", "github", "oauth2", lasting(map[string]any{"scope": "repo,gist"})},
		{"tokens of a GitHub App", "github", "oauth2", renewed(map[string]any{"refresh_token_expires_in": 15897600, "scope": ""})},
		{"tokens", "gitlab", "oauth2", token(map[string]any{"created_at": 1607635748})},
		{"tokens", "hubspot", "oauth2", renewed(map[string]any{"hub_id": 62515})},
		{"a token", "intercom", "oauth2", lasting(map[string]any{"token": "dG9rOmExYjJj"})},
		{"tokens", "linear", "oauth2", renewed(map[string]any{"scope": "read write"})},
		{"an app", "linear", "client_credentials", client(nil)},
		{"a token", "mailchimp", "oauth2", lasting(map[string]any{"expires_in": nil, "scope": nil})},
		{"an app and its token", "microsoft", "client_credentials", client(map[string]any{"tenant": "contoso.onmicrosoft.com", "access_token": "eyJ0eXAi", "expires_at": "2031-01-02T15:04:05Z"})},
		{"tokens", "miro", "oauth2", renewed(map[string]any{"team_id": json.Number("3074457358607431473")})},
		{"tokens", "notion", "oauth2", lasting(map[string]any{"refresh_token": "nrt_example", "bot_id": uuidText, "owner": map[string]any{"type": "user"}, "duplicated_template_id": nil})},
		{"an app", "paypal", "client_credentials", client(map[string]any{"server": "api-m.sandbox"})},
		{"tokens", "pipedrive", "oauth2", renewed(map[string]any{"api_domain": "https://acme.pipedrive.com", "scope": "deals:full,admin"})},
		{"tokens", "quickbooks", "oauth2", renewed(map[string]any{"x_refresh_token_expires_in": 8726400, "realm_id": "4620816365272847870"})},
		{"tokens", "reddit", "oauth2", renewed(map[string]any{"scope": "identity read"})},
		{"an app", "reddit", "client_credentials", client(nil)},
		{"tokens", "salesforce", "oauth2", map[string]any{"access_token": "00Dx0000000BV7z!AR8", "refresh_token": "5Aep8614", "instance_url": "https://acme.my.salesforce.com", "id": "https://login.salesforce.com/id/00Dx0000000BV7zEAG/005x00000012Q9PAAU", "token_type": "Bearer", "issued_at": "1278448384422", "signature": "SSSbLO=", "domain": "acme--uat.sandbox.my"}},
		{"an app", "salesforce", "client_credentials", client(map[string]any{"domain": "acme.my"})},
		{"tokens", "servicenow", "oauth2", renewed(map[string]any{"instance": "acme", "scope": "useraccount"})},
		{"an app", "servicenow", "client_credentials", client(map[string]any{"instance": "acme-test"})},
		{"a bot's token", "slack", "oauth2", lasting(slack)},
		{"a bot's tokens that rotate", "slack", "oauth2", renewed(slack)},
		{"a person's token", "slack_user", "oauth2", lasting(map[string]any{"scope": "chat:write"})},
		{"tokens", "spotify", "oauth2", renewed(map[string]any{"scope": "user-read-email"})},
		{"an app", "spotify", "client_credentials", client(nil)},
		{"tokens", "strava", "oauth2", renewed(map[string]any{"expires_at": 1924973045, "athlete": map[string]any{"id": 1}})},
		{"tokens", "twitch", "oauth2", renewed(map[string]any{"scope": []any{"user:read:email"}})},
		{"an app", "twitch", "client_credentials", client(nil)},
		{"tokens", "typeform", "oauth2", renewed(nil)},
		{"tokens", "webex", "oauth2", renewed(map[string]any{"refresh_token_expires_in": 7776000})},
		{"tokens", "xero", "oauth2", token(nil)},
		{"a custom connection", "xero", "client_credentials", client(map[string]any{"access_token": nil})},
		{"tokens", "zendesk", "oauth2", renewed(map[string]any{"subdomain": "acme", "refresh_token_expires_in": 2592000})},
		{"tokens", "zoho", "oauth2", renewed(map[string]any{"domain": "zoho.com.au", "api_domain": "https://www.zohoapis.com.au"})},
		{"tokens", "zoom", "oauth2", renewed(map[string]any{"api_url": "https://api.zoom.us"})},
		{"an app", "zoom_server_to_server", "client_credentials", client(map[string]any{"account_id": "AbCdEfGhIjKlMnOpQrStUv"})},
	}
}
