package endpoint

import (
	"context"
	"net/url"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/secret"
)

// alreadyInvalid is how some providers answer for a token that has ended, where RFC 7009,
// section 2.2 wants a plain success.
const alreadyInvalid = "invalid_token"

// Revoke ends a token at the provider (RFC 7009); hint is "refresh_token" or
// "access_token". A token that had ended already is revoked, too. The errors are
// ErrUnsupported and *Error.
func (c *Caller) Revoke(ctx context.Context, def catalog.OAuth, client oauth.Client, token secret.Value, hint string) error {
	if def.RevocationEndpoint == "" {
		return ErrUnsupported
	}
	response, err := c.post(ctx, def, client, def.RevocationEndpoint, form{
		parameters: url.Values{"token_type_hint": {hint}},
		secrets:    map[string]secret.Value{"token": token},
	})
	if err != nil {
		return err
	}
	defer clear(response.Body)
	// What a success says beyond its status is not for clients (section 2.2), but that some
	// providers refuse with one.
	succeeded := response.Status >= 200 && response.Status < 300
	def.Errors.Dead = append([]string{alreadyInvalid}, def.Errors.Dead...)
	a := oauth.Classify(def, response, c.clock.Now())
	defer a.Token.Destroy()
	if a.Outcome == oauth.Dead || succeeded && a.Outcome != oauth.Misconfigured {
		return nil
	}
	reason := a.Reason
	if reason == strongroom.ReasonAnswerLost {
		reason = strongroom.ReasonMalformedAnswer
	}
	return &Error{Reason: reason, text: a.Cause.Error()}
}
