package connections_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/probe/sshtest"
)

// closed returns a port that nobody listens on.
func closed(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// silent returns the port of a server that takes connections and never says anything.
func silent(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var running sync.WaitGroup
	ended := make(chan struct{})
	t.Cleanup(func() {
		close(ended)
		_ = l.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				<-ended
				_ = conn.Close()
			})
		}
	})
	return l.Addr().(*net.TCPAddr).Port
}

// greeter returns the port of a server that speaks first, and hangs up.
func greeter(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "220 mail.example.com ESMTP\r\n")
			_ = conn.Close()
		}
	})
	return l.Addr().(*net.TCPAddr).Port
}

// web returns the port of a server that speaks HTTP.
func web(t *testing.T) int {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	return server.Listener.Addr().(*net.TCPAddr).Port
}

const unknownName = "no-such-host.invalid"

func TestAnSFTPConnectionIsTestedBeforeItIsStored(t *testing.T) {
	s := begin(t)
	server := s.sshd(sshtest.Options{})
	readOnly, chroot, noSFTP := s.sshd(sshtest.Options{ReadOnly: true}), s.sshd(sshtest.Options{Chroot: true}), s.sshd(sshtest.Options{NoSFTP: true})
	password, key := byPassword(server), byKey(server)
	const wrong = "not-the-password-of-anybody"
	s.secret(wrong)
	stranger := sshtest.Keygen(t, "ed25519", "")
	s.secret(stranger)
	for name, c := range map[string]struct {
		body object
		code strongroom.CheckCode
	}{
		"a password":               {password, ""},
		"a key":                    {key, ""},
		"a key with a passphrase":  {with(key, "private_key_data", server.ProtectedKey, "private_key_passphrase", server.Passphrase), ""},
		"the port as text":         {with(password, "port", fmt.Sprint(server.Port)), ""},
		"the server's host key":    {with(password, "host_key", server.HostKeyLine("ed25519")), ""},
		"several host keys":        {with(password, "host_key", []string{server.HostKeyLine("ed25519"), readOnly.HostKeyLine("ed25519")}), ""},
		"a root of the user's own": {byPassword(chroot), ""},

		"optional members that are empty": {with(password, "private_key_data", "", "private_key_passphrase", "", "host_key", "", "port", server.Port), ""},
		"optional members that are null":  {nulls(password, "private_key_data", "private_key_passphrase", "host_key"), ""},

		"nobody listens":                 {with(password, "port", closed(t)), strongroom.CheckRefused},
		"another password":               {with(password, "password", wrong), strongroom.CheckAuth},
		"another key":                    {with(key, "private_key_data", stranger), strongroom.CheckAuth},
		"a user whom there is not":       {with(password, "username", "sshtest-nobody"), strongroom.CheckAuth},
		"another server's host key":      {with(password, "host_key", readOnly.HostKeyLine("ed25519")), strongroom.CheckHostKey},
		"a folder that is read only":     {byPassword(readOnly), strongroom.CheckPermission},
		"a folder outside of the root":   {with(byPassword(chroot), "test_path", "/"), strongroom.CheckPermission},
		"a name that is not resolved":    {with(password, "host", unknownName), strongroom.CheckDNS},
		"an HTTP server":                 {with(password, "port", web(t)), strongroom.CheckProtocol},
		"no SFTP":                        {byPassword(noSFTP), strongroom.CheckProtocol},
		"a link-local address":           {with(password, "host", "169.254.169.254"), strongroom.CheckBlockedAddress},
		"an address inside the network":  {with(password, "host", "10.0.0.1"), strongroom.CheckBlockedAddress},
		"that address in another family": {with(password, "host", "::ffff:10.0.0.1"), strongroom.CheckBlockedAddress},
	} {
		t.Run(name, func(t *testing.T) { wantTried(t, s.try(unsavedSFTP, c.body), c.code) })
	}
	wantEmpty(t, server.Dir)
	wantEmpty(t, chroot.Dir)
}

// wantEmpty fails the test where a test has left something in the user's folder.
func wantEmpty(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	must(t, err)
	for _, entry := range left {
		t.Errorf("%s is left in the folder", entry.Name())
	}
}

