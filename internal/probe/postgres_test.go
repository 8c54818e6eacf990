package probe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strongroom/internal/outbound"
	"strongroom/internal/probe"
	"strongroom/internal/probe/pgtest"
)

const (
	msgPassword = "The server refused the user name or the password; check both, and that the password has not expired"
	msgLogin    = "The server does not let this user sign in: the role does not exist or may not log in, or no rule of its pg_hba.conf allows this user, database, address and TLS mode"
	msgConnect  = "The user may not connect to this database or look at it; an administrator can allow it with GRANT CONNECT ON DATABASE"
	msgDatabase = "The database does not exist on this server; check its name"
	msgFull     = "No connection is free: the server, the database or the user has reached its limit; close some or raise the limit"
	msgCA       = "The server's certificate does not lead to a CA that is trusted; give the certificates of the CA that issued it"
	msgName     = "The server's certificate is for another name; use the host that it names, or the TLS mode verify-ca"
	msgRefused  = "The connection was refused; check host, port and that the server is running and listens there"
	msgDNS      = "The host's name cannot be resolved; check its spelling"
	msgString   = "The connection string cannot be read; write postgres://user:password@host:port/database with special characters percent-encoded, or pairs of key=value"
	msgFile     = "The connection string names files of the machine it is used on (passfile, service, sslcert, sslkey, sslrootcert or the like), and a test reads none; give the password and the CA certificates themselves"
	msgUnknown  = "The connection string has a parameter, or a value of one, that PostgreSQL's clients do not take; remove or correct it"
	msgSocket   = "The host is the path of a socket of the machine itself; name a host that can be reached over TCP"
	msgSession  = "None of the servers is of the sort that target_session_attrs asks for; name another host or change it"
)

func TestPostgreSQLRefusesASignIn(t *testing.T) {
	s, good := pgAccount(t, "login")
	t.Run("the password is wrong", func(t *testing.T) {
		bad := good
		bad.Password = plain("wrong")
		wantPGFailure(t, bad, probe.CodeAuth, msgPassword)
	})
	t.Run("the password is missing", func(t *testing.T) {
		bad := good
		bad.Password = plain("")
		wantPGFailure(t, bad, probe.CodeAuth, msgPassword)
	})
	t.Run("the role does not exist", func(t *testing.T) {
		bad := good
		bad.Username = "nobody_at_all"
		wantPGFailure(t, bad, probe.CodeAuth, msgPassword)
	})
	t.Run("the database does not exist", func(t *testing.T) {
		bad := good
		bad.Database = "no_such_database"
		wantPGFailure(t, bad, probe.CodeProtocol, msgDatabase)
	})
	for name, c := range map[string]struct {
		attributes string
		code       probe.Code
		message    string
	}{
		"the role may not log in":           {"nologin", probe.CodeAuth, msgLogin},
		"the password has expired":          {"login valid until '2001-01-01'", probe.CodeAuth, msgPassword},
		"the role's connections are all up": {"login connection limit 0", probe.CodeProtocol, msgFull},
	} {
		t.Run(name, func(t *testing.T) {
			_, bad := pgAccount(t, c.attributes)
			wantPGFailure(t, bad, c.code, c.message)
		})
	}
	t.Run("the role may not connect to the database", func(t *testing.T) {
		s.Exec(t, "", "revoke connect on database "+good.Database+" from "+good.Username)
		wantPGFailure(t, good, probe.CodePermission, msgConnect)
	})
}

func TestPostgreSQLTellsWhatTheRoleMayDo(t *testing.T) {
	for name, c := range map[string]struct {
		attributes string
		// grants are run in the role's database; %s is the role.
		grants                      []string
		superuser, create, readOnly bool
	}{
		"a superuser":                    {"login superuser", nil, true, true, false},
		"a role without privileges":      {"login", nil, false, false, true},
		"a role that may read a table":   {"login", []string{"grant select on t to %s"}, false, false, true},
		"a role that may write a table":  {"login", []string{"grant insert on t to %s"}, false, false, false},
		"a role that may write a column": {"login", []string{"grant update (a) on t to %s"}, false, false, false},
		"a role that may make tables":    {"login", []string{"grant create on schema public to %s"}, false, true, false},
		"a role that may write where it cannot go": {"login", []string{
			"create schema shut", "create table shut.t (a int)", "grant insert on shut.t to %s"}, false, false, true},
		"a superuser whose sessions only read": {"login superuser", []string{
			"alter role %s set default_transaction_read_only = on"}, true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, target := pgAccount(t, c.attributes)
			s.Exec(t, target.Database, "revoke create on schema public from public", "create table t (a int)")
			for _, grant := range c.grants {
				s.Exec(t, target.Database, strings.ReplaceAll(grant, "%s", target.Username))
			}
			d := wantPGSuccess(t, target, "dns", "connect", "tls", "login", "operation").Details
			if d["is_superuser"] != c.superuser || d["can_create"] != c.create || d["read_only"] != c.readOnly {
				t.Errorf("%v, want superuser %t, create %t, read only %t", d, c.superuser, c.create, c.readOnly)
			}
			if d["database"] != target.Database || d["user"] != target.Username || d["in_recovery"] != false || d["tls"] != "TLS 1.3" {
				t.Errorf("%v", d)
			}
			if v, _ := d["server_version"].(string); v == "" || strings.Contains(v, "Debian") {
				t.Errorf("version %q, want its number alone", v)
			}
		})
	}
}

