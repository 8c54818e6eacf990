package entra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"strongroom"
	"strongroom/internal/probe/failure"
	"strongroom/secret"
)

// Application says who signs in.
type Application struct {
	// TenantID is the directory's UUID or one of its domains.
	TenantID, ClientID string
	ClientSecret       secret.Value
}

// Token gets an access token for the scope. authority is the sign-in service's address
// ("https://login.microsoftonline.com"); the client bounds what is read. Errors are
// *failure.Error.
func Token(ctx context.Context, client *http.Client, authority string, a Application, scope string) (secret.Value, error) {
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {a.ClientID},
		"client_secret": {string(a.ClientSecret.Reveal())},
		"scope":         {scope},
	}
	address := strings.TrimSuffix(authority, "/") + "/" + url.PathEscape(a.TenantID) + "/oauth2/v2.0/token"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return secret.Value{}, errStranger
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return secret.Value{}, broken(errors.Join(err, ctx.Err()))
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	// A server that sees the end of the context, too, may end its answer properly.
	if err = errors.Join(err, ctx.Err()); err != nil {
		return secret.Value{}, broken(err)
	}
	defer clear(body)
	if response.StatusCode != http.StatusOK {
		return secret.Value{}, refused(response.StatusCode, body)
	}
	return read(body)
}

// read takes the token out of an answer (RFC 6749, section 5.1).
func read(body []byte) (secret.Value, error) {
	var answer struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	if json.NewDecoder(bytes.NewReader(body)).Decode(&answer) != nil || answer.Token == "" || !strings.EqualFold(answer.Type, "Bearer") {
		return secret.Value{}, errStranger
	}
	// It becomes a header, and no header holds these.
	if strings.ContainsFunc(answer.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.Value{}, errStranger
	}
	return secret.New([]byte(answer.Token)), nil
}

var errStranger = &failure.Error{Code: strongroom.CheckProtocol, Message: "What answered is not Microsoft Entra; check what stands between this service and Microsoft"}
