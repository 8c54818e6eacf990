package probe

import (
	"cmp"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"strongroom/secret"
)

var errSFTPData = errors.New("the credential's data does not fit the SFTP definition; store it again")

// sftpData is a stored credential of the SFTP definition, of any of its types.
type sftpData struct {
	Host                 string    `json:"host"`
	Port                 dataPort  `json:"port"`
	Username             string    `json:"username"`
	AuthType             string    `json:"auth_type"`
	Password             string    `json:"password"`
	PrivateKeyData       string    `json:"private_key_data"`
	PrivateKey           string    `json:"private_key"`
	PrivateKeyPassphrase string    `json:"private_key_passphrase"`
	Passphrase           string    `json:"passphrase"`
	HostKey              dataLines `json:"host_key"`
	TestPath             string    `json:"test_path"`
}

// SFTPData reads what to test from a stored credential's JSON, in either spelling of the
// members that have two. "auth_type" decides where there are a password and a key; without
// it both are used. The error holds nothing of the data.
func SFTPData(data secret.Value) (SFTP, error) {
	var d sftpData
	if json.Unmarshal(data.Reveal(), &d) != nil {
		return SFTP{}, errSFTPData
	}
	s := SFTP{
		Host:     d.Host,
		Port:     int(d.Port),
		Username: d.Username,
		HostKeys: d.HostKey,
		TestPath: d.TestPath,
	}
	if d.AuthType != "private_key" {
		s.Password = secretText(d.Password)
	}
	if d.AuthType != "password" {
		s.PrivateKey = secretText(cmp.Or(d.PrivateKeyData, d.PrivateKey))
		s.Passphrase = secretText(cmp.Or(d.PrivateKeyPassphrase, d.Passphrase))
	}
	return s, nil
}

func secretText(s string) secret.Value { return secret.New([]byte(s)) }

// dataPort is a port as a number or as text.
type dataPort int

// UnmarshalJSON refuses what is no port; null is none.
func (p *dataPort) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	// A whole number may be written 22.0 (JSON Schema, core, section 4.2.3).
	n, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil || n != float64(uint16(n)) || n == 0 {
		return errSFTPData
	}
	*p = dataPort(n)
	return nil
}

// dataLines is one line or a list of them.
type dataLines []string

// UnmarshalJSON accepts a string and an array of strings.
func (l *dataLines) UnmarshalJSON(b []byte) error {
	var one *string
	if json.Unmarshal(b, &one) == nil {
		if one != nil {
			*l = dataLines{*one}
		}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}
