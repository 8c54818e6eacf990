package examples_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"strongroom/internal/probe/pgtest"
)

// strangerCA is a certificate, in PEM, that no server's leads to.
func strangerCA(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Stranger"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// database is a database that one role may connect to.
type database struct {
	*pgtest.Server
	name, role, password string
}

func newDatabase(t *testing.T) database {
	t.Helper()
	d := database{Server: pgtest.Start(t)}
	d.role, d.password = d.Role(t, "login")
	d.name = d.Database(t)
	d.Exec(t, "", "grant connect on database "+d.name+" to "+d.role)
	return d
}

// fields is a credential for the database.
func (d database) fields() map[string]any {
	return map[string]any{"host": d.Host, "port": d.Port, "username": d.role, "password": d.password, "database": d.name}
}

func (d database) url(parameters string) string {
	return fmt.Sprintf("postgres://%s:%s@%s:%s/%s%s", d.role, d.password, d.Host, d.Port, d.name, parameters)
}

func (d database) pairs() string {
	return fmt.Sprintf("host=%s port=%s user=%s password='%s' dbname=%s", d.Host, d.Port, d.role, d.password, d.name)
}

func TestAHealthServiceValidatesADatabase(t *testing.T) {
	s := begin(t, nil)
	d := newDatabase(t)
	proven := func(data map[string]any, ca string) map[string]any {
		return with(with(data, "sslmode", "verify-full"), "sslrootcert", ca)
	}
	url := func(parameters string) map[string]any { return map[string]any{"connection_string": d.url(parameters)} }
	pairs := map[string]any{"connection_string": d.pairs()}
	stranger := strangerCA(t)
	for name, c := range map[string]struct {
		data   map[string]any
		secret string
		says   string // empty: it works
	}{
		"by its fields":                                {d.fields(), "password", ""},
		"by its fields, with the server proven":        {proven(d.fields(), d.CA), "password", ""},
		"by a URL":                                     {url("?sslmode=require&application_name=health"), "connection_string", ""},
		"by a URL, with the server proven":             {proven(url(""), d.CA), "connection_string", ""},
		"by pairs, with the server proven":             {proven(map[string]any{"connection_string": d.pairs()}, d.CA), "connection_string", ""},
		"by pairs":                                     {pairs, "connection_string", ""},
		"by a URL that asks for less than the fields":  {proven(url("?sslmode=disable"), stranger), "connection_string", ""},
		"not where the server proves another":          {proven(d.fields(), stranger), "password", "the server's certificate does not prove"},
		"not where it proves another, by a URL":        {proven(url(""), stranger), "connection_string", "the server's certificate does not prove"},
		"not where it proves another, by long URL":     {proven(url("?application_name=health"), stranger), "connection_string", "the server's certificate does not prove"},
		"not where it proves another, by pairs":        {proven(map[string]any{"connection_string": d.pairs()}, stranger), "connection_string", "the server's certificate does not prove"},
		"not where the password is another":            {with(d.fields(), "password", "not-"+d.password), "password", "the server refused the user name or the password"},
		"not where the database is not there":          {with(d.fields(), "database", "nowhere"), "password", "the database does not exist"},
		"not where the user may not connect":           {with(d.fields(), "database", d.Database(t)), "password", "the user may not connect"},
		"not where nobody listens":                     {with(d.fields(), "port", 1), "password", "the server is not reached: dial tcp"},
		"not where the server refuses something else":  {url("?options=-crole%3D1"), "connection_string", "the server refused with SQLSTATE"},
		"not where the password is right but for case": {with(d.fields(), "password", d.password+" "), "password", "the server refused the user name or the password"},
	} {
		t.Run(name, func(t *testing.T) {
			id := s.store(t, "postgresql", "user_password", c.data, c.secret)
			r := s.run(t, s.key, "validate", id)
			if c.says != "" {
				r.refused(t, "validate: "+c.says)
				return
			}
			var version string
			if _, err := fmt.Sscanf(r.succeeded(t).stdout, "The credential opens its database: PostgreSQL %s", &version); err != nil || version[0] < '1' || version[0] > '9' {
				t.Errorf("it says %q", r.stdout)
			}
		})
	}
	t.Run("not where it is no database's", func(t *testing.T) {
		id := s.store(t, "api_credential", "api_key", map[string]any{"api_key": "unguessed-5"}, "api_key")
		s.run(t, s.key, "validate", id).refused(t, "this is a credential for api_credential, not for postgresql")
	})
}
