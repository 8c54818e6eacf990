package aws

import (
	"context"
	"net/http/httptrace"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/smithy-go/middleware"

	"strongroom/internal/outbound"
	"strongroom/internal/probe/bounded"
	"strongroom/internal/probe/phases"
)

// The states of an account's reputation, as they are shown.
var enforcements = []string{"HEALTHY", "PROBATION", "SHUTDOWN"}

// askAPI asks what the account may send. Errors are *failure.Error.
func (p *Prober) askAPI(ctx context.Context, r *phases.Recorder, k key) (learnt, error) {
	client := bounded.Client(p.dialer.HTTPClient(outbound.HTTPOptions{Timeout: timeout, RootCAs: p.options.RootCAs}))
	defer client.CloseIdleConnections()
	ctx = httptrace.WithClientTrace(ctx, phases.Trace(r, phaseOperation))
	api := sesv2.New(p.apiOptions(k, client))
	account, err := api.GetAccount(ctx, &sesv2.GetAccountInput{})
	if err != nil {
		return learnt{}, explainAPI(ctx, err, k)
	}
	quota := account.SendQuota
	if quota == nil {
		// An answer that says nothing would read as one that says no.
		return learnt{}, errAnswer
	}
	details := map[string]any{
		"region":            k.region,
		"sending_enabled":   account.SendingEnabled,
		"production_access": account.ProductionAccessEnabled,
		"send_quota": map[string]any{
			"max_24_hours":   quota.Max24HourSend,
			"sent_24_hours":  quota.SentLast24Hours,
			"max_per_second": quota.MaxSendRate,
		},
	}
	if status := aws.ToString(account.EnforcementStatus); slices.Contains(enforcements, status) {
		details["enforcement_status"] = status
	}
	verified, known := isVerified(ctx, api, k.sender)
	if known {
		details["from_address_verified"] = verified
	}
	return learnt{verdict(account, known && !verified), details}, nil
}

// apiOptions leave nothing for the library to look for on the machine.
func (p *Prober) apiOptions(k key, client sesv2.HTTPClient) sesv2.Options {
	o := sesv2.Options{
		Region:     k.region,
		HTTPClient: client,
		Retryer:    aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: k.id, SecretAccessKey: k.secret, SessionToken: k.session}, nil
		}),
		DisableClockSkewCorrection: true,
		APIOptions:                 []func(*middleware.Stack) error{withoutEnvironment},
	}
	if p.options.Endpoint != "" {
		o.BaseEndpoint = &p.options.Endpoint
	}
	return o
}

// withoutEnvironment takes out of a request what tells AWS about the process: the trace of
// a Lambda function, and the User-Agent with the machine's system and AWS_EXECUTION_ENV.
func withoutEnvironment(stack *middleware.Stack) error {
	for _, id := range []string{"RecursionDetection", "UserAgent"} {
		if _, err := stack.Build.Remove(id); err != nil {
			return err
		}
	}
	return nil
}

// isVerified tells whether mail may be sent from the address. A verified domain vouches for
// its addresses and those of its subdomains. It is not known where none is named or the key
// may not ask.
func isVerified(ctx context.Context, api *sesv2.Client, sender string) (verified, known bool) {
	for _, identity := range identities(sender) {
		found, err := api.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: &identity})
		switch {
		case isNotFound(err):
			known = true
		case err != nil:
			return false, false
		case found.VerifiedForSendingStatus:
			return true, true
		default:
			known = true
		}
	}
	return false, known
}

// identities returns those that may vouch for an address, at most four: itself and its
// domain with the nearest parents, but not the top-level domain.
func identities(sender string) []string {
	const most = 4
	_, domain, ok := strings.Cut(sender, "@")
	if !ok || domain == "" {
		return nil
	}
	found := []string{sender}
	for strings.Contains(domain, ".") && len(found) < most {
		found = append(found, domain)
		_, domain, _ = strings.Cut(domain, ".")
	}
	return found
}

// verdict says what an account that answers can do.
func verdict(account *sesv2.GetAccountOutput, unverified bool) string {
	const works = "The access key works"
	switch {
	case !account.SendingEnabled:
		return works + ", but Amazon SES has sending switched off for this account and region; see its status in the console"
	case unverified:
		return works + ", but the sender is not verified in this region, so that its mail is refused; verify the address or its domain in the console"
	case !account.ProductionAccessEnabled:
		return works + "; the account is in the sandbox, so that mail goes to verified addresses only until production access is granted"
	}
	return works + " and the account may send"
}
