package azure

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"strongroom"
	"strongroom/internal/probe/failure"
)

const (
	stranger    = "What answered did not answer as Azure Blob Storage does; check the account, the endpoint suffix or the address"
	firewall    = "The storage account's firewall does not let this service in; allow its address under the account's networking"
	disabled    = "The storage account is disabled; look at the state of its subscription in the portal"
	notForBlobs = "The shared access signature is not for blobs; make one for the blob service"
	overHTTPS   = "The shared access signature is not for this protocol; make one for HTTPS"
	elsewhere   = "The shared access signature is good from other addresses only; make one whose address range holds this service's"
	noKeys      = "The storage account takes no account keys, nor signatures made with them; allow key access in its configuration, or use an application (client_credentials)"
	outdated    = "The server does not know the version of Azure's interface that it is asked in; an emulator has to be updated"
	busy        = "Azure Blob Storage is out of order or overloaded; try again later"
	missing     = "The container does not exist in this account; check its name, or create it"
)

// skew is how far Azure lets a clock be off.
const skew = 15 * time.Minute

var errAnswer = &failure.Error{Code: strongroom.CheckProtocol, Message: stranger}

// reasons are the sentences for Azure's error codes that mean the same for every form
// (https://learn.microsoft.com/en-us/rest/api/storageservices/common-rest-api-error-codes).
var reasons = map[bloberror.Code]*failure.Error{
	bloberror.AuthorizationFailure:              {Code: strongroom.CheckPermission, Message: firewall},
	bloberror.AuthorizationServiceMismatch:      {Code: strongroom.CheckPermission, Message: notForBlobs},
	bloberror.AuthorizationProtocolMismatch:     {Code: strongroom.CheckPermission, Message: overHTTPS},
	bloberror.AuthorizationSourceIPMismatch:     {Code: strongroom.CheckPermission, Message: elsewhere},
	bloberror.AccountIsDisabled:                 {Code: strongroom.CheckPermission, Message: disabled},
	bloberror.InsufficientAccountPermissions:    {Code: strongroom.CheckPermission, Message: "The storage account may only be read at the moment, or not at all; look at its state in the portal"},
	"KeyBasedAuthenticationNotPermitted":        {Code: strongroom.CheckPermission, Message: noKeys},
	bloberror.ContainerNotFound:                 {Code: strongroom.CheckProtocol, Message: missing},
	bloberror.ResourceNotFound:                  {Code: strongroom.CheckProtocol, Message: missing},
	bloberror.ContainerBeingDeleted:             {Code: strongroom.CheckProtocol, Message: "The container is being deleted; name another one"},
	bloberror.ContainerDisabled:                 {Code: strongroom.CheckProtocol, Message: "The container is disabled; look at its state in the portal"},
	bloberror.BlobNotFound:                      {Code: strongroom.CheckProtocol, Message: "The blob that the SAS URL names does not exist; check its name"},
	bloberror.InvalidQueryParameterValue:        {Code: strongroom.CheckAuth, Message: "Azure cannot read the shared access signature; copy the whole of it again"},
	bloberror.InvalidHeaderValue:                {Code: strongroom.CheckProtocol, Message: outdated},
	bloberror.UnsupportedHeader:                 {Code: strongroom.CheckProtocol, Message: outdated},
	bloberror.ServerBusy:                        {Code: strongroom.CheckProtocol, Message: busy},
	bloberror.InternalError:                     {Code: strongroom.CheckProtocol, Message: busy},
	bloberror.OperationTimedOut:                 {Code: strongroom.CheckTimeout, Message: "Azure Blob Storage did not finish in time; try again later"},
	"TooManyRequests":                           {Code: strongroom.CheckProtocol, Message: busy},
	bloberror.AuthorizationResourceTypeMismatch: {Code: strongroom.CheckPermission, Message: "The shared access signature is not for containers; make one with the resource type Container"},
}

