package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"strongroom/secret"
)

var errData = errors.New("the credential's data is not that of a PostgreSQL database, or its connection string cannot be read")

// credential is the data of a PostgreSQL credential. The connection string, where there is
// one, wins over the fields.
type credential struct {
	Host             string      `json:"host"`
	Port             json.Number `json:"port"`
	Username         string      `json:"username"`
	Password         string      `json:"password"`
	Database         string      `json:"database"`
	SSLMode          string      `json:"sslmode"`
	SSLRootCert      string      `json:"sslrootcert"`
	ConnectionString string      `json:"connection_string"`
}

// configOf reads the credential's data.
func configOf(data secret.Value) (*pgx.ConnConfig, error) {
	var c credential
	if json.Unmarshal(data.Reveal(), &c) != nil {
		return nil, errData
	}
	tls := [][2]string{{"sslmode", cmp.Or(c.SSLMode, "prefer")}}
	if c.SSLRootCert != "" {
		// The driver takes CA certificates, which are public, from a file only.
		file, err := writeTemporary(c.SSLRootCert)
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.Remove(file) }()
		tls = append(tls, [2]string{"sslrootcert", file})
	}
	config, err := pgx.ParseConfig(withDefaults(cmp.Or(c.ConnectionString, c.url()), tls))
	if err != nil {
		// The driver's own error repeats the string, though without its password.
		return nil, errData
	}
	return config, nil
}

// url puts the fields together.
func (c credential) url() string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(c.Username, c.Password),
		Host: net.JoinHostPort(strings.Trim(c.Host, "[]"), cmp.Or(c.Port, "5432").String()), Path: "/" + c.Database,
	}).String()
}

// withDefaults puts parameters before those of a connection string, a URL or pairs of
// key=value: of two that are the same the later one, the string's own, holds.
func withDefaults(s string, defaults [][2]string) string {
	if !strings.HasPrefix(s, "postgres://") && !strings.HasPrefix(s, "postgresql://") {
		quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
		for _, d := range defaults {
			s = d[0] + "='" + quote.Replace(d[1]) + "' " + s
		}
		return s
	}
	// A password may have a question mark in it.
	host := strings.LastIndex(s, "@") + 1
	address, parameters, _ := strings.Cut(s[host:], "?")
	for _, d := range defaults {
		parameters = d[0] + "=" + url.PathEscape(d[1]) + "&" + parameters
	}
	return s[:host] + address + "?" + parameters
}

func writeTemporary(text string) (path string, err error) {
	f, err := os.CreateTemp("", "validate-ca-")
	if err != nil {
		return "", errors.New("the CA certificates cannot be put into a file for the driver; check the directory for temporary files")
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(errors.New("the CA certificates cannot be put into a file for the driver; check the directory for temporary files"), os.Remove(f.Name()))
	}
	return f.Name(), nil
}
