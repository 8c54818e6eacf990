package keyservice

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"strongroom/internal/outbound"
	"strongroom/internal/seal"
)

// Options are for tests; the zero value is production's.
type Options struct {
	// RootCAs are believed instead of the system's; nil: the system's.
	RootCAs *x509.CertPool
}

// openers make a service of what follows "scheme://".
var openers = map[string]func(context.Context, location, Options) (seal.Service, error){
	"awskms":        openKMS,
	"gcpkms":        openCloudKMS,
	"azurekeyvault": openKeyVault,
	"hashivault":    openTransit,
}

// Open opens the keeper that the location names:
//
//	awskms://KEY?region=REGION          KEY is a key's id or ARN, alias/NAME or its ARN;
//	                                    endpoint=URL where it is not the region's own
//	gcpkms://projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY
//	                                    endpoint=URL where it is not Google's own
//	azurekeyvault://VAULT.vault.azure.net/keys/NAME
//	                                    /VERSION behind it pins the version that wraps;
//	                                    resource=URL where the host is not Azure's own
//	hashivault://NAME?address=URL       mount=PATH (transit), namespace=PATH
//
// or else what [seal.OpenKeeper] knows. It asks the service for the key, once. Errors:
// seal.ErrKeeper, and seal.Away of it where the service is out of reach; others say what
// is wrong with the location.
func Open(ctx context.Context, where string, o Options) (seal.Keeper, error) {
	scheme, rest, _ := strings.Cut(where, "://")
	open, known := openers[scheme]
	if !known {
		return seal.OpenKeeper(ctx, where)
	}
	l, err := parseLocation(scheme, rest)
	if err != nil {
		return nil, err
	}
	service, err := open(ctx, l, o)
	if err != nil {
		return nil, err
	}
	keeper, err := seal.NewRemote(ctx, service)
	if err != nil {
		return nil, errors.Join(err, service.Close())
	}
	return keeper, nil
}

// location is where a root key is, taken apart.
type location struct {
	scheme string
	// path is everything up to the question mark.
	path  string
	query url.Values
}

// maxLocation bounds a location, in bytes. The longest names there are, an ARN's and a
// Cloud KMS key's, stay far below; expressions that count as far would take memory for good.
const maxLocation = 1024

func parseLocation(scheme, rest string) (location, error) {
	if len(rest) > maxLocation {
		return location{}, wrong(scheme, fmt.Sprintf("it is longer than %d bytes", maxLocation))
	}
	path, query, _ := strings.Cut(rest, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return location{}, wrong(scheme, "what follows the question mark is not NAME=VALUE&…")
	}
	return location{scheme: scheme, path: strings.TrimPrefix(path, "/"), query: values}, nil
}

// only refuses parameters other than these: a mistyped one would be passed over.
func (l location) only(names ...string) error {
	for name, values := range l.query {
		if !slices.Contains(names, name) || len(values) != 1 {
			return wrong(l.scheme, "the parameters are, once each: "+strings.Join(names, ", "))
		}
	}
	return nil
}

// wrong is the error of a location that cannot be used. Nothing of it is repeated.
func wrong(scheme, what string) error {
	return fmt.Errorf("root key %s://…: %s", scheme, what)
}

// base returns a URL without a slash at its end, of https, or of http on this machine.
func (l location) base(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", wrong(l.scheme, "an address is a URL as https://keys.example.com")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return "", wrong(l.scheme, "an address begins with https://, or with http:// on this machine alone")
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// everywhere: the operator has named the service, which is often inside the operator's own
// network, as the platform's metadata service is that its credentials come from.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func newDialer() *outbound.Dialer {
	return outbound.New(outbound.Options{Allow: everywhere, Timeout: exchangeTimeout})
}

// newHTTP returns a client for a key service and for where its credentials come from.
func newHTTP(roots *x509.CertPool) *http.Client {
	client := newDialer().HTTPClient(outbound.HTTPOptions{Timeout: exchangeTimeout, RootCAs: roots})
	client.Transport = bounded{client.Transport}
	return client
}
