package oauth_test

import (
	"time"

	"strongroom/internal/oauth"
)

// deadGrant and unknownClient are the standard's own words (RFC 6749, section 5.2), for
// providers that have no others.
func deadGrant(description string) refused {
	return refused{"a grant that has ended", 400, `{"error":"invalid_grant","error_description":"` + description + `"}`, oauth.Dead}
}

func unknownClient(status int, description string) refused {
	return refused{"a client that is not known", status, `{"error":"invalid_client","error_description":"` + description + `"}`, oauth.Misconfigured}
}

const day = 24 * time.Hour

// microsoftAnswers are those of Microsoft's identity platform.
var microsoftAnswers = saying{
	exchange: told{
		body:  `{"token_type":"Bearer","scope":"openid email https://graph.microsoft.com/User.Read","expires_in":3599,"ext_expires_in":3599,"access_token":"eyJ0.a.b","refresh_token":"0.AXEA-x","id_token":"eyJ0.c."}`,
		lives: 3599 * time.Second, scopes: "openid email https://graph.microsoft.com/User.Read", refreshes: true, extra: "ext_expires_in id_token",
	},
	refresh: told{
		body:  `{"token_type":"Bearer","scope":"User.Read","expires_in":"4807","access_token":"eyJ0.d.e","refresh_token":"0.AXEA-y","client_info":"eyJ1aWQi"}`,
		lives: 4807 * time.Second, scopes: "User.Read", refreshes: true, extra: "client_info",
	},
	refusals: []refused{
		{"a refresh token that was not used for long", 400, microsoftError("invalid_grant", "700082"), oauth.Dead},
		{"a password that was changed", 400, microsoftError("invalid_grant", "50173"), oauth.Dead},
		{"a grant that ended for a reason of a finer kind", 400, `{"error":"invalid_grant","suberror":"bad_token","error_codes":[70043]}`, oauth.Dead},
		{"consent that was taken back", 400, `{"error":"invalid_grant","suberror":"consent_required","error_codes":[65001]}`, oauth.Dead},
		{"a second factor that is asked for", 400, microsoftError("interaction_required", "50076"), oauth.Dead},
		{"consent that is missing", 400, microsoftError("consent_required", "65001"), oauth.Dead},
		{"somebody who has to sign in", 400, microsoftError("login_required", "50058"), oauth.Dead},
		{"a secret that is wrong", 401, microsoftError("invalid_client", "7000215"), oauth.Misconfigured},
		{"a secret that has expired", 401, microsoftError("invalid_client", "7000222"), oauth.Misconfigured},
		{"an application that the directory does not know", 400, microsoftError("unauthorized_client", "700016"), oauth.Misconfigured},
		{"a scope that is not valid", 400, microsoftError("invalid_scope", "70011"), oauth.Misconfigured},
		{"a resource that is not known", 400, microsoftError("invalid_resource", "500011"), oauth.Misconfigured},
		{"a service that is busy", 400, microsoftError("temporarily_unavailable", "90033"), oauth.Transient},
		{"the same request too often, in the words of a grant that has ended", 400, microsoftError("invalid_grant", "50196"), oauth.Transient},
		{"too many requests", 429, ``, oauth.Transient},
	},
}

// microsoftError is an error in Microsoft's form.
func microsoftError(code, number string) string {
	return `{"error":"` + code + `","error_description":"AADSTS` + number + `: It does not work.\r\nTrace ID: 255d1aef-8c98-452f-ac51-23d051240864","error_codes":[` + number + `],"timestamp":"2031-01-02 15:04:05Z","trace_id":"255d1aef","correlation_id":"fb3d2015","error_uri":"https://login.microsoftonline.com/error?code=` + number + `"}`
}

