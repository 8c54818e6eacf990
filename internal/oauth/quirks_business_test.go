package oauth_test

import (
	"time"

	"strongroom/internal/oauth"
)

// businessAnswers are of providers of sales, support and accounting.
var businessAnswers = map[string]saying{
	"salesforce": {
		exchange: told{
			body: `{"access_token":"00Dx0000000BV7z!AR8AQAxo9UfVkh8AlV0Gomt9Czx9LjHnSSpwBMmbRcgKFmxOtvxjTrKW19ye6PE3Ds1eQz3z8jr3W7_VbWmEu4Q8TVGSTHxs","signature":"SSSbLO/gBhmmyNUvN18ODBDFYHzakxOMgqYtu+hDPsc=","scope":"api id refresh_token","id_token":"eyJ0.a.b","instance_url":"https://acme.my.salesforce.com","id":"https://login.salesforce.com/id/00Dx/005x","token_type":"Bearer","issued_at":"1558553873237","refresh_token":"5Aep8614iLM.Dq661ePDmPEgaAW9Oh_L3JKkDpB4xReb54"}`,
			ends: 2 * time.Hour, scopes: "api id refresh_token", refreshes: true, extra: "signature id_token instance_url id issued_at",
		},
		refresh: told{
			body: `{"access_token":"00Dx0000000BV7z!BR8","instance_url":"https://acme.my.salesforce.com","id":"https://login.salesforce.com/id/00Dx/005x","token_type":"Bearer","issued_at":"1278448384422","signature":"CMJ4l+CCaPQiKjoOEwEig9H4wqhpuLSk4J2urAe+fVg=","scope":"api","api_instance_url":"https://api.salesforce.com","sfdc_community_url":"https://acme.my.site.com"}`,
			ends: 2 * time.Hour, scopes: "api", extra: "instance_url issued_at signature api_instance_url sfdc_community_url",
		},
		refusals: []refused{
			deadGrant("expired access/refresh token"),
			{"a person who was made inactive", 400, `{"error":"invalid_grant","error_description":"inactive user"}`, oauth.Dead},
			{"an organization that was closed", 400, `{"error":"invalid_grant","error_description":"inactive organization"}`, oauth.Dead},
			{"another request with the same refresh token, in the words of a grant that has ended", 400, `{"error":"invalid_grant","error_description":"token request is already being processed"}`, oauth.Transient},
			{"another request with the same refresh token, as it was put before", 400, `{"error":"invalid_grant","error_description":"expired authorization code"}`, oauth.Transient},
			{"too many requests", 400, `{"error":"rate_limit_exceeded","error_description":"rate limit exceeded"}`, oauth.Transient},
			{"a client that is not known", 400, `{"error":"invalid_client_id","error_description":"client identifier invalid"}`, oauth.Misconfigured},
			{"a client that is not installed", 400, `{"error":"app_not_found","error_description":"External client app is not installed in this org"}`, oauth.Misconfigured},
			unknownClient(400, "invalid client credentials"),
		},
	},
	"hubspot": {
		exchange: told{
			body:  `{"token_type":"bearer","refresh_token":"1e8fbfb1-8e96-4826-8b8d-c8af73715","access_token":"CIrToaiiMhIHAAEAQAAAARiO1ooBIOP0sgEokuLtAEaOaTFnToZ3VjUbtl46MAAAAEAAAAAgAAAA","hub_id":62515,"user_id":293199,"scopes":["oauth","crm.objects.contacts.read"],"expires_in":1800}`,
			lives: 30 * time.Minute, refreshes: true, extra: "hub_id user_id scopes",
		},
		refresh: told{body: `{"token_type":"bearer","refresh_token":"1e8fbfb1","access_token":"CNye","hub_id":62515,"expires_in":1800}`, lives: 30 * time.Minute, refreshes: true, extra: "hub_id"},
		refusals: []refused{
			{"a refresh token that has ended", 400, `{"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token","correlationId":"aeb5f871"}`, oauth.Dead},
			{"a code that has ended", 400, `{"status":"BAD_AUTH_CODE","message":"missing or unknown auth code","correlationId":"aeb5f872"}`, oauth.Dead},
			deadGrant("refresh token is invalid, expired or revoked"),
			{"credentials that are missing", 401, `{"status":"error","message":"Any of the listed authentication credentials are missing","correlationId":"6356f281"}`, oauth.Misconfigured},
			{"an input that is not valid", 400, `{"message":"Invalid input","correlationId":"aeb5f873","category":"VALIDATION_ERROR","links":{"knowledge-base":"https://www.hubspot.com"}}`, oauth.Misconfigured},
			{"too many requests", 429, `{"status":"error","message":"You have reached your secondly limit.","errorType":"RATE_LIMIT","policyName":"SECONDLY"}`, oauth.Transient},
		},
	},
	"pipedrive": {
		exchange: told{
			body:  `{"access_token":"53:179:6317ef33","token_type":"Bearer","expires_in":3599,"refresh_token":"53:179:5de81994","scope":"base,deals:full,contacts:read","api_domain":"https://acme.pipedrive.com"}`,
			lives: 3599 * time.Second, scopes: "base deals:full contacts:read", refreshes: true, extra: "api_domain",
		},
		refresh: told{
			body:  `{"access_token":"53:179:6317ef34","token_type":"Bearer","expires_in":3600,"refresh_token":"53:179:5de81995","scope":"base","api_domain":"https://acme.pipedrive.com"}`,
			lives: time.Hour, scopes: "base", refreshes: true, extra: "api_domain",
		},
		refusals: []refused{
			{"a refresh token that has ended", 400, `{"success":false,"message":"Invalid grant: refresh_token is invalid","error":"invalid_grant"}`, oauth.Dead},
			{"a client that is not known", 400, `{"success":false,"message":"Invalid client: client is invalid","error":"invalid_client"}`, oauth.Misconfigured},
			{"a database that is being worked at", 503, `<html>Whoops! Something broke`, oauth.Transient},
		},
	},
	"quickbooks": {
		exchange: told{
			body:  `{"access_token":"eyJlbmMi.a.b","token_type":"bearer","x_refresh_token_expires_in":8726400,"refresh_token":"Q311488394272qbajGfLBwGmVsbF6VoNpUKaIO5oL49aXLVJUB","id_token":"eyJ0.c.d","expires_in":3600}`,
			lives: time.Hour, refreshLives: 101 * day, refreshes: true, extra: "x_refresh_token_expires_in id_token",
		},
		refresh: told{
			body:  `{"token_type":"bearer","expires_in":3600,"refresh_token":"L311478109728uVoOkDSUCl4s6FDRvjHR6kUKz0RHe3WtZQuBq","x_refresh_token_expires_in":"15552000","access_token":"eyJlbmMi.e.f"}`,
			lives: time.Hour, refreshLives: 180 * day, refreshes: true,
		},
		refusals: []refused{
			deadGrant("Incorrect or invalid refresh token"),
			{"a grant that has ended, without a word more", 400, `{"error":"invalid_grant"}`, oauth.Dead},
			{"a client that is not known, without a word more", 401, `{"error":"invalid_client"}`, oauth.Misconfigured},
			{"too many requests", 429, ``, oauth.Transient},
		},
	},
	"xero": {
		exchange: told{
			body:  `{"id_token":"eyJ0.a.b","access_token":"eyJ0.c.d","expires_in":1800,"token_type":"Bearer","refresh_token":"MeyIfLLW","scope":"openid email accounting.contacts.read offline_access"}`,
			lives: 30 * time.Minute, scopes: "openid email accounting.contacts.read offline_access", refreshes: true, extra: "id_token",
		},
		refresh: told{
			body:  `{"access_token":"eyJ0.e.f","expires_in":1800,"token_type":"Bearer","refresh_token":"MeyIfLLX","scope":"offline_access"}`,
			lives: 30 * time.Minute, scopes: "offline_access", refreshes: true,
		},
		refusals: []refused{
			{"a grant that has ended, without a word more", 400, `{"error":"invalid_grant"}`, oauth.Dead},
			{"a client that is not known, without a word more", 400, `{"error":"invalid_client"}`, oauth.Misconfigured},
			{"a client that may not ask", 400, `{"error":"unauthorized_client"}`, oauth.Misconfigured},
		},
	},
	"zoho": {
		exchange: told{
			body:  `{"access_token":"1000.6d26f8","refresh_token":"1000.10f6a5","scope":"AaaServer.profile.READ,ZohoCRM.modules.ALL","api_domain":"https://www.zohoapis.eu","token_type":"Bearer","expires_in":3600000,"expires_in_sec":3600}`,
			lives: time.Hour, scopes: "AaaServer.profile.READ ZohoCRM.modules.ALL", refreshes: true, extra: "api_domain",
		},
		refresh: told{
			body: `{"access_token":"1000.6d26f9","scope":"AaaServer.profile.READ","api_domain":"https://www.zohoapis.eu","token_type":"Bearer","expires_in":3600}`,
			ends: time.Hour, scopes: "AaaServer.profile.READ", extra: "api_domain",
		},
		refusals: []refused{
			{"a refresh token that has ended", 200, `{"error":"invalid_code"}`, oauth.Dead},
			{"a client that is not known", 200, `{"error":"invalid_client"}`, oauth.Misconfigured},
			{"a secret that is wrong", 200, `{"error":"invalid_client_secret"}`, oauth.Misconfigured},
			{"an address that does not match", 200, `{"error":"invalid_redirect_uri"}`, oauth.Misconfigured},
			{"an error that says nothing", 200, `{"error":"general_error"}`, oauth.Misconfigured},
			{"too many requests", 400, `{"error_description":"You have made too many requests continuously. Please try again after some time.","error":"Access Denied","status":"failure"}`, oauth.Transient},
		},
	},
	"zendesk": {
		exchange: told{
			body:  `{"access_token":"gErypPlm4dOVgGRvA1ZzMH5MQ3nLo8bo","refresh_token":"31048ba4d7c601302f3173f243da835f","token_type":"bearer","scope":"read write","expires_in":1800,"refresh_token_expires_in":5184000}`,
			lives: 30 * time.Minute, refreshLives: 60 * day, scopes: "read write", refreshes: true, extra: "refresh_token_expires_in",
		},
		refresh: told{
			body:  `{"access_token":"gErypPlm","refresh_token":"31048ba5","token_type":"bearer","scope":"read","expires_in":1800,"refresh_token_expires_in":5184000}`,
			lives: 30 * time.Minute, refreshLives: 60 * day, scopes: "read", refreshes: true,
		},
		refusals: []refused{
			deadGrant("The provided access grant is invalid, expired, or revoked (e.g. invalid assertion, expired authorization token, bad end-user password credentials, or mismatching authorization code and redirection URI)."),
			unknownClient(401, "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method."),
			{"too many requests", 429, `{"error":"APIRateLimitExceeded"}`, oauth.Transient},
		},
	},
	"servicenow": {
		exchange: told{
			body:  `{"access_token":"2YotnFZFEjr1zCsicMWpAA","refresh_token":"8xLOxBtZp8","scope":"useraccount","token_type":"Bearer","expires_in":1799}`,
			lives: 1799 * time.Second, scopes: "useraccount", refreshes: true,
		},
		refresh: told{
			body:  `{"access_token":"2YotnFZFEjr1zCsicMWpAB","refresh_token":"8xLOxBtZp8","scope":"useraccount","token_type":"Bearer","expires_in":1799}`,
			lives: 1799 * time.Second, scopes: "useraccount", refreshes: true,
		},
		refusals: []refused{
			deadGrant("The refresh token is not valid"),
			{"access that is denied, which may be anything", 401, `{"error_description":"access_denied","error":"server_error"}`, oauth.Misconfigured},
			{"a failure of its own", 401, `{"error_description":"it failed","error":"server_error"}`, oauth.Transient},
			unknownClient(401, "The client is not known"),
			{"an instance that sleeps", 503, `<html><title>Hibernating Instance</title>`, oauth.Transient},
		},
	},
	"paypal": {
		exchange: told{
			body:  `{"scope":"https://uri.paypal.com/services/invoicing https://uri.paypal.com/services/payments/refund","access_token":"A21AAFEpH4PsADK7qSS7pSRsgz","token_type":"Bearer","app_id":"APP-80W284485P519543T","expires_in":31668,"nonce":"2031-01-02T15:04:05ZbNz"}`,
			lives: 31668 * time.Second, scopes: "https://uri.paypal.com/services/invoicing https://uri.paypal.com/services/payments/refund", extra: "app_id nonce",
		},
		refusals: []refused{
			unknownClient(401, "Client Authentication failed"),
			{"too many requests", 429, `{"name":"RATE_LIMIT_REACHED","message":"Too many requests."}`, oauth.Transient},
			{"a failure of its own", 500, `{"name":"INTERNAL_SERVER_ERROR"}`, oauth.Transient},
		},
	},
	"typeform": {
		exchange: told{
			body:  `{"access_token":"943af478d3ff3d4d760020c11af102b79c440513","expires_in":604800,"refresh_token":"r1","scope":"offline accounts:read","token_type":"bearer"}`,
			lives: 7 * day, scopes: "offline accounts:read", refreshes: true,
		},
		// The lifetime was seen as a point in time as well.
		refresh: told{body: `{"access_token":"943af479","expires_in":1925132645,"refresh_token":"r2","token_type":"bearer"}`, ends: 7 * day, refreshes: true},
		refusals: []refused{
			deadGrant("The refresh token is not valid"),
			unknownClient(401, "The client is not known"),
			{"a refusal in the form of the API", 403, `{"code":"AUTHENTICATION_FAILED","description":"Authentication credentials not found on the Request Headers"}`, oauth.Misconfigured},
		},
	},
	"calendly": {
		exchange: told{
			body:  `{"token_type":"Bearer","access_token":"eyJ0.a.b","refresh_token":"b77a76ff","scope":"default","created_at":1548689183,"expires_in":7200,"owner":"https://api.calendly.com/users/EBHAAFHDCAEQTSEZ","organization":"https://api.calendly.com/organizations/EBHAAFHDCAEQTSEZ"}`,
			lives: 2 * time.Hour, scopes: "default", refreshes: true, extra: "created_at owner organization",
		},
		refresh: told{
			body:  `{"token_type":"Bearer","access_token":"eyJ0.c.d","refresh_token":"b77a76fg","created_at":1548689184,"expires_in":7200}`,
			lives: 2 * time.Hour, refreshes: true, extra: "created_at",
		},
		refusals: []refused{
			deadGrant("The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client."),
			unknownClient(401, "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method."),
		},
	},
}
