package aws

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"strongroom"
	"strongroom/internal/probe/failure"
)

const (
	stranger = "What answered is not Amazon SES; check the region, and what stands between this service and AWS"
	clock    = "AWS refuses requests from this server because its clock is wrong; the operator of this server has to set it"
	unknown  = "The access key is not known to AWS"
	mismatch = "The key's signature does not fit: the secret access key is not this access key's; copy both again, or make a new pair"
	denied   = "This key may not call SES: ses:GetAccount is missing from its policy, or a rule of the organization forbids it; allow it there"
	expired  = "The session token has expired; temporary keys end after some hours, so store new ones or an IAM user's own"
	busy     = "Amazon SES is asked too often with this account's keys; try again later"
	garbled  = "AWS cannot read the request's signature; check the access key and the session token for slips"
	unpaid   = "The AWS account is not signed up for Amazon SES, or is suspended; look at its status in the console"
)

var errAnswer = &failure.Error{Code: strongroom.CheckProtocol, Message: stranger}

// reasons are the sentences for AWS's error codes, in the spellings that its services have
// (https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html).
var reasons = map[string]*failure.Error{
	"SignatureDoesNotMatch":        {Code: strongroom.CheckAuth, Message: mismatch},
	"InvalidSignatureException":    {Code: strongroom.CheckAuth, Message: mismatch},
	"ExpiredToken":                 {Code: strongroom.CheckAuth, Message: expired},
	"ExpiredTokenException":        {Code: strongroom.CheckAuth, Message: expired},
	"RequestTimeTooSkewed":         {Code: strongroom.CheckProtocol, Message: clock},
	"RequestExpired":               {Code: strongroom.CheckProtocol, Message: clock},
	"AccessDenied":                 {Code: strongroom.CheckPermission, Message: denied},
	"AccessDeniedException":        {Code: strongroom.CheckPermission, Message: denied},
	"NotAuthorized":                {Code: strongroom.CheckPermission, Message: denied},
	"UnauthorizedOperation":        {Code: strongroom.CheckPermission, Message: denied},
	"OptInRequired":                {Code: strongroom.CheckPermission, Message: unpaid},
	"SubscriptionRequired":         {Code: strongroom.CheckPermission, Message: unpaid},
	"AccountSuspendedException":    {Code: strongroom.CheckPermission, Message: unpaid},
	"TooManyRequestsException":     {Code: strongroom.CheckProtocol, Message: busy},
	"Throttling":                   {Code: strongroom.CheckProtocol, Message: busy},
	"ThrottlingException":          {Code: strongroom.CheckProtocol, Message: busy},
	"LimitExceededException":       {Code: strongroom.CheckProtocol, Message: busy},
	"IncompleteSignature":          {Code: strongroom.CheckAuth, Message: garbled},
	"IncompleteSignatureException": {Code: strongroom.CheckAuth, Message: garbled},
}

// explainAPI says why the API did not answer as hoped for. AWS's own words are not
// repeated: they quote the request.
func explainAPI(ctx context.Context, err error, k key) *failure.Error {
	var reported smithy.APIError
	if errors.As(err, &reported) {
		if f := reason(reported, k); f != nil {
			return f
		}
	}
	if r, ok := failure.Connection(errors.Join(err, ctx.Err()), "Amazon SES in "+k.region); ok {
		if r.Code == strongroom.CheckDNS {
			r.Message = "Amazon SES has no address in the region " + k.region + "; check the region for a slip, and that SES is offered there"
		}
		return &failure.Error{Code: r.Code, Message: r.Message}
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return answered(response.HTTPStatusCode())
	}
	return errAnswer
}

// reason returns what an error code says; nil: it is not a known one.
func reason(reported smithy.APIError, k key) *failure.Error {
	code := reported.ErrorCode()
	switch code {
	case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId":
		return &failure.Error{Code: strongroom.CheckAuth, Message: unknown + hint(k)}
	case "SignatureDoesNotMatch", "InvalidSignatureException":
		// A signature that is too old or too young is told by AWS's text alone.
		text := strings.ToLower(reported.ErrorMessage())
		if strings.Contains(text, "expired") || strings.Contains(text, "not yet current") {
			return &failure.Error{Code: strongroom.CheckProtocol, Message: clock}
		}
	}
	return reasons[code]
}

// hint says what to do about a key that is not known.
func hint(k key) string {
	switch {
	case k.session != "":
		return ", or the session token is not its own; copy all three of the temporary keys again"
	case strings.HasPrefix(k.id, "ASIA"):
		return " without its session token; it is a temporary key, so store the token with it"
	}
	return "; check it for a slip, and that it is not deleted or deactivated, or make a new one"
}

// answered says what is known of an answer whose error code is not.
func answered(status int) *failure.Error {
	if f := failure.Status(status, "Amazon SES"); f != nil {
		return f
	}
	if status >= 300 {
		return &failure.Error{Code: strongroom.CheckProtocol, Message: "Amazon SES refused the request, and not for a known reason" + failure.Number(status) + "; check the region, and what stands between this service and AWS"}
	}
	return errAnswer
}

func isNotFound(err error) bool {
	var missing *types.NotFoundException
	return errors.As(err, &missing)
}
