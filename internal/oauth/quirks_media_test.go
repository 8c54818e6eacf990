package oauth_test

import (
	"time"

	"strongroom/internal/oauth"
)

// mediaAnswers are of providers of music and sports.
var mediaAnswers = map[string]saying{
	"spotify": {
		exchange: told{
			body:  `{"access_token":"NgCXRK-MzYjw","token_type":"Bearer","scope":"user-read-private user-read-email","expires_in":3600,"refresh_token":"NgAagA-Um_SHo"}`,
			lives: time.Hour, scopes: "user-read-private user-read-email", refreshes: true,
		},
		refresh: told{
			body:  `{"access_token":"BQBLuPRYBQ-BP8stIv5xr-Iwaf4l8eg","token_type":"Bearer","expires_in":3600,"scope":"user-read-email"}`,
			lives: time.Hour, scopes: "user-read-email",
		},
		refusals: []refused{
			deadGrant("Refresh token revoked"),
			{"a code that has ended", 400, `{"error":"invalid_grant","error_description":"Invalid authorization code"}`, oauth.Dead},
			unknownClient(400, "Invalid client secret"),
			{"a failure of its own", 503, `{"error":"server_error","error_description":"Failed to remove token"}`, oauth.Transient},
		},
	},
	"strava": {
		exchange: told{
			body:  `{"token_type":"Bearer","expires_at":1568775134,"expires_in":21600,"refresh_token":"e5n567567","access_token":"a4b945687g","athlete":{"id":6958432,"username":null,"city":"London"}}`,
			lives: 6 * time.Hour, refreshes: true, extra: "athlete",
		},
		refresh: told{
			body:  `{"token_type":"Bearer","access_token":"a9b723","expires_at":1568775135,"expires_in":20566,"refresh_token":"b5c569"}`,
			lives: 20566 * time.Second, refreshes: true,
		},
		refusals: []refused{
			{"a refresh token that has ended", 400, `{"message":"Bad Request","errors":[{"resource":"RefreshToken","field":"refresh_token","code":"invalid"}]}`, oauth.Dead},
			{"a code that has ended", 400, `{"message":"Bad Request","errors":[{"resource":"AuthorizationCode","field":"","code":"expired"}]}`, oauth.Dead},
			{"a client that is not known", 400, `{"message":"Bad Request","errors":[{"resource":"Application","field":"client_id","code":"invalid"}]}`, oauth.Misconfigured},
			{"no list of what is wrong", 400, `{"message":"Bad Request","errors":[]}`, oauth.Misconfigured},
			{"too many requests", 429, `{"message":"Rate Limit Exceeded","errors":[{"resource":"Application","field":"rate limit","code":"exceeded"}]}`, oauth.Transient},
		},
	},
}
