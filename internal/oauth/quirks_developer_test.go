package oauth_test

import (
	"time"

	"strongroom/internal/oauth"
)

// developerAnswers are of providers of repositories, issues, projects and boards.
var developerAnswers = map[string]saying{
	"github": {
		exchange: told{body: `{"access_token":"gho_16C7e42F292c6912E7710c838347Ae178B4a","scope":"repo,read:user","token_type":"bearer"}`, scopes: "repo read:user"},
		refresh: told{
			body:  `access_token=ghu_16C7e42F292c6912E7710c838347Ae178B4a&expires_in=28800&refresh_token=ghr_1B4a2e77838347a7E420ce178F2E7c6912E169246c3&refresh_token_expires_in=15811200&scope=&token_type=bearer`,
			lives: 8 * time.Hour, refreshLives: 183 * day, refreshes: true, extra: "refresh_token_expires_in",
		},
		refusals: []refused{
			{"a refresh token that has ended", 200, `{"error":"bad_refresh_token","error_description":"The refresh token passed is incorrect or expired.","error_uri":"https://docs.github.com"}`, oauth.Dead},
			{"a refresh token that has ended, as a form", 200, `error=bad_refresh_token&error_description=The+refresh+token+passed+is+incorrect+or+expired.`, oauth.Dead},
			{"a code that has ended", 200, `{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired."}`, oauth.Dead},
			{"a client that is not known", 200, `{"error":"incorrect_client_credentials","error_description":"The client_id and/or client_secret passed are incorrect."}`, oauth.Misconfigured},
			{"an address that does not match", 200, `{"error":"redirect_uri_mismatch","error_description":"The redirect_uri MUST match the registered callback URL for this application."}`, oauth.Misconfigured},
			{"an address of mail that is not verified", 200, `{"error":"unverified_user_email","error_description":"The user must have a verified primary email."}`, oauth.Misconfigured},
			{"a unicorn", 502, `<html><title>Unicorn!</title>`, oauth.Transient},
		},
	},
	"gitlab": {
		exchange: told{
			body:  `{"access_token":"de6780bc506a0446309bd9362820ba8aed28aa506c71eedbe1c5c4f9dd350e54","token_type":"bearer","expires_in":7200,"refresh_token":"8257e65c97202ed1726cf9571600918f3bffb2544b26e00a61df9897668c33a1","created_at":1607635748,"scope":"read_api openid","id_token":"eyJ0.a.b"}`,
			lives: 2 * time.Hour, scopes: "read_api openid", refreshes: true, extra: "created_at id_token",
		},
		// Some versions leave the lifetime out.
		refresh: told{
			body: `{"access_token":"c97d1fe52119f38c7f67f0a14db68d60caa35ddc86fd12401718b649dcfa9c68","token_type":"bearer","refresh_token":"803c1fd487fec35562c205dac93e9d8e08f9d3652a24079d704df3039df1158f","created_at":1628711391}`,
			ends: 2 * time.Hour, refreshes: true, extra: "created_at",
		},
		refusals: []refused{
			deadGrant("The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client."),
			unknownClient(401, "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method."),
			{"too many requests", 429, `Retry later`, oauth.Transient},
		},
	},
	"bitbucket": {
		exchange: told{
			body:  `{"scopes":"repository account","access_token":"vX5u2hIq==","expires_in":7200,"token_type":"bearer","state":"authorization_code","refresh_token":"ApJ7D5"}`,
			lives: 2 * time.Hour, refreshes: true, extra: "scopes state",
		},
		refresh: told{
			body:  `{"scopes":"repository account","access_token":"vX5u2hIr==","expires_in":7200,"token_type":"bearer","state":"refresh_token","refresh_token":"ApJ7D5"}`,
			lives: 2 * time.Hour, refreshes: true, extra: "scopes state",
		},
		refusals: []refused{
			deadGrant("Invalid refresh_token"),
			{"a client that may not ask", 400, `{"error_description":"Client credentials missing; this request needs to be authenticated with the OAuth client id and secret","error":"unauthorized_client"}`, oauth.Misconfigured},
			{"too many requests", 429, `Rate limit for this resource has been exceeded`, oauth.Transient},
		},
	},
	"atlassian": {
		exchange: told{
			body:  `{"access_token":"eyJ0.a.b","expires_in":3600,"token_type":"Bearer","refresh_token":"eyJ0.c.d","scope":"offline_access read:me read:jira-work"}`,
			lives: time.Hour, scopes: "offline_access read:me read:jira-work", refreshes: true,
		},
		refresh: told{
			body:  `{"access_token":"eyJ0.e.f","refresh_token":"eyJ0.g.h","expires_in":3600,"scope":"offline_access read:me"}`,
			lives: time.Hour, scopes: "offline_access read:me", refreshes: true,
		},
		refusals: []refused{
			{"a password that was changed", 403, `{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}`, oauth.Dead},
			{"a refresh token that has ended, in the words of a client that may not ask", 403, `{"error":"unauthorized_client","error_description":"refresh_token is invalid"}`, oauth.Dead},
			{"a client that may not ask", 403, `{"error":"unauthorized_client","error_description":"Grant type 'refresh_token' not allowed for the client."}`, oauth.Misconfigured},
			{"a secret that is wrong", 401, `{"error":"access_denied","error_description":"Unauthorized"}`, oauth.Misconfigured},
		},
	},
	"asana": {
		exchange: told{
			body:  `{"access_token":"f6ds7fdsa69ags7ag9sd5a","expires_in":3600,"token_type":"bearer","refresh_token":"hjkl325hjkl4325hj4kl32fjds","data":{"id":4673218951,"gid":"4673218951","name":"Greg Sanchez","email":"gsanchez@example.com"}}`,
			lives: time.Hour, refreshes: true, extra: "data",
		},
		refresh: told{
			body:  `{"access_token":"f6ds7fdsa69ags7ag9sd5b","expires_in":3600,"token_type":"bearer","data":{"gid":"4673218951"}}`,
			lives: time.Hour, extra: "data",
		},
		refusals: []refused{
			deadGrant("The `refresh_token` provided was invalid."),
			{"a client that is not known", 401, `{"error":"invalid_client","error_description":"The client_id or client_secret is wrong"}`, oauth.Misconfigured},
			{"too many requests", 429, `{"errors":[{"message":"You have made too many requests recently."}]}`, oauth.Transient},
		},
	},
	"linear": {
		exchange: told{
			body:  `{"access_token":"lin_oauth_a","token_type":"Bearer","expires_in":86399,"scope":"read write","refresh_token":"lin_refresh_r"}`,
			lives: 86399 * time.Second, scopes: "read write", refreshes: true,
		},
		refresh: told{
			body:  `{"access_token":"lin_oauth_b","token_type":"Bearer","expires_in":86399,"scope":["read","write"],"refresh_token":"lin_refresh_s"}`,
			lives: 86399 * time.Second, scopes: "read write", refreshes: true,
		},
		refusals: []refused{
			deadGrant("Invalid refresh token"),
			unknownClient(400, "Invalid client"),
		},
	},
	"miro": {
		exchange: told{
			body:  `{"user_id":"3074457345821141000","refresh_token":"eyJ0.r","access_token":"eyJ0.a","expires_in":3599,"team_id":"3074457345821141000","scope":"boards:write boards:read","token_type":"bearer"}`,
			lives: 3599 * time.Second, scopes: "boards:write boards:read", refreshes: true, extra: "user_id team_id",
		},
		refresh: told{
			body:  `{"user_id":"3074457345821141000","refresh_token":"eyJ0.s","access_token":"eyJ0.b","expires_in":3599,"team_id":"3074457345821141000","scope":"boards:read","token_type":"bearer"}`,
			lives: 3599 * time.Second, scopes: "boards:read", refreshes: true, extra: "user_id team_id",
		},
		refusals: []refused{
			deadGrant("The refresh token is not valid"),
			{"a refusal in the form of the API", 401, `{"status":401,"code":"tokenNotProvided","message":"No authorization","context":"","type":"error"}`, oauth.Misconfigured},
			{"too many requests", 429, `{"status":429,"code":"tooManyRequests","message":"Request was blocked due to rate limiting","type":"error"}`, oauth.Transient},
		},
	},
}