func TestPostgreSQLSignsInByMD5(t *testing.T) {
	s := pgtest.Start(t)
	role, password := s.Role(t, "login")
	database := s.Database(t)
	s.Exec(t, "", "grant connect on database "+database+" to "+role,
		"set password_encryption = 'md5'; alter role "+role+" password '"+password+"'")
	target := probe.PostgreSQL{Host: s.Host, Port: s.Port, Username: role, Password: plain(password), Database: database}
	wantPGSuccess(t, target)
	target.ConnectionString = plain(fmt.Sprintf("host=%s port=%s user=%s password=%s dbname=%s require_auth=md5", s.Host, s.Port, role, password, database))
	wantPGSuccess(t, target)
	target.ConnectionString = plain(string(target.ConnectionString.Reveal()) + " require_auth=scram-sha-256")
	if r := pgProber().PostgreSQL(context.Background(), target); r.Success || r.Code != probe.CodeProtocol {
		t.Errorf("%+v, want a refusal of MD5", r)
	}
}

func TestPostgreSQLModesOfTLS(t *testing.T) {
	s, good := pgAccount(t, "login")
	other := pgtest.Start(t).Host
	addresses, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip4", other)
	if err != nil {
		t.Fatal(err)
	}
	address := addresses[0].Unmap().String()
	_, stranger := pgCertificate(t)
	for name, c := range map[string]struct {
		host, mode, root string
		code             probe.Code
		message          string
		encrypted        bool
	}{
		"disable":                             {host: s.Host, mode: "disable"},
		"allow takes plain first":             {host: s.Host, mode: "allow"},
		"prefer":                              {host: address, mode: "prefer", encrypted: true},
		"no mode is prefer":                   {host: address, encrypted: true},
		"require proves nothing":              {host: address, mode: "require", encrypted: true},
		"require proves the CA that is given": {host: address, mode: "require", root: stranger, code: probe.CodeTLS, message: msgCA},
		"verify-ca heeds no name":             {host: address, mode: "verify-ca", root: s.CA, encrypted: true},
		"verify-ca by another CA":             {host: s.Host, mode: "verify-ca", root: stranger, code: probe.CodeTLS, message: msgCA},
		"verify-ca by the system's":           {host: s.Host, mode: "verify-ca", code: probe.CodeTLS, message: msgCA},
		"verify-full":                         {host: s.Host, mode: "verify-full", root: s.CA, encrypted: true},
		"verify-full with another name":       {host: address, mode: "verify-full", root: s.CA, code: probe.CodeTLS, message: msgName},
		"verify-full by another CA":           {host: s.Host, mode: "verify-full", root: stranger, code: probe.CodeTLS, message: msgCA},
		"verify-full by the system's":         {host: s.Host, mode: "verify-full", code: probe.CodeTLS, message: msgCA},
		"an unknown mode":                     {host: s.Host, mode: "full", code: probe.CodeProtocol, message: "The TLS mode must be disable, allow, prefer, require, verify-ca or verify-full; set one of them"},
		"certificates that are none":          {host: s.Host, root: "none", code: probe.CodeTLS, message: "The CA certificates cannot be read; give them in PEM, from BEGIN CERTIFICATE to END CERTIFICATE"},
	} {
		t.Run(name, func(t *testing.T) {
			target := good
			target.Host, target.SSLMode, target.RootCertificate = c.host, c.mode, c.root
			if c.code != "" {
				wantPGFailure(t, target, c.code, c.message)
				return
			}
			want, phases := any(false), []string{"connect", "login", "operation"}
			if c.encrypted {
				want, phases = "TLS 1.3", []string{"connect", "tls", "login", "operation"}
			}
			if c.host != address {
				phases = append([]string{"dns"}, phases...)
			}
			if got := wantPGSuccess(t, target, phases...).Details["tls"]; got != want {
				t.Errorf("tls is %v, want %v", got, want)
			}
		})
	}
}

