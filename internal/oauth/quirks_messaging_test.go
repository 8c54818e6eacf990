package oauth_test

import (
	"time"

	"strongroom/internal/oauth"
)

// slackRefusals have the status 200, all of them but one.
var slackRefusals = []refused{
	{"a refresh token that has ended", 200, `{"ok":false,"error":"invalid_refresh_token"}`, oauth.Dead},
	{"a code that has ended", 200, `{"ok":false,"error":"invalid_code"}`, oauth.Dead},
	{"a client that is not known", 200, `{"ok":false,"error":"invalid_client_id"}`, oauth.Misconfigured},
	{"a secret that is wrong", 200, `{"ok":false,"error":"bad_client_secret"}`, oauth.Misconfigured},
	{"an address that does not match", 200, `{"ok":false,"error":"bad_redirect_uri"}`, oauth.Misconfigured},
	{"a failure of its own", 200, `{"ok":false,"error":"internal_error"}`, oauth.Transient},
	{"a failure of a worse kind", 200, `{"ok":false,"error":"fatal_error"}`, oauth.Transient},
	{"a service that is away", 200, `{"ok":false,"error":"service_unavailable"}`, oauth.Transient},
	{"too many requests, by the code", 200, `{"ok":false,"error":"ratelimited"}`, oauth.Transient},
	{"too many requests", 429, `{"ok":false,"error":"ratelimited"}`, oauth.Transient},
	{"an error that is not known, beside a token", 200, `{"ok":false,"error":"org_login_required","access_token":"xoxb-1"}`, oauth.Misconfigured},
}

