package azure

import (
	"cmp"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/failure"
)

var (
	errAddress = &failure.Error{Code: strongroom.CheckProtocol, Message: "The storage account's address cannot be read; write https://ACCOUNT.blob.core.windows.net, or the account's own host"}
	errPlain   = &failure.Error{Code: strongroom.CheckTLS, Message: "The storage account's address is one of plain HTTP, over which the secret could be read on its way, so nothing was sent; write https://"}
	errString  = &failure.Error{Code: strongroom.CheckProtocol, Message: "The connection string cannot be read; copy the whole of it from the storage account's access keys"}
	errLocal   = &failure.Error{Code: strongroom.CheckBlockedAddress, Message: "UseDevelopmentStorage means the emulator of the machine that it is used on; name the address with BlobEndpoint"}
)

const maxHost = 253

var hostForm = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)

// accountAddress returns the address of an account's blobs.
func accountAddress(scheme, account, suffix string) (*url.URL, error) {
	if !accountForm.MatchString(account) {
		return nil, errAccount
	}
	return readAddress(scheme + "://" + account + ".blob." + cmp.Or(suffix, defaultSuffix))
}

// readAddress reads an address that a secret may be sent to. On this machine it may be an
// emulator's, which speaks plain HTTP.
func readAddress(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil, u.User != nil, u.Opaque != "", u.Fragment != "", len(u.Hostname()) > maxHost, !hostForm.MatchString(u.Hostname()):
		return nil, errAddress
	case u.Scheme == "http" && !outbound.IsLoopbackHost(u.Hostname()):
		return nil, errPlain
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errAddress
	}
	return u, nil
}

// split takes the account's name, and in the path-style form of emulators the segment that
// names it, off an address's path. What is left names the container and the blob.
func split(u *url.URL) (service *url.URL, account string, rest []string) {
	service = &url.URL{Scheme: u.Scheme, Host: u.Host}
	rest = strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })
	_, err := netip.ParseAddr(u.Hostname())
	if first, after, ok := strings.Cut(u.Hostname(), "."); ok && err != nil && strings.HasPrefix(after, "blob.") {
		account = first
	} else if (err == nil || u.Hostname() == "localhost") && len(rest) > 0 {
		account, rest = rest[0], rest[1:]
		service = service.JoinPath(account)
	}
	if !accountForm.MatchString(account) {
		account = ""
	}
	return service, account, rest
}

// readSASURL reads the URL of an account, a container or a blob with its signature.
func readSASURL(s, container string) (*target, error) {
	u, err := readAddress(s)
	if err != nil {
		return nil, err
	}
	t := &target{}
	if t.sas, err = readSignature(u.RawQuery); err != nil {
		return nil, err
	}
	var rest []string
	t.service, t.account, rest = split(u)
	if len(rest) == 0 {
		return t, nil
	}
	t.container, t.blob = rest[0], strings.Join(rest[1:], "/")
	switch {
	case !containerForm.MatchString(t.container):
		return nil, errContainer
	case container != "" && container != t.container:
		return nil, errOther
	}
	return t, nil
}

// readConnectionString reads pairs of Name=value between semicolons. The key wins over a
// signature, as in Microsoft's libraries.
func readConnectionString(s string) (*target, error) {
	values := map[string]string{}
	for pair := range strings.SplitSeq(strings.Trim(s, "; \r\n"), ";") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, errString
		}
		values[name] = value
	}
	if values["UseDevelopmentStorage"] == "true" {
		return nil, errLocal
	}
	t := &target{account: values["AccountName"]}
	if err := t.locate(values); err != nil {
		return nil, err
	}
	if values["AccountKey"] != "" {
		if !accountForm.MatchString(t.account) {
			return nil, errAccount
		}
		t.key = values["AccountKey"]
		return t, nil
	}
	var err error
	t.sas, err = readSignature(values["SharedAccessSignature"])
	return t, err
}

// locate finds the address that a connection string names.
func (t *target) locate(values map[string]string) (err error) {
	endpoint := values["BlobEndpoint"]
	if endpoint == "" {
		t.service, err = accountAddress(cmp.Or(values["DefaultEndpointsProtocol"], "https"), t.account, values["EndpointSuffix"])
		return err
	}
	u, err := readAddress(endpoint)
	if err != nil {
		return err
	}
	service, account, rest := split(u)
	if len(rest) > 0 || u.RawQuery != "" {
		return errAddress
	}
	t.service, t.account = service, cmp.Or(t.account, account)
	if t.account != "" && !accountForm.MatchString(t.account) {
		return errAccount
	}
	return nil
}
