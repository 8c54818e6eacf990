package aws

import (
	"cmp"
	"encoding/json"
	"net"
	"regexp"
	"strconv"
	"strings"

	"strongroom"
	"strongroom/internal/probe/failure"
	"strongroom/secret"
)

var (
	errData   = &failure.Error{Code: strongroom.CheckProtocol, Message: "The credential's data does not fit the definition of Amazon SES; store it again"}
	errRegion = &failure.Error{Code: strongroom.CheckDNS, Message: "The region is not one of AWS; write its code, such as eu-west-1"}
	errHost   = &failure.Error{Code: strongroom.CheckDNS, Message: "The host must be a name or an IP address alone, without scheme, user, port or path"}
	errPort   = &failure.Error{Code: strongroom.CheckRefused, Message: "The port must be a number from 1 to 65535"}
	errLogin  = &failure.Error{Code: strongroom.CheckAuth, Message: "The user name and the password must not be empty, nor hold a NUL character; store them again"}
)

var (
	// regionForm keeps a region from naming another host than one of AWS.
	regionForm = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
	hostForm   = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)
)

const (
	maxRegion = 32
	maxHost   = 253
)

// data is a stored credential of either type.
type data struct {
	AccessKeyID     string  `json:"access_key_id"`
	SecretAccessKey string  `json:"secret_access_key"`
	SessionToken    string  `json:"session_token"`
	Region          string  `json:"region"`
	FromAddress     string  `json:"from_address"`
	Username        string  `json:"username"`
	Password        string  `json:"password"`
	Host            string  `json:"host"`
	Port            float64 `json:"port"`
}

// key signs requests to the API.
type key struct {
	id, secret, session string
	region              string
	// sender is "" where none is named.
	sender string
}

// mailbox is where to sign in over SMTP.
type mailbox struct {
	username, password string
	host               string
	port               int
}

func (m mailbox) address() string { return net.JoinHostPort(m.host, strconv.Itoa(m.port)) }

func read(v secret.Value) (data, error) {
	var d data
	if json.Unmarshal(v.Reveal(), &d) != nil {
		return data{}, errData
	}
	if len(d.Region) > maxRegion || !regionForm.MatchString(d.Region) {
		return data{}, errRegion
	}
	return d, nil
}

// readKey reads data of the type api_key; errors are *failure.Error.
func readKey(v secret.Value) (key, error) {
	d, err := read(v)
	if err == nil && (d.AccessKeyID == "" || d.SecretAccessKey == "") {
		err = errData
	}
	if err != nil {
		return key{}, err
	}
	return key{d.AccessKeyID, d.SecretAccessKey, d.SessionToken, d.Region, d.FromAddress}, nil
}

// readMailbox reads data of the type user_password; errors are *failure.Error.
func readMailbox(v secret.Value) (mailbox, error) {
	const defaultPort = 587
	d, err := read(v)
	if err != nil {
		return mailbox{}, err
	}
	host := cmp.Or(d.Host, "email-smtp."+d.Region+".amazonaws.com")
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	port := cmp.Or(d.Port, defaultPort)
	switch {
	case len(host) > maxHost, !hostForm.MatchString(host):
		return mailbox{}, errHost
	// A whole number may be written 587.0 (JSON Schema, core, section 4.2.3).
	case port < 1 || port > 65535 || port != float64(int(port)):
		return mailbox{}, errPort
	case d.Username == "" || d.Password == "" || strings.ContainsRune(d.Username+d.Password, 0):
		return mailbox{}, errLogin
	}
	return mailbox{d.Username, d.Password, host, int(port)}, nil
}