// nulls returns the object with members that are null.
func nulls(o object, members ...string) object {
	out := with(o)
	for _, name := range members {
		out[name] = nil
	}
	return out
}

func TestAPostgreSQLConnectionIsTestedBeforeItIsStored(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	other := newCA(t)
	barred, barredPassword := d.newRole()
	const wrong = "not-the-password-of-anybody"
	s.secret(barredPassword, wrong)
	good := with(d.data(), "sslmode", nil)
	for name, c := range map[string]struct {
		body object
		code strongroom.CheckCode
	}{
		"the single fields":         {good, ""},
		"the port as a number":      {with(good, "port", number(d.Port)), ""},
		"a connection string":       {object{"connection_string": d.url(nil)}, ""},
		"both: the string wins":     {with(good, "password", wrong, "connection_string", d.url(nil)), ""},
		"the server's CA":           {with(good, "sslmode", "verify-full", "sslrootcert", d.CA), ""},
		"members that are empty":    {with(good, "connection_string", "", "sslmode", "", "sslrootcert", ""), ""},
		"members that are null":     {nulls(good, "connection_string", "sslmode", "sslrootcert"), ""},
		"a string, the rest null":   {with(nulls(good, "host", "port", "username", "password", "database"), "connection_string", d.url(nil)), ""},
		"nobody listens":            {with(good, "port", fmt.Sprint(closed(t))), strongroom.CheckRefused},
		"another password":          {with(good, "password", wrong), strongroom.CheckAuth},
		"a role that may not":       {with(good, "username", barred, "password", barredPassword), strongroom.CheckPermission},
		"a database there is not":   {with(good, "database", "nowhere"), strongroom.CheckProtocol},
		"another CA":                {with(good, "sslmode", "verify-full", "sslrootcert", other), strongroom.CheckTLS},
		"another name":              {with(good, "host", "127.0.0.1", "sslmode", "verify-full", "sslrootcert", d.CA), strongroom.CheckTLS},
		"an unknown name":           {with(good, "host", unknownName), strongroom.CheckDNS},
		"a mail server":             {with(good, "port", greeter(t)), strongroom.CheckProtocol},
		"a metadata address":        {with(good, "host", "169.254.169.254"), strongroom.CheckBlockedAddress},
		"one in a string":           {object{"connection_string": "postgresql://u:" + wrong + "@169.254.169.254/d"}, strongroom.CheckBlockedAddress},
		"a socket of the machine's": {object{"connection_string": "host=/var/run/postgresql user=u password=" + wrong}, strongroom.CheckBlockedAddress},
		"a server that is silent": {object{"connection_string": strings.Replace(d.url(url.Values{"connect_timeout": {"1"}}), ":"+d.Port, fmt.Sprint(":", silent(t)), 1)},
			strongroom.CheckTimeout},
	} {
		t.Run(name, func(t *testing.T) { wantTried(t, s.try(unsavedPG, c.body), c.code) })
	}
}

