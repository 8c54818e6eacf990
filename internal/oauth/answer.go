package oauth

import (
	"time"

	"strongroom"
	"strongroom/secret"
)

// Outcome is what became of a request to a token endpoint. The zero Outcome is none.
type Outcome int

// The outcomes.
const (
	// Renewed: there is a new token.
	Renewed Outcome = iota + 1
	// Dead: the provider says that the grant, or the code, has ended. Trying again does
	// not help.
	Dead
	// Transient: the provider could not be asked, or could not answer; try again later.
	Transient
	// Misconfigured: the provider does not take the client or the request; somebody has to
	// correct that, and until then it is tried again, seldom.
	Misconfigured
	// Uncertain: the request may have replaced the refresh token, and its answer is lost.
	Uncertain
)

var outcomes = [...]string{Renewed: "renewed", Dead: "dead", Transient: "transient", Misconfigured: "misconfigured", Uncertain: "uncertain"}

// String returns the outcome as a word, for logs and records.
func (o Outcome) String() string {
	if o < Renewed || int(o) >= len(outcomes) {
		return "none"
	}
	return outcomes[o]
}

// Answer is what a token endpoint's response, or the lack of one, means.
type Answer struct {
	Outcome Outcome
	// Reason is empty with Renewed.
	Reason strongroom.StatusReason
	// RetryAfter is how long the provider asks to be left alone; 0: it does not say.
	RetryAfter time.Duration
	// Token is there with Renewed alone.
	Token Token
	// Cause says more, for the log; nil with Renewed. It never quotes the response.
	Cause error
}

// Token is a token response (RFC 6749, section 5.1).
type Token struct {
	// Members is the response as a JSON object of at most MaxAnswer bytes, without those
	// members that a credential's data has for purposes of its own.
	Members secret.Value
	// ExpiresIn is the access token's lifetime; 0: none was given that makes sense.
	ExpiresIn time.Duration
	// RefreshExpiresIn is the refresh token's; 0: none was given.
	RefreshExpiresIn time.Duration
	// Scopes are those granted; nil: the response does not say.
	Scopes []string
	// HasRefreshToken says that the response brings a refresh token.
	HasRefreshToken bool
	// IDToken is empty where there is none.
	IDToken secret.Value
}

// Response is what a token endpoint sent over HTTP.
type Response struct {
	Status      int
	ContentType string
	// RetryAfter is the header of that name.
	RetryAfter string
	Body       []byte
	// Truncated says that the connection broke before the body's end.
	Truncated bool
}