func TestPostgreSQLConnectionStrings(t *testing.T) {
	s, account := pgAccount(t, "login")
	password := string(account.Password.Reveal())
	url := fmt.Sprintf("postgresql://%s:%s@%s:%s/%s", account.Username, password, s.Host, s.Port, account.Database)
	pairs := fmt.Sprintf("host=%s port = %s user='%s' password=%s dbname=%s", s.Host, s.Port, account.Username, password, account.Database)
	closed := pgClosedPort(t)
	for name, text := range map[string]string{
		"a URL":                           url,
		"a URL with parameters":           url + "?sslmode=require&application_name=a%20b&target_session_attrs=read-write&connect_timeout=5",
		"pairs":                           pairs,
		"pairs, the last of a name holds": "host=nowhere.invalid " + pairs,
		"a second host where the first refuses": fmt.Sprintf("postgres://%s:%s@127.0.0.1:%s,%s:%s/%s",
			account.Username, password, closed, s.Host, s.Port, account.Database),
		"options": pairs + " options='-c statement_timeout=10000'",
		"primary": pairs + " target_session_attrs=primary",
		"ambient": pairs + " target_session_attrs=prefer-standby",
	} {
		t.Run(name, func(t *testing.T) {
			// The string wins over fields that lead nowhere.
			wantPGSuccess(t, probe.PostgreSQL{Host: "nowhere.invalid", Username: "x", Password: plain("x"), ConnectionString: plain(text)})
		})
	}
	for name, c := range map[string]struct {
		text    string
		code    probe.Code
		message string
	}{
		"a standby is asked for":   {pairs + " target_session_attrs=standby", probe.CodeProtocol, msgSession},
		"a reader is asked for":    {pairs + " target_session_attrs=read-only", probe.CodeProtocol, msgSession},
		"an unknown sort":          {pairs + " target_session_attrs=best", probe.CodeProtocol, msgUnknown},
		"a parameter of no client": {pairs + " colour=red", probe.CodeProtocol, msgUnknown},
		"passfile":                 {pairs + " passfile=/etc/passwd", probe.CodeProtocol, msgFile},
		"service":                  {"service=x", probe.CodeProtocol, msgFile},
		"servicefile":              {url + "?servicefile=/etc/passwd", probe.CodeProtocol, msgFile},
		"sslcert":                  {url + "?sslcert=/etc/passwd", probe.CodeProtocol, msgFile},
		"sslkey, encoded":          {url + "?ssl%6bey=/etc/passwd", probe.CodeProtocol, msgFile},
		"sslrootcert":              {url + "?sslrootcert=/etc/passwd", probe.CodeProtocol, msgFile},
		"the system's CAs":         {url + "?sslrootcert=system", probe.CodeTLS, msgCA},
		"a socket":                 {"host=/var/run/postgresql user=postgres", probe.CodeBlockedAddress, msgSocket},
		"a socket, encoded":        {"postgres://u@%2Fvar%2Frun%2Fpostgresql/db", probe.CodeBlockedAddress, msgSocket},
		"a socket without a name":  {"host=@abstract user=postgres", probe.CodeBlockedAddress, msgSocket},
		"a socket beside a host":   {"host=" + s.Host + ",/tmp user=postgres", probe.CodeBlockedAddress, msgSocket},
		"no host":                  {"user=postgres", probe.CodeProtocol, "The host must be a host name or an IP address alone; correct it"},
		"a host with its port":     {"host=127.0.0.1:22 user=postgres", probe.CodeProtocol, "The host must be a host name or an IP address alone; correct it"},
		"no user":                  {"host=" + s.Host, probe.CodeProtocol, "No user is named; add the user name"},
		"a port that is none":      {"host=h user=u port=65536", probe.CodeProtocol, "The port must be a number from 1 to 65535; correct it"},
		"too many ports":           {"host=h user=u port=1,2", probe.CodeProtocol, "There are too many hosts, or not as many ports as hosts; name at most 8 hosts, with one port for all or one for each"},
		"an open quote":            {"host=h password='x", probe.CodeProtocol, msgString},
		"a bad escape":             {"postgres://u:%zz@h/d", probe.CodeProtocol, msgString},
		"an encoded NUL":           {"postgres://u%00@h/d", probe.CodeProtocol, msgString},
		"a string too long":        {pairs + strings.Repeat(" ", 8192), probe.CodeProtocol, msgString},
		"GSSAPI is asked for":      {pairs + " gssencmode=require", probe.CodeAuth, "GSSAPI encryption is not supported; use TLS instead"},
		"direct TLS without need":  {pairs + " sslnegotiation=direct", probe.CodeProtocol, "sslnegotiation=direct needs the TLS mode require, verify-ca or verify-full; set one"},
		"an option of no server":   {pairs + " options='-c nothing_known=1'", probe.CodeProtocol, "The server does not know a parameter of the connection string; check its options"},
	} {
		t.Run(name, func(t *testing.T) {
			wantPGFailure(t, probe.PostgreSQL{ConnectionString: plain(c.text)}, c.code, c.message)
		})
	}
	t.Run("the fields' TLS mode and CA hold where the string says nothing", func(t *testing.T) {
		_, stranger := pgCertificate(t)
		target := probe.PostgreSQL{ConnectionString: plain(url), SSLMode: "verify-full", RootCertificate: stranger}
		wantPGFailure(t, target, probe.CodeTLS, msgCA)
		target.RootCertificate = s.CA
		wantPGSuccess(t, target)
	})
}

