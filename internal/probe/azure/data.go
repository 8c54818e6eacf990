package azure

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"time"

	"strongroom"
	"strongroom/internal/probe/failure"
	"strongroom/secret"
)

const (
	typeReceive strongroom.CredentialType = "azure_blob_receive"

	defaultSuffix = "core.windows.net"
)

var (
	errData      = &failure.Error{Code: strongroom.CheckProtocol, Message: "The credential's data does not fit the definition of Azure Blob Storage; store it again"}
	errAccount   = &failure.Error{Code: strongroom.CheckProtocol, Message: "The storage account's name must have 3 to 24 lower-case letters and digits; correct it"}
	errContainer = &failure.Error{Code: strongroom.CheckProtocol, Message: "The container's name must have 3 to 63 lower-case letters, digits and single hyphens; correct it"}
	errOther     = &failure.Error{Code: strongroom.CheckProtocol, Message: "The SAS URL is of another container than the one that is named; correct one of them"}
	errKey       = &failure.Error{Code: strongroom.CheckAuth, Message: "The account key is not base64; copy the whole key"}
)

var (
	accountForm   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerForm = regexp.MustCompile(`^(\$root|\$web|\$logs|[a-z0-9](-?[a-z0-9]){2,62})$`)
)

// data is a stored credential of any type.
type data struct {
	AccountName      string `json:"account_name"`
	AccountKey       string `json:"account_key"`
	SASToken         string `json:"sas_token"`
	SASURL           string `json:"sas_url"`
	ConnectionString string `json:"connection_string"`
	Container        string `json:"container"`
	Prefix           string `json:"prefix"`
	EndpointSuffix   string `json:"endpoint_suffix"`
	TenantID         string `json:"tenant_id"`
	ClientID         string `json:"client_id"`
	ClientSecret     string `json:"client_secret"`
}

// application signs in at Microsoft Entra.
type application struct {
	tenant, client, secret string
	authority              string
}

// target is what is asked, and with what: one of key, sas and application.
type target struct {
	// service is the storage account's address, with the account as its path where the host
	// does not name it.
	service *url.URL
	// account is "" where a host of the account's own hides it.
	account string
	// container and blob are "" where none is named.
	container, blob string
	// prefix narrows what is listed.
	prefix string
	// receive says that listing and reading are needed.
	receive bool

	key         string
	sas         *signature
	application *application
}

// details tells what is known of the target before it is asked.
func (t *target) details() map[string]any {
	details := map[string]any{}
	if t.account != "" {
		details["account"] = t.account
	}
	if t.container != "" {
		details["container"] = t.container
	}
	if t.sas != nil && !t.sas.expires.IsZero() {
		details["sas_expires_at"] = t.sas.expires.Format(time.RFC3339)
	}
	return details
}

// read reads stored data of any form. Of several the connection string wins, then the SAS
// URL, the account key and the SAS token. Errors are *failure.Error.
func read(t strongroom.CredentialType, v secret.Value) (*target, error) {
	var d data
	if json.Unmarshal(v.Reveal(), &d) != nil {
		return nil, errData
	}
	if d.Container != "" && !containerForm.MatchString(d.Container) {
		return nil, errContainer
	}
	found, err := d.target()
	if err != nil {
		return nil, err
	}
	found.container = cmp.Or(found.container, d.Container)
	found.receive = t == typeReceive
	if found.receive {
		found.prefix = d.Prefix
	}
	return found, found.check()
}

func (d data) target() (*target, error) {
	switch {
	case d.ClientSecret != "":
		return d.forApplication()
	case d.ConnectionString != "":
		return readConnectionString(d.ConnectionString)
	case d.SASURL != "":
		return readSASURL(d.SASURL, d.Container)
	case d.AccountKey != "":
		return d.named(d.AccountKey, "")
	case d.SASToken != "":
		return d.named("", d.SASToken)
	}
	return nil, errData
}

// named returns the target that account_name and endpoint_suffix name.
func (d data) named(key, sas string) (*target, error) {
	service, err := accountAddress("https", d.AccountName, d.EndpointSuffix)
	if err != nil {
		return nil, err
	}
	t := &target{service: service, account: d.AccountName, key: key}
	if sas != "" {
		t.sas, err = readSignature(sas)
	}
	return t, err
}

func (d data) forApplication() (*target, error) {
	t, err := d.named("", "")
	if err != nil {
		return nil, err
	}
	t.application = &application{d.TenantID, d.ClientID, d.ClientSecret, authority(d.EndpointSuffix)}
	return t, nil
}

// authority returns the sign-in service of a cloud, which its endpoint suffix tells
// (https://learn.microsoft.com/en-us/entra/identity-platform/authentication-national-cloud).
func authority(suffix string) string {
	switch suffix {
	case "core.usgovcloudapi.net":
		return "https://login.microsoftonline.us"
	case "core.chinacloudapi.cn":
		return "https://login.chinacloudapi.cn"
	}
	return "https://login.microsoftonline.com"
}

// check finds what cannot work, before anything is connected to.
func (t *target) check() error {
	if _, err := base64.StdEncoding.DecodeString(t.key); err != nil {
		return errKey
	}
	if t.sas != nil {
		return t.sas.check(t)
	}
	return nil
}