// officeAnswers are of providers of mail, documents and files.
var officeAnswers = map[string]saying{
	"microsoft":  microsoftAnswers,
	"sharepoint": microsoftAnswers,
	"google": {
		exchange: told{
			body:  `{"access_token":"ya29.a0","expires_in":3599,"refresh_token":"1//09x","scope":"openid https://www.googleapis.com/auth/drive.readonly","token_type":"Bearer","id_token":"eyJ0.a.b","refresh_token_expires_in":604799}`,
			lives: 3599 * time.Second, refreshLives: 604799 * time.Second, scopes: "openid https://www.googleapis.com/auth/drive.readonly", refreshes: true, extra: "id_token refresh_token_expires_in",
		},
		refresh: told{
			body:  `{"access_token":"ya29.a1","expires_in":3920,"scope":"openid","token_type":"Bearer"}`,
			lives: 3920 * time.Second, scopes: "openid",
		},
		refusals: []refused{
			deadGrant("Token has been expired or revoked."),
			{"a session that has to be confirmed", 400, `{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_subtype":"invalid_rapt"}`, oauth.Dead},
			{"an administrator's policy", 400, `{"error":"admin_policy_enforced"}`, oauth.Dead},
			{"a policy of advanced protection", 400, `{"error":"policy_enforced","error_description":"Access Not Granted"}`, oauth.Dead},
			unknownClient(401, "The OAuth client was not found."),
			{"a client that was deleted", 401, `{"error":"deleted_client","error_description":"The OAuth client was deleted."}`, oauth.Misconfigured},
			{"a failure of its own", 400, `{"error":"internal_failure"}`, oauth.Transient},
			{"too many requests", 403, `{"error":"rate_limit_exceeded"}`, oauth.Transient},
			{"too many requests, by the status", 429, ``, oauth.Transient},
			{"a page that says that the request is bad", 400, "<HTML>\n<TITLE>Error processing OAuth 2 request</TITLE>", oauth.Misconfigured},
		},
	},
	"dropbox": {
		exchange: told{
			body:  `{"access_token":"sl.AbX","expires_in":14400,"token_type":"bearer","scope":"account_info.read files.content.read","refresh_token":"nBiM8","account_id":"dbid:AAH4","uid":"12345"}`,
			lives: 4 * time.Hour, scopes: "account_info.read files.content.read", refreshes: true, extra: "account_id uid",
		},
		refresh: told{body: `{"access_token":"sl.AbY","expires_in":14400,"token_type":"bearer"}`, lives: 4 * time.Hour},
		refusals: []refused{
			deadGrant("refresh token is invalid or revoked"),
			unknownClient(400, "Invalid client_id or client_secret"),
			{"a request that cannot be read", 400, `Error in call to API function "oauth2/token"`, oauth.Misconfigured},
		},
	},
	"box": {
		exchange: told{
			body:  `{"access_token":"c3FIOG9v","expires_in":3600,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token","refresh_token":"c3FIOG9v-r","restricted_to":[{"scope":"item_download","object":{"id":"12345","type":"folder"}}],"token_type":"bearer"}`,
			lives: time.Hour, refreshes: true, extra: "restricted_to issued_token_type",
		},
		refresh: told{
			body:  `{"access_token":"T9cE5asG","expires_in":4106,"restricted_to":[],"refresh_token":"J7rxTiWO","token_type":"bearer"}`,
			lives: 4106 * time.Second, refreshes: true,
		},
		refusals: []refused{
			deadGrant("Refresh token has expired"),
			unknownClient(400, "The client credentials are invalid"),
			{"a code that was used late", 400, `{"error":"invalid_grant","error_description":"The authorization code has expired"}`, oauth.Dead},
			{"a client that may not ask", 400, `{"error":"unauthorized_client","error_description":"The grant type is unauthorized for this client_id"}`, oauth.Misconfigured},
		},
	},
	"docusign": {
		exchange: told{
			body:  `{"access_token":"eyJ0.a.b","token_type":"Bearer","refresh_token":"eyJ0.c.d","expires_in":28800,"scope":"signature extended"}`,
			lives: 8 * time.Hour, scopes: "signature extended", refreshes: true,
		},
		refresh: told{body: `{"access_token":"eyJ0.e.f","token_type":"Bearer","refresh_token":"eyJ0.g.h","expires_in":28800}`, lives: 8 * time.Hour, refreshes: true},
		refusals: []refused{
			deadGrant("expired_client_token"),
			{"a client that is not known, without a word more", 400, `{"error":"invalid_client"}`, oauth.Misconfigured},
		},
	},
	"airtable": {
		exchange: told{
			body:  `{"token_type":"Bearer","scope":"data.records:read schema.bases:read","access_token":"oaa1.v1.a","expires_in":3600,"refresh_token":"oar1.v1.r","refresh_expires_in":5184000}`,
			lives: time.Hour, refreshLives: 60 * day, scopes: "data.records:read schema.bases:read", refreshes: true, extra: "refresh_expires_in",
		},
		refresh: told{
			body:  `{"token_type":"Bearer","scope":"data.records:read","access_token":"oaa1.v1.b","expires_in":3600,"refresh_token":"oar1.v1.s","refresh_expires_in":5184000}`,
			lives: time.Hour, refreshLives: 60 * day, scopes: "data.records:read", refreshes: true,
		},
		refusals: []refused{deadGrant("Token has been expired or revoked."), unknownClient(401, "Invalid client")},
	},
	"notion": {
		exchange: told{
			body:   `{"access_token":"ntn_a","token_type":"bearer","refresh_token":"nrt_r","bot_id":"b3414d65","workspace_name":"Acme","workspace_icon":null,"workspace_id":"j565j4d7","owner":{"type":"user","user":{"object":"user","id":"x5644h3","person":{"email":"a@example.com"}}},"duplicated_template_id":null,"request_id":"a1b2"}`,
			scopes: "", refreshes: true, extra: "bot_id workspace_name workspace_id owner request_id",
		},
		refresh: told{
			body:      `{"access_token":"ntn_b","token_type":"bearer","refresh_token":"nrt_s","bot_id":"b3414d65","workspace_id":"j565j4d7","owner":{"type":"workspace","workspace":true}}`,
			refreshes: true, extra: "bot_id workspace_id owner",
		},
		refusals: []refused{
			deadGrant("Invalid code: this code has been revoked."),
			{"a client that is not known, in the form of the API", 401, `{"object":"error","status":401,"code":"unauthorized","message":"API token is invalid."}`, oauth.Misconfigured},
			unknownClient(401, "The client is not known"),
		},
	},
}
