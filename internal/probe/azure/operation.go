package azure

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"strongroom/internal/probe/entra"
	"strongroom/internal/probe/phases"
	"strongroom/secret"
)

const (
	// scope is the same in every cloud.
	scope = "https://storage.azure.com/.default"
	// absent is the name of a blob that need not exist: only one who may read is told so.
	absent = "strongroom-connection-test"
)

// learnt is what a test that went well has found.
type learnt struct {
	message string
	listed  bool
}

// test asks the target. Errors are *failure.Error.
func (p *Prober) test(ctx context.Context, r *phases.Recorder, t *target) (learnt, error) {
	client := p.storage()
	defer client.CloseIdleConnections()
	options := policy.ClientOptions{
		Transport: client,
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}
	if t.application != nil {
		token, err := p.signIn(ctx, r, t.application)
		if err != nil {
			return learnt{}, err
		}
		defer token.Destroy()
		options.PerRetryPolicies = []policy.Policy{bearer{token}}
	}
	ctx = httptrace.WithClientTrace(ctx, phases.Trace(r, phaseOperation))
	found, err := t.look(ctx, options)
	if err != nil {
		return learnt{}, explain(ctx, err, t, p.clock.Now())
	}
	return found, nil
}

func (p *Prober) signIn(ctx context.Context, r *phases.Recorder, a *application) (secret.Value, error) {
	client := p.client()
	defer client.CloseIdleConnections()
	address := a.authority
	if p.options.Authority != "" {
		address = p.options.Authority
	}
	ctx = httptrace.WithClientTrace(ctx, phases.Trace(r, phaseLogin))
	who := entra.Application{TenantID: a.tenant, ClientID: a.client, ClientSecret: secret.New([]byte(a.secret))}
	defer who.ClientSecret.Destroy()
	return entra.Token(ctx, client, address, who, scope)
}

// bearer sends the token along.
type bearer struct{ token secret.Value }

// Do is called for each request.
func (b bearer) Do(r *policy.Request) (*http.Response, error) {
	r.Raw().Header.Set("Authorization", "Bearer "+string(b.token.Reveal()))
	return r.Next()
}

// look makes the call that asks for the least.
func (t *target) look(ctx context.Context, o policy.ClientOptions) (learnt, error) {
	switch {
	case t.container == "":
		err := t.listContainers(ctx, o)
		if t.sas != nil && isOutOfReach(err) {
			return learnt{"The shared access signature was accepted, but may not list containers; name one to have it looked at", false}, nil
		}
		return learnt{"Connected, and listed the account's containers", true}, err
	case t.sas == nil:
		return learnt{"Connected, and listed the container's blobs", true}, t.listBlobs(ctx, o)
	}
	return t.lookBySignature(ctx, o)
}

// lookBySignature lists the container or, where that is not allowed, looks at a blob. That
// a call is out of a signature's reach is said only once the signature was found good.
func (t *target) lookBySignature(ctx context.Context, o policy.ClientOptions) (learnt, error) {
	var err error
	if t.blob == "" && (t.sas.mayList() || !t.sas.mayRead()) {
		err = t.listBlobs(ctx, o)
		if err == nil {
			return learnt{"Connected, and listed the container's blobs", true}, nil
		}
		if t.receive || !isOutOfReach(err) {
			return learnt{}, err
		}
	}
	if t.blob != "" || t.sas.mayRead() {
		if err = t.lookAtBlob(ctx, o); err == nil {
			return learnt{"Connected; the shared access signature may read blobs, but its container was not listed", false}, nil
		}
	}
	if isOutOfReach(err) {
		return learnt{"The shared access signature was accepted, but may neither list nor read, so that nothing was looked at", false}, nil
	}
	return learnt{}, err
}

// isOutOfReach tells whether a signature is good, but not for this call.
func isOutOfReach(err error) bool {
	return bloberror.HasCode(err, bloberror.AuthorizationPermissionMismatch, bloberror.AuthorizationResourceTypeMismatch)
}

// address returns the address of what the path names in the account.
func (t *target) address(path ...string) string {
	u := t.service.JoinPath(path...)
	if t.sas != nil {
		u.RawQuery = t.sas.values.Encode()
	}
	return u.String()
}

func one() *int32 {
	n := int32(1)
	return &n
}

var errForm = errors.New("the answer is not what it should be")

func (t *target) listContainers(ctx context.Context, o policy.ClientOptions) error {
	var client *service.Client
	options := &service.ClientOptions{ClientOptions: o}
	var err error
	address := t.address("/")
	if t.key == "" {
		client, err = service.NewClientWithNoCredential(address, options)
	} else {
		var key *service.SharedKeyCredential
		if key, err = service.NewSharedKeyCredential(t.account, t.key); err == nil {
			client, err = service.NewClientWithSharedKeyCredential(address, key, options)
		}
	}
	if err != nil {
		return err
	}
	page, err := client.NewListContainersPager(&service.ListContainersOptions{MaxResults: one()}).NextPage(ctx)
	if err == nil && page.ServiceEndpoint == nil {
		return errForm
	}
	return err
}

func (t *target) listBlobs(ctx context.Context, o policy.ClientOptions) error {
	var client *container.Client
	options := &container.ClientOptions{ClientOptions: o}
	var err error
	address := t.address(t.container)
	if t.key == "" {
		client, err = container.NewClientWithNoCredential(address, options)
	} else {
		var key *container.SharedKeyCredential
		if key, err = container.NewSharedKeyCredential(t.account, t.key); err == nil {
			client, err = container.NewClientWithSharedKeyCredential(address, key, options)
		}
	}
	if err != nil {
		return err
	}
	question := &container.ListBlobsFlatOptions{MaxResults: one()}
	if t.prefix != "" {
		question.Prefix = &t.prefix
	}
	page, err := client.NewListBlobsFlatPager(question).NextPage(ctx)
	if err == nil && page.ServiceEndpoint == nil {
		return errForm
	}
	return err
}

// lookAtBlob asks for a blob's properties by a signature. Where the blob is not named it
// need not exist.
func (t *target) lookAtBlob(ctx context.Context, o policy.ClientOptions) error {
	name := t.blob
	if name == "" {
		name = absent
	}
	client, err := blob.NewClientWithNoCredential(t.address(t.container, url.PathEscape(name)), &blob.ClientOptions{ClientOptions: o})
	if err != nil {
		return err
	}
	properties, err := client.GetProperties(ctx, nil)
	switch {
	case t.blob == "" && bloberror.HasCode(err, bloberror.BlobNotFound):
		return nil
	case err == nil && properties.Version == nil:
		return errForm
	}
	return err
}