// messagingAnswers are of providers of messages and meetings.
var messagingAnswers = map[string]saying{
	"slack": {
		exchange: told{
			body:   `{"ok":true,"access_token":"xoxb-17653672481-19874698323","token_type":"bot","scope":"commands,incoming-webhook","bot_user_id":"U0KRQLJ9H","app_id":"A0KRD7HC3","team":{"name":"Slack Pickleball Team","id":"T9TK3CUKW"},"enterprise":null,"is_enterprise_install":false,"authed_user":{"id":"U1234","scope":"chat:write","access_token":"xoxp-1234","token_type":"user"}}`,
			scopes: "commands incoming-webhook", extra: "ok bot_user_id app_id team authed_user is_enterprise_install",
		},
		refresh: told{
			body:  `{"ok":true,"access_token":"xoxe.xoxb-1-a","expires_in":43200,"refresh_token":"xoxe-1-r","token_type":"bot","scope":"chat:write,channels:read","bot_user_id":"U0KRQLJ9H","app_id":"A0KRD7HC3","team":{"id":"T9TK3CUKW"}}`,
			lives: 12 * time.Hour, scopes: "chat:write channels:read", refreshes: true, extra: "team bot_user_id",
		},
		refusals: slackRefusals,
	},
	"slack_user": {
		exchange: told{
			body:   `{"ok":true,"app_id":"A0KRD7HC3","user_id":"U1234","access_token":"xoxp-1234","token_type":"user","scope":"channels:read,chat:write","team":{"id":"T9TK3CUKW"}}`,
			scopes: "channels:read chat:write", extra: "user_id team",
		},
		refresh: told{
			body:  `{"ok":true,"access_token":"xoxe.xoxp-1-a","expires_in":43200,"refresh_token":"xoxe-1-r","token_type":"user","scope":"channels:read","user_id":"U1234"}`,
			lives: 12 * time.Hour, scopes: "channels:read", refreshes: true, extra: "user_id",
		},
		refusals: slackRefusals,
	},
	"discord": {
		exchange: told{
			body:  `{"access_token":"6qrZcUqja7812RVdnEKjpzOL4CvHBFG","token_type":"Bearer","expires_in":604800,"refresh_token":"D43f5y0ahjqew82jZ4NViEr2YafMKhue","scope":"identify email","guild":{"id":"1"},"webhook":{"id":"2","url":"https://discord.example/2"}}`,
			lives: 7 * day, scopes: "identify email", refreshes: true, extra: "guild webhook",
		},
		refresh: told{
			body:  `{"access_token":"a","token_type":"Bearer","expires_in":604800,"refresh_token":"r","scope":"identify"}`,
			lives: 7 * day, scopes: "identify", refreshes: true,
		},
		refusals: []refused{
			{"a grant that has ended, without a word more", 400, `{"error":"invalid_grant"}`, oauth.Dead},
			{"a refresh token that was used before", 400, `{"error":"invalid_request","error_description":"Invalid \"refresh_token\" in request."}`, oauth.Dead},
			{"a code that was used before", 400, `{"error":"invalid_grant","error_description":"Invalid \"code\" in request."}`, oauth.Dead},
			{"a request that is wrong in another way", 400, `{"error":"invalid_request","error_description":"Missing \"code\" in request."}`, oauth.Misconfigured},
			{"a client that is not known", 401, `{"error":"invalid_client"}`, oauth.Misconfigured},
			{"too many requests", 429, `{"message":"You are being rate limited.","retry_after":64.57,"global":false}`, oauth.Transient},
		},
	},
	"zoom": {
		exchange: told{
			body:  `{"access_token":"eyJ0.a.b","token_type":"bearer","refresh_token":"eyJ0.c.d","expires_in":3599,"scope":"user:read:user meeting:read:meeting","api_url":"https://api.zoom.us"}`,
			lives: 3599 * time.Second, scopes: "user:read:user meeting:read:meeting", refreshes: true, extra: "api_url",
		},
		refresh: told{
			body:  `{"access_token":"eyJ0.e.f","token_type":"bearer","refresh_token":"eyJ0.g.h","expires_in":3599,"scope":"user:read:user","api_url":"https://api.zoom.us"}`,
			lives: 3599 * time.Second, scopes: "user:read:user", refreshes: true, extra: "api_url",
		},
		refusals: []refused{
			{"a refresh token that has ended", 400, `{"reason":"Invalid Token!","error":"invalid_grant"}`, oauth.Dead},
			{"a client that is not known", 400, `{"reason":"Invalid client_id or client_secret","error":"invalid_client"}`, oauth.Misconfigured},
			{"a request that is wrong", 400, `{"reason":"Invalid request : Redirect URI mismatch.","error":"invalid_request"}`, oauth.Misconfigured},
		},
	},
	"zoom_server_to_server": {
		exchange: told{
			body:  `{"access_token":"eyJ0.a.b","token_type":"bearer","expires_in":3600,"scope":"user:read:admin","api_url":"https://api.zoom.us"}`,
			lives: time.Hour, scopes: "user:read:admin", extra: "api_url",
		},
		refusals: []refused{
			{"a client that is not known", 400, `{"reason":"Invalid client_id or client_secret","error":"invalid_client"}`, oauth.Misconfigured},
			{"an account that is not the client's", 400, `{"reason":"Bad Request","error":"invalid_request"}`, oauth.Misconfigured},
		},
	},
	"webex": {
		exchange: told{
			body:  `{"access_token":"ZDI3MGEyYzQ","expires_in":1209599,"refresh_token":"MDEyMzQ1Njc4","refresh_token_expires_in":7776000,"token_type":"Bearer","scope":"spark:people_read spark:rooms_read"}`,
			lives: 1209599 * time.Second, refreshLives: 90 * day, scopes: "spark:people_read spark:rooms_read", refreshes: true, extra: "refresh_token_expires_in",
		},
		refresh: told{
			body:  `{"access_token":"ZDI3MGEyYzR","expires_in":1209600,"refresh_token":"MDEyMzQ1Njc4","refresh_token_expires_in":7776000}`,
			lives: 14 * day, refreshLives: 90 * day, refreshes: true,
		},
		refusals: []refused{
			deadGrant("The refresh token is not valid"),
			{"a refusal in the form of the API", 401, `{"message":"The request requires a valid access token set in the Authorization request header.","errors":[{"description":"The request requires a valid access token."}],"trackingId":"ROUTER_1"}`, oauth.Misconfigured},
			{"too many requests", 429, `{"message":"Too many requests","trackingId":"ROUTER_2"}`, oauth.Transient},
		},
	},
	"intercom": {
		exchange: told{body: `{"token":"dG9rOmE","access_token":"dG9rOmE","token_type":"Bearer"}`, extra: "token"},
		refusals: []refused{
			{"a code that is not known", 404, `{"type":"error.list","request_id":"a1","errors":[{"code":"not_found","message":"Authorization code not found"}]}`, oauth.Misconfigured},
			{"a client that is not known", 401, `{"type":"error.list","request_id":"a2","errors":[{"code":"unauthorized","message":"Access Token Invalid"}]}`, oauth.Misconfigured},
		},
	},
	"mailchimp": {
		exchange: told{body: `{"access_token":"5c6ccc561059aa386da9d112215bae55","expires_in":0,"scope":null}`},
		refusals: []refused{
			{"a code that has ended", 400, `{"error":"invalid_grant","error_description":"The authorization code is invalid."}`, oauth.Dead},
			unknownClient(400, "The client credentials are invalid"),
		},
	},
	"twitch": {
		exchange: told{
			body:  `{"access_token":"rfx2uswqe8l4g1mkagrvg5tv0ks3","expires_in":14124,"refresh_token":"5b93chm6hdve3mycz05zfzatkfdenfspp1h1ar2xxdalen01","scope":["channel:moderate","chat:edit"],"token_type":"bearer"}`,
			lives: 14124 * time.Second, scopes: "channel:moderate chat:edit", refreshes: true,
		},
		refresh: told{
			body: `{"access_token":"1ssjqsqfy6bads1ws7m03gras79zfr","refresh_token":"eyJfMzUtNDU0OC4MWYwLTQ5MDY5ODY4NGNlMSJ9%asdfasdf=","scope":"channel:read:subscriptions","token_type":"bearer"}`,
			ends: time.Hour, scopes: "channel:read:subscriptions", refreshes: true,
		},
		refusals: []refused{
			{"a refresh token that has ended", 400, `{"status":400,"message":"Invalid refresh token"}`, oauth.Dead},
			{"a refresh token that has ended, in more words", 400, `{"error":"Bad Request","status":400,"message":"Invalid refresh token"}`, oauth.Dead},
			{"a code that has ended", 400, `{"status":400,"message":"Invalid authorization code"}`, oauth.Dead},
			{"a client that is not known", 400, `{"status":400,"message":"invalid client"}`, oauth.Misconfigured},
			{"a secret that is wrong", 403, `{"status":403,"message":"invalid client secret"}`, oauth.Misconfigured},
			{"a secret that is missing", 400, `{"status":400,"message":"missing client secret"}`, oauth.Misconfigured},
			{"something new", 400, `{"status":400,"message":"the moon is full"}`, oauth.Misconfigured},
		},
	},
	"reddit": {
		exchange: told{
			body:  `{"access_token":"eyJ0.a.b","token_type":"bearer","expires_in":86400,"refresh_token":"84742-r","scope":"identity read"}`,
			lives: day, scopes: "identity read", refreshes: true,
		},
		refresh: told{body: `{"access_token":"eyJ0.c.d","token_type":"bearer","expires_in":86400,"scope":"identity read"}`, lives: day, scopes: "identity read"},
		refusals: []refused{
			{"a refresh token that was revoked", 400, `{"message":"Bad Request","error":400}`, oauth.Dead},
			{"a code that has ended, with the status 200", 200, `{"error":"invalid_grant"}`, oauth.Dead},
			{"a client that is not known", 401, `{"message":"Unauthorized","error":401}`, oauth.Misconfigured},
			{"a kind of grant that is not known", 400, `{"error":"unsupported_grant_type"}`, oauth.Misconfigured},
			{"a name of the client that is not liked", 403, `<html><title>Blocked</title>`, oauth.Misconfigured},
			{"too many requests", 429, `{"message":"Too Many Requests","error":429}`, oauth.Transient},
			{"a failure of its own", 503, `{"message":"Service Unavailable","error":503}`, oauth.Transient},
		},
	},
}
