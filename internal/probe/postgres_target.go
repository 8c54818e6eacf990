package probe

import (
	"cmp"
	"crypto/x509"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const (
	// maxPGString bounds a connection string, in bytes; the catalog's schema says the same.
	maxPGString = 8192
	// maxPGField bounds a host, a user's and a database's name, in bytes.
	maxPGField = 1024
	// maxPGHosts bounds a list of hosts. The deadline holds for all of them together.
	maxPGHosts = 8
	pgPort     = "5432"
)

// pgHost is one server of the user's list.
type pgHost struct {
	name string
	port uint16
}

// pgTarget is what is connected to, checked and complete.
type pgTarget struct {
	hosts                    []pgHost
	user, password, database string
	mode                     string
	roots                    *x509.CertPool
	minTLS                   uint16
	// direct begins with TLS, without asking for it first (PostgreSQL 17).
	direct bool
	// binding, auth and session are libpq's channel_binding, require_auth and target_session_attrs.
	binding, auth, session string
	options, application   string
	// timeout is for one host; 0: the test's.
	timeout time.Duration
}

// pgTaken are the parameters of a connection string that a test heeds.
var pgTaken = pgSet("host port user password database sslmode sslnegotiation sslrootcert ssl_min_protocol_version " +
	"channel_binding require_auth target_session_attrs options application_name connect_timeout gssencmode")

// pgIdle are those that make no difference to whether it works.
var pgIdle = pgSet("client_encoding fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count " +
	"tcp_user_timeout load_balance_hosts sslcompression sslsni sslcertmode ssl_max_protocol_version krbsrvname gsslib " +
	"gssdelegation min_protocol_version max_protocol_version")

// pgFiles are those that name files of the machine the client runs on.
var pgFiles = pgSet("passfile service servicefile sslcert sslkey sslpassword sslcrl sslcrldir sslkeylogfile")

func pgSet(names string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}

// newPGTarget checks t and puts it together; errors are *Failure.
func newPGTarget(t PostgreSQL) (*pgTarget, error) {
	settings := map[string]string{
		"host": t.Host, "port": t.Port, "user": t.Username, "password": string(t.Password.Reveal()), "database": t.Database,
	}
	if !t.ConnectionString.Empty() {
		var err error
		if settings, err = pgString(string(t.ConnectionString.Reveal())); err != nil {
			return nil, err
		}
	}
	if err := pgCheckNames(settings); err != nil {
		return nil, err
	}
	target := &pgTarget{
		user: settings["user"], password: settings["password"], database: settings["database"],
		mode:    cmp.Or(settings["sslmode"], t.SSLMode, "prefer"),
		direct:  settings["sslnegotiation"] == "direct",
		binding: cmp.Or(settings["channel_binding"], "prefer"), auth: settings["require_auth"],
		session: cmp.Or(settings["target_session_attrs"], "any"),
		options: settings["options"], application: cmp.Or(settings["application_name"], "strongroom"),
	}
	if target.user == "" {
		return nil, errPGUser
	}
	for _, field := range []string{target.user, target.password, target.database} {
		if len(field) > maxPGField || strings.ContainsRune(field, 0) {
			return nil, errPGField
		}
	}
	if err := target.setHosts(settings["host"], settings["port"]); err != nil {
		return nil, err
	}
	if err := target.setTLS(settings, t.RootCertificate); err != nil {
		return nil, err
	}
	return target, target.setRest(settings)
}

// pgCheckNames refuses parameters that name files and those that libpq does not know.
// Their names are not repeated: in a string that was mistyped one may be half a password.
func pgCheckNames(settings map[string]string) error {
	for name, value := range settings {
		switch {
		case pgFiles[name], name == "sslrootcert" && value != "system":
			return errPGFile
		case !pgTaken[name] && !pgIdle[name]:
			return errPGParameter
		}
	}
	return nil
}

// setHosts reads two lists; one port is every host's.
func (t *pgTarget) setHosts(hosts, ports string) error {
	names, numbers := strings.Split(hosts, ","), strings.Split(ports, ",")
	if len(names) > maxPGHosts || len(numbers) != 1 && len(numbers) != len(names) {
		return errPGHosts
	}
	for i, name := range names {
		number := numbers[0]
		if len(numbers) > 1 {
			number = numbers[i]
		}
		port, err := strconv.ParseUint(cmp.Or(number, pgPort), 10, 16)
		if err != nil || port == 0 {
			return errPGPort
		}
		if name, err = pgHostName(name); err != nil {
			return err
		}
		t.hosts = append(t.hosts, pgHost{name: name, port: uint16(port)})
	}
	return nil
}

// pgHostName returns a host without brackets. It lets no path of a socket through, and no
// "host:port", which the driver would take apart again.
func pgHostName(s string) (string, error) {
	switch {
	case s == "":
		return "", errPGHost
	case s[0] == '/' || s[0] == '@':
		return "", errPGSocket
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		s = strings.TrimSuffix(inner, "]")
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return s, nil
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	if len(s) > maxPGField || strings.Trim(s, letters) != "" {
		return "", errPGHost
	}
	return s, nil
}

// setRest checks what is left.
func (t *pgTarget) setRest(settings map[string]string) error {
	if _, known := pgSessions[t.session]; !known {
		return errPGParameter
	}
	seconds, err := strconv.ParseUint(cmp.Or(settings["connect_timeout"], "0"), 10, 31)
	if err != nil {
		return errPGParameter
	}
	t.timeout = time.Duration(seconds) * time.Second
	switch {
	case settings["gssencmode"] == "require":
		return errPGMethod
	case t.binding != "disable" && t.binding != "prefer" && t.binding != "require":
		return errPGParameter
	}
	return nil
}
