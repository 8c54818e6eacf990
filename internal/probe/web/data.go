package web

import (
	"encoding/json"
	"strconv"
	"strings"

	"strongroom"
	"strongroom/internal/probe/failure"
	"strongroom/secret"
)

var (
	errData    = &failure.Error{Code: strongroom.CheckProtocol, Message: "The credential's data does not fit its definition; store it again"}
	errNoToken = &failure.Error{Code: strongroom.CheckAuth, Message: "There is no access token to test; connect the account again"}
)

// tokenData are the members of OAuth data that a test reads; the tokens are fresh.
type tokenData struct {
	AccessToken text      `json:"access_token"`
	TokenType   string    `json:"token_type"`
	Scope       scopeList `json:"scope"`
}

// graphData is a token, and which site it is for.
type graphData struct {
	tokenData
	SiteURL string `json:"site_url"`
	SiteID  string `json:"site_id"`
}

// secretData is a client's secret at Microsoft Entra.
type secretData struct {
	TenantID     string `json:"tenant_id"`
	ClientID     string `json:"client_id"`
	ClientSecret text   `json:"client_secret"`
	SiteURL      string `json:"site_url"`
}

// apiData is what opens an API, of any type of the definition.
type apiData struct {
	tokenData
	APIKey         text       `json:"api_key"`
	Key            text       `json:"key"`
	Header         string     `json:"header"`
	QueryParameter string     `json:"query_parameter"`
	Prefix         string     `json:"prefix"`
	Username       string     `json:"username"`
	Password       text       `json:"password"`
	TestURL        string     `json:"test_url"`
	ExpectedStatus httpStatus `json:"expected_status"`
}

// read reads a credential's JSON into the data of its type.
func read(data secret.Value, into any) error {
	if json.Unmarshal(data.Reveal(), into) != nil {
		return errData
	}
	return nil
}

// check refuses a token that is none, or that is of no use by itself.
func (d tokenData) check() error {
	switch {
	case d.AccessToken.Empty():
		return errNoToken
	// RFC 9449, section 5, and the type "mac" that RFC 6749, section 7.1, has as an example.
	case strings.EqualFold(d.TokenType, "DPoP"), strings.EqualFold(d.TokenType, "mac"):
		return &failure.Error{Code: strongroom.CheckProtocol, Message: "The token works only together with a key that is not stored here; have the provider issue bearer tokens"}
	}
	return nil
}

// text is a secret string.
type text struct{ secret.Value }

// UnmarshalJSON accepts a string; null is an empty one.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	err := json.Unmarshal(b, &s)
	t.Value = secret.New([]byte(s))
	return err
}

// scopeList are scopes, from a list or from a string with spaces between them.
type scopeList []string

// UnmarshalJSON accepts a string and an array of strings.
func (l *scopeList) UnmarshalJSON(b []byte) error {
	var line string
	if json.Unmarshal(b, &line) == nil {
		*l = strings.Fields(line)
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// httpStatus is an HTTP status; 0: none.
type httpStatus int

// UnmarshalJSON accepts a whole number from 100 to 599, however it is written (JSON
// Schema, core, section 4.2.3); null is none.
func (s *httpStatus) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	n, err := strconv.ParseFloat(string(b), 64)
	if err != nil || n < 100 || n > 599 || n != float64(int(n)) {
		return strconv.ErrRange
	}
	*s = httpStatus(n)
	return nil
}