func TestPostgreSQLCannotBeReached(t *testing.T) {
	target := probe.PostgreSQL{Host: "127.0.0.1", Port: pgClosedPort(t), Username: "u", Password: plain("p"), Database: "d"}
	t.Run("nobody listens", func(t *testing.T) {
		r := wantPGFailure(t, target, probe.CodeRefused, msgRefused)
		if got := pgPhases(r); len(got) != 1 || got[0] != "connect" {
			t.Errorf("phases %v, want connect alone", got)
		}
	})
	t.Run("the name does not exist", func(t *testing.T) {
		target.Host = "nowhere.invalid"
		r := wantPGFailure(t, target, probe.CodeDNS, msgDNS)
		if got := pgPhases(r); len(got) != 1 || got[0] != "dns" {
			t.Errorf("phases %v, want dns alone", got)
		}
	})
	for _, host := range []string{"127.0.0.1", "localhost", "::1", "[::1]", "169.254.169.254", "10.0.0.1", "0.0.0.0"} {
		t.Run("the address of "+host+" is refused", func(t *testing.T) {
			target.Host = host
			r := probe.New(outbound.New(outbound.Options{Allow: []netip.Prefix{}}), time.Now).PostgreSQL(context.Background(), target)
			if r.Code != probe.CodeBlockedAddress || !strings.HasPrefix(r.Message, "The host is at a") {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestPostgreSQLDataOfACredential(t *testing.T) {
	for name, text := range map[string]string{
		"the port is a number": `{"host":"h","port":6543,"username":"u","password":"p","database":"d","sslmode":"require","sslrootcert":"c","connection_string":"s"}`,
		"the port is digits":   `{"host":"h","port":"6543","username":"u","password":"p","database":"d","sslmode":"require","sslrootcert":"c","connection_string":"s"}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := probe.PostgreSQLData(plain(text))
			if err != nil || got.Host != "h" || got.Port != "6543" || got.Username != "u" || got.Database != "d" || got.SSLMode != "require" ||
				got.RootCertificate != "c" || string(got.Password.Reveal()) != "p" || string(got.ConnectionString.Reveal()) != "s" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	t.Run("no port is left to the default", func(t *testing.T) {
		if got, err := probe.PostgreSQLData(plain(`{"host":"h"}`)); err != nil || got.Port != "" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	for _, text := range []string{"", "canary", `{"host":["canary"]}`, `{"password":1}`} {
		if _, err := probe.PostgreSQLData(plain(text)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPostgreSQLResultsHoldNoSecret(t *testing.T) {
	const canary = "canary-7f3a"
	_, good := pgAccount(t, "login")
	wrong := good
	wrong.Password = plain(canary)
	for name, target := range map[string]probe.PostgreSQL{
		"a wrong password":       wrong,
		"a string of no form":    {ConnectionString: plain("postgres://u:" + canary + "@[h")},
		"a password as the port": {ConnectionString: plain("postgres://u:p@h:" + canary + "/d")},
		"a password as the host": {ConnectionString: plain("postgres://" + canary + "@" + canary + ".invalid/d")},
		"a password as a name":   {ConnectionString: plain("host=h user=u " + canary + "=1")},
		"a password as a mode":   {Host: "h", Username: "u", SSLMode: canary},
		"a password as the CA":   {Host: "h", Username: "u", RootCertificate: canary},
	} {
		t.Run(name, func(t *testing.T) {
			r := pgProber().PostgreSQL(context.Background(), target)
			text, err := json.Marshal(r)
			if err != nil || r.Success || strings.Contains(string(text)+fmt.Sprintf("%+v", r), canary) {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
}

// pgClosedPort returns a port that nobody listens on.
func pgClosedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}
