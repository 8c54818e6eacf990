package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"strongroom"
	"strongroom/internal/probe/failure"
	"strongroom/secret"
)

const (
	typeKey      = strongroom.CredentialType("api_key")
	typePassword = strongroom.CredentialType("user_password")
	typeOAuth    = strongroom.CredentialType("oauth2")

	// defaultHeader carries the key where the data names no place.
	defaultHeader = "X-API-Key"
)

// apis are how sentences name an API, by what it is shown.
var apis = map[strongroom.CredentialType]party{
	typeKey:      {"The API", "the key", "check it, and the header, prefix or query parameter that carries it", apiAddress},
	typePassword: {"The API", "the user name and password", "check both", apiAddress},
	typeOAuth:    {"The API", "the token", "connect the account again, or store a new token", apiAddress},
}

const apiAddress = "check test_url"

var errNoTest = &failure.Error{Code: strongroom.CheckProtocol, Message: "There is no address to test the credential with; add test_url, an address that answers to it"}

// API tests data of the provider api_credential: it requests test_url with the key in its
// header or query parameter, with basic authentication, or with the bearer token. The test
// succeeds with expected_status, or where there is none with any status from 200 to 299.
// The answer's body is not read.
//
// The detail is "status", a number. It ends after 15 s.
func (p *Prober) API(ctx context.Context, t strongroom.CredentialType, data secret.Value) strongroom.CheckResult {
	return p.run(ctx, func(ctx context.Context, run *test) (string, error) {
		var d apiData
		if err := read(data, &d); err != nil {
			return "", err
		}
		if d.TestURL == "" {
			return "", errNoTest
		}
		request, err := newRequest(ctx, d.TestURL)
		if err != nil {
			return "", err
		}
		if err := d.sign(request, t); err != nil {
			return "", err
		}
		a, err := run.send(request, apis[t], phaseOperation, false)
		if err != nil {
			return "", err
		}
		run.details["status"] = a.status
		return judge(a.status, int(d.ExpectedStatus), apis[t])
	})
}

// sign puts the secret where the API looks for it.
func (d apiData) sign(request *http.Request, t strongroom.CredentialType) error {
	switch t {
	case typeKey:
		key := d.APIKey.Value
		if key.Empty() {
			key = d.Key.Value
		}
		switch {
		case key.Empty():
			return errData
		case d.QueryParameter != "":
			setQuery(request, d.QueryParameter, key)
			return nil
		}
		return setHeader(request, cmp.Or(d.Header, defaultHeader), strings.TrimSpace(d.Prefix), key)
	case typePassword:
		if d.Username == "" || d.Password.Empty() {
			return errData
		}
		setBasic(request, d.Username, d.Password.Value)
		return nil
	case typeOAuth:
		if err := d.check(); err != nil {
			return err
		}
		return setHeader(request, "Authorization", "Bearer", d.AccessToken.Value)
	}
	return errData
}

// judge compares the status with the one that is expected; 0: any of success.
func judge(status, expected int, from party) (string, error) {
	switch {
	case status == expected, expected == 0 && status >= 200 && status < 300:
		return fmt.Sprintf("%s answered with status %d, as expected", from.name, status), nil
	case status >= 200 && status < 300:
		return "", &failure.Error{Code: strongroom.CheckProtocol, Message: fmt.Sprintf("%s answered with status %d where %d is expected; check test_url and expected_status", from.name, status, expected)}
	}
	return "", from.refuses(status)
}
