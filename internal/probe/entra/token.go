package entra

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"strongroom"
	"strongroom/internal/outbound"
	"strongroom/internal/probe/failure"
	"strongroom/secret"
)

// Application says who signs in.
type Application struct {
	// TenantID is the tenant's UUID or one of its domains.
	TenantID, ClientID string
	ClientSecret       secret.Value
}

// Token gets an access token for the scope (RFC 6749, section 4.4). authority is the
// address of Microsoft Entra ("https://login.microsoftonline.com"); the client bounds what
// is read, and follows no redirect. What cannot work is said without connecting. Errors are
// *failure.Error.
func Token(ctx context.Context, client *http.Client, authority string, a Application, scope string) (secret.Value, error) {
	request, err := newRequest(ctx, authority, a, scope)
	if err != nil {
		return secret.Value{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return secret.Value{}, broken(errors.Join(err, ctx.Err()), errStranger)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	defer clear(body)
	// A server that sees the end of the context, too, may end its answer properly.
	if err = errors.Join(err, ctx.Err()); err != nil {
		return secret.Value{}, broken(err, errHalf)
	}
	if response.StatusCode != http.StatusOK {
		return secret.Value{}, refused(response.StatusCode, body)
	}
	return read(body)
}

// tenantForm is that of UUIDs and domains, neither of which leaves its place in an address.
var tenantForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*$`)

const maxTenant = 253

// newRequest makes the request for a token, and refuses what would lead it elsewhere.
func newRequest(ctx context.Context, authority string, a Application, scope string) (*http.Request, error) {
	u, err := readAuthority(authority)
	if err != nil {
		return nil, err
	}
	if len(a.TenantID) > maxTenant || !tenantForm.MatchString(a.TenantID) {
		return nil, errTenant
	}
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {a.ClientID},
		"client_secret": {string(a.ClientSecret.Reveal())},
		"scope":         {scope},
	}
	address := u.JoinPath(a.TenantID, "oauth2/v2.0/token").String()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errAddress
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	return request, nil
}

// readAuthority refuses an address to which no secret may go.
func readAuthority(authority string) (*url.URL, error) {
	u, err := url.Parse(authority)
	switch {
	case err != nil, u.Hostname() == "", u.User != nil:
		return nil, errAddress
	case u.Scheme == "http" && !outbound.IsLoopbackHost(u.Hostname()):
		return nil, errPlain
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errAddress
	}
	return u, nil
}

// read takes the token out of an answer (RFC 6749, section 5.1).
func read(body []byte) (secret.Value, error) {
	var answer struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Token == "" || !strings.EqualFold(answer.Type, "Bearer") {
		return secret.Value{}, errStranger
	}
	// It becomes a header, and no header holds these.
	if strings.ContainsFunc(answer.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.Value{}, errStranger
	}
	return secret.New([]byte(answer.Token)), nil
}

var (
	errTenant   = &failure.Error{Code: strongroom.CheckAuth, Message: "tenant_id must be the tenant's UUID or one of its domains; copy it from the app registration"}
	errAddress  = &failure.Error{Code: strongroom.CheckProtocol, Message: "The address of " + name + " that is configured is none; correct it to one that begins with https://"}
	errPlain    = &failure.Error{Code: strongroom.CheckTLS, Message: "The address of " + name + " that is configured begins with http://, and the secret would go over the network unencrypted; use one that begins with https://"}
	errStranger = &failure.Error{Code: strongroom.CheckProtocol, Message: stranger + "; " + between}
	errHalf     = &failure.Error{Code: strongroom.CheckProtocol, Message: name + " broke its answer off in the middle; try again"}
)