// newCA makes the certificate, in PEM, of an authority that has signed nothing.
func newCA(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Another CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func number(text string) json.Number { return json.Number(text) }

func TestWithoutLeaveNothingInsideTheNetworkIsCalled(t *testing.T) {
	s := beginWith(t, func(c *app.Config) { c.AllowAddresses = nil })
	server, d := s.sshd(sshtest.Options{}), s.postgres()
	wantTried(t, s.try(unsavedSFTP, byPassword(server)), strongroom.CheckBlockedAddress)
	wantTried(t, s.try(unsavedSFTP, with(byPassword(server), "host", "localhost")), strongroom.CheckBlockedAddress)
	wantTried(t, s.try(unsavedPG, d.data()), strongroom.CheckBlockedAddress)
	wantTried(t, s.try(unsavedPG, object{"connection_string": d.url(nil)}), strongroom.CheckBlockedAddress)
	if log := server.Stop(); strings.Contains(log, "Connection from") {
		t.Errorf("the server was connected to:\n%s", log)
	}
}

// TestWhatDoesNotFitIsSaidOfTheBodyItself: the members stand at its top, so that no error may
// name a member "credentials" of which the caller knows nothing.
func TestWhatDoesNotFitIsSaidOfTheBodyItself(t *testing.T) {
	s := begin(t)
	const secret = "a-secret-where-none-belongs"
	s.secret(secret)
	sftp := object{"host": "sftp.example.com", "username": "u", "auth_type": "password", "password": secret}
	postgres := object{"host": "db.example.com", "username": "u", "password": secret, "database": "d"}
	for name, c := range map[string]struct {
		path string
		body object
		want []string
	}{
		"a port of words":              {unsavedSFTP, with(sftp, "port", secret), []string{"body.port"}},
		"a port that is too high":      {unsavedSFTP, with(sftp, "port", 70000), []string{"body.port"}},
		"a port of another kind":       {unsavedSFTP, with(sftp, "port", true), []string{"body.port"}},
		"no host":                      {unsavedSFTP, with(sftp, "host", nil), []string{"body.host"}},
		"a host that is a URL":         {unsavedSFTP, with(sftp, "host", "sftp://"+secret+"/"), []string{"body.host"}},
		"no password":                  {unsavedSFTP, with(sftp, "password", nil), []string{"body.password"}},
		"an empty password":            {unsavedSFTP, with(sftp, "password", ""), []string{"body.password"}},
		"a password of another kind":   {unsavedSFTP, with(sftp, "password", object{"value": secret}), []string{"body.password"}},
		"an unknown way to sign in":    {unsavedSFTP, with(sftp, "auth_type", secret), []string{"body.auth_type"}},
		"a key that is none":           {unsavedSFTP, with(sftp, "auth_type", "private_key", "private_key_data", secret), []string{"body.private_key_data"}},
		"a host key that is none":      {unsavedSFTP, with(sftp, "host_key", secret), []string{"body.host_key"}},
		"a host key of another kind":   {unsavedSFTP, with(sftp, "host_key", object{"value": secret}), []string{"body.host_key"}},
		"one bad host key of two":      {unsavedSFTP, with(sftp, "host_key", []string{"SHA256:" + strings.Repeat("A", 43), secret}), []string{"body.host_key.1"}},
		"an unknown member":            {unsavedSFTP, with(sftp, "secret", secret), []string{"body.secret"}},
		"the data where none belongs":  {unsavedSFTP, with(sftp, "credentials", object{"port": secret}), []string{"body.credentials"}},
		"two at once":                  {unsavedSFTP, with(sftp, "port", secret, "host", "a b"), []string{"body.host", "body.port"}},
		"PostgreSQL: a port of words":  {unsavedPG, with(postgres, "port", secret), []string{"body.port"}},
		"PostgreSQL: nothing at all":   {unsavedPG, object{}, []string{"body.database", "body.host", "body.password", "body.username"}},
		"PostgreSQL: an unknown mode":  {unsavedPG, with(postgres, "sslmode", secret), []string{"body.sslmode"}},
		"PostgreSQL: no certificates":  {unsavedPG, with(postgres, "sslrootcert", secret), []string{"body.sslrootcert"}},
		"PostgreSQL: a broken string":  {unsavedPG, object{"connection_string": "postgresql://u:" + secret + "@h:port/d"}, []string{"body.connection_string"}},
		"PostgreSQL: an unknown field": {unsavedPG, with(postgres, "private_key", secret), []string{"body.private_key"}},
	} {
		t.Run(name, func(t *testing.T) {
			var e struct{ Detail []struct{ Loc []any } }
			s.post(c.path, c.body).WantError(t, http.StatusUnprocessableEntity, "validation_error").Into(t, &e)
			var got []string
			for _, d := range e.Detail {
				parts := make([]string, len(d.Loc))
				for i, part := range d.Loc {
					parts[i] = fmt.Sprint(part)
				}
				got = append(got, strings.Join(parts, "."))
			}
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, c.want) {
				t.Errorf("what does not fit is %v, want %v", got, c.want)
			}
		})
	}
	if got := s.events(strongroom.ActionConnectionTest, ""); len(got) != 0 {
		t.Errorf("%d tests are on record, and none was made", len(got))
	}
}