// explain says why the storage account did not answer as hoped for. Its own words are not
// repeated: they quote the request.
func explain(ctx context.Context, err error, t *target, now time.Time) *failure.Error {
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		return t.reported(response, now)
	}
	if r, ok := failure.Connection(errors.Join(err, ctx.Err()), "The server at "+t.service.Host); ok {
		if r.Code == strongroom.CheckDNS && t.account != "" {
			r.Message = "The storage account's host cannot be resolved: there is no account of this name, or the endpoint suffix is another; check both"
		}
		return &failure.Error{Code: r.Code, Message: r.Message}
	}
	return errAnswer
}

// reported says what an answer means that is not the hoped-for one.
func (t *target) reported(r *azcore.ResponseError, now time.Time) *failure.Error {
	switch code := bloberror.Code(r.ErrorCode); code {
	case bloberror.AuthenticationFailed, bloberror.InvalidAuthenticationInfo, bloberror.NoAuthenticationInformation, bloberror.MissingRequiredHeader:
		return t.unauthenticated(r.RawResponse, now)
	case bloberror.AuthorizationPermissionMismatch:
		return t.unauthorized()
	default:
		if f, ok := reasons[code]; ok {
			return f
		}
		return t.other(r)
	}
}

// unauthenticated says why Azure does not believe who asks.
func (t *target) unauthenticated(response *http.Response, now time.Time) *failure.Error {
	// Azure's own clock is the one that counts.
	theirs, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		theirs = now
	}
	if signed, err := http.ParseTime(response.Request.Header.Get("x-ms-date")); err == nil && signed.Sub(theirs).Abs() > skew {
		return &failure.Error{Code: strongroom.CheckProtocol, Message: "Azure refuses requests from this server because its clock is wrong; the operator of this server has to set it"}
	}
	switch {
	case t.application != nil:
		return &failure.Error{Code: strongroom.CheckAuth, Message: "The storage account does not take the application's token; check that the tenant ID is that of the account's own directory, and the account's name"}
	case t.sas == nil:
		return &failure.Error{Code: strongroom.CheckAuth, Message: "The account key is not this storage account's, or was replaced; check the account's name, and copy the key again"}
	case !t.sas.expires.IsZero() && theirs.After(t.sas.expires):
		return &failure.Error{Code: strongroom.CheckAuth, Message: "The shared access signature has expired on " + t.sas.expires.Format(time.RFC3339) + "; make a new one"}
	case theirs.Before(t.sas.starts):
		return &failure.Error{Code: strongroom.CheckAuth, Message: "The shared access signature is good from " + t.sas.starts.Format(time.RFC3339) + " on and not before; wait, or make a new one"}
	}
	return &failure.Error{Code: strongroom.CheckAuth, Message: "The shared access signature does not fit: it was cut off or changed, is for another account or container, or the key or policy that it was made with is gone; copy the whole of it again, or make a new one"}
}

// unauthorized says what to do where Azure knows who asks, and says no.
func (t *target) unauthorized() *failure.Error {
	switch {
	case t.application != nil:
		return &failure.Error{Code: strongroom.CheckPermission, Message: "The application may not list this; give it the role Storage Blob Data Reader (or Contributor) on the account or the container, and wait some minutes until it counts"}
	case t.sas != nil && t.receive:
		return errReceive
	case t.sas != nil:
		return &failure.Error{Code: strongroom.CheckPermission, Message: "The shared access signature does not allow this; make one with the permissions Read and List"}
	}
	return &failure.Error{Code: strongroom.CheckPermission, Message: "The account key may not list this; look at the account's configuration in the portal"}
}

// other says what is known of an answer whose error code is not. The code is not shown: the
// host is of a user's choice, and could write anything there.
func (t *target) other(r *azcore.ResponseError) *failure.Error {
	if f := failure.Status(r.StatusCode, "Azure Blob Storage"); f != nil {
		return f
	}
	number := failure.Number(r.StatusCode)
	if r.StatusCode >= 300 && r.StatusCode < 400 {
		return &failure.Error{Code: strongroom.CheckProtocol, Message: "The server at " + t.service.Host + " redirects to another address" + number + ", which is not followed; check the address"}
	}
	return &failure.Error{Code: strongroom.CheckProtocol, Message: stranger + number}
}
