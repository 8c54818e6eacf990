package probe_test

import (
	"context"
	"iter"
	"maps"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strongroom/internal/outbound"
	"strongroom/internal/probe"
	"strongroom/internal/probe/sshtest"
)

const hostKeyLine = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1XOgV1GBYL7EUkTOdScKT/8tL/JOaxneZOxiHlq6PW"

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

func values[K comparable, V any](m map[K]V) iter.Seq[V] { return maps.Values(m) }

// somewhere is a server on this machine that nothing is said to.
func somewhere() probe.SFTP {
	return probe.SFTP{Host: "127.0.0.1", Username: "upload", Password: text("canary-password")}
}

// blocked runs a test with a guard that lets nothing on this machine through.
func blocked(t *testing.T, s probe.SFTP) probe.Result {
	t.Helper()
	return examined(t, s, probe.New(outbound.New(outbound.Options{}), time.Now).SFTP(t.Context(), s))
}

func TestABlockedAddressIsNotConnectedTo(t *testing.T) {
	r := blocked(t, somewhere())
	want(t, r, probe.CodeBlockedAddress, "a loopback address", "--allow-addresses")
	wantPhases(t, r, "connect")
}

func TestAClosedPortIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := somewhere()
	s.Port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, test(t, t.Context(), s), probe.CodeRefused, "check the host and the port")
	s.Host = "localhost"
	wantPhases(t, test(t, t.Context(), s), "dns", "connect")
}

func TestANameThatCannotBeResolved(t *testing.T) {
	// A name server that says nothing before it hangs up.
	deaf := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		return ours, theirs.Close()
	}}
	s := somewhere()
	s.Host = "sftp.example.com"
	r := probe.New(outbound.New(outbound.Options{Resolver: deaf}), time.Now).SFTP(t.Context(), s)
	want(t, examined(t, s, r), probe.CodeDNS, "cannot be resolved")
}

func TestATestThatIsGivenUpEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want(t, test(t, ctx, somewhere()), probe.CodeTimeout, "given up")
}

func TestWhatCannotWorkIsSaidWithoutConnecting(t *testing.T) {
	protected := sshtest.Keygen(t, "ed25519", "right")
	for name, c := range map[string]struct {
		change func(*probe.SFTP)
		code   probe.Code
		says   string
	}{
		"a URL for a host":      {func(s *probe.SFTP) { s.Host = "sftp://upload:canary-password@example.com/" }, probe.CodeDNS, "without scheme"},
		"no host":               {func(s *probe.SFTP) { s.Host = "" }, probe.CodeDNS, "The host must be"},
		"a host of two lines":   {func(s *probe.SFTP) { s.Host = "a\nb" }, probe.CodeDNS, "The host must be"},
		"a port beyond the end": {func(s *probe.SFTP) { s.Port = 65536 }, probe.CodeRefused, "The port must be"},
		"a port below zero":     {func(s *probe.SFTP) { s.Port = -1 }, probe.CodeRefused, "The port must be"},
		"no user name":          {func(s *probe.SFTP) { s.Username = "" }, probe.CodeAuth, "The user name"},
		"nothing to sign in with": {func(s *probe.SFTP) { s.Password = text("") }, probe.CodeAuth,
			"Send a password or a private key"},
		"a password without end":   {func(s *probe.SFTP) { s.Password = text(strings.Repeat("p", 1025)) }, probe.CodeAuth, "longer than 1024"},
		"a private key that large": {func(s *probe.SFTP) { s.PrivateKey = text(strings.Repeat("k", 16385)) }, probe.CodeAuth, "longer than 16 KiB"},
		"a path with a line break": {func(s *probe.SFTP) { s.TestPath = "/a\nb" }, probe.CodePermission, "The test path"},
		"no private key at all":    {func(s *probe.SFTP) { s.PrivateKey = text("canary-key") }, probe.CodeAuth, "The private key cannot be read"},
		"a damaged private key": {func(s *probe.SFTP) {
			s.PrivateKey = text(strings.Replace(sshtest.Keygen(t, "rsa", ""), "\nb3", "\nc3", 1))
		}, probe.CodeAuth, "with its line breaks"},
		"a protected key without its passphrase": {func(s *probe.SFTP) { s.PrivateKey = text(protected) }, probe.CodeAuth, "send its passphrase"},
		"a protected key with another passphrase": {func(s *probe.SFTP) { s.PrivateKey, s.Passphrase = text(protected), text("canary-wrong") },
			probe.CodeAuth, "The passphrase is not the private key's"},
		"a key of too many rounds": {func(s *probe.SFTP) {
			s.PrivateKey, s.Passphrase = text(sshtest.Keygen(t, "ed25519", "canary", "-a", "101")), text("canary")
		},
			probe.CodeAuth, "too many rounds"},
		"a host key that is none":     {func(s *probe.SFTP) { s.HostKeys = []string{"ssh-ed25519 canary"} }, probe.CodeHostKey, "The host key cannot be read"},
		"an empty host key":           {func(s *probe.SFTP) { s.HostKeys = []string{""} }, probe.CodeHostKey, "The host key cannot be read"},
		"a short fingerprint":         {func(s *probe.SFTP) { s.HostKeys = []string{"SHA256:AAAA"} }, probe.CodeHostKey, "The host key cannot be read"},
		"a revoked host key":          {func(s *probe.SFTP) { s.HostKeys = []string{"@revoked * " + hostKeyLine} }, probe.CodeHostKey, "The host key cannot be read"},
		"a host key of another type":  {func(s *probe.SFTP) { s.HostKeys = []string{strings.Replace(hostKeyLine, "ed25519", "rsa", 1)} }, probe.CodeHostKey, "The host key cannot be read"},
		"host keys beyond all number": {func(s *probe.SFTP) { s.HostKeys = strings.Split(strings.Repeat(hostKeyLine+"\n", 21), "\n") }, probe.CodeHostKey, "20 at most"},
	} {
		t.Run(name, func(t *testing.T) {
			s := somewhere()
			c.change(&s)
			r := blocked(t, s)
			want(t, r, c.code, c.says)
			wantPhases(t, r)
			if strings.Contains(r.Message, "canary") {
				t.Errorf("%q repeats what was sent", r.Message)
			}
		})
	}
}

func TestWhatCanWorkIsConnectedTo(t *testing.T) {
	for name, change := range map[string]func(*probe.SFTP){
		"a bracketed IPv6 address":                func(s *probe.SFTP) { s.Host = "[::1]" },
		"an IPv6 address":                         func(s *probe.SFTP) { s.Host = "::1" },
		"a line of known_hosts":                   func(s *probe.SFTP) { s.HostKeys = []string{"|1|salt|hash " + hostKeyLine} },
		"a passphrase that the key does not need": func(s *probe.SFTP) { s.PrivateKey, s.Passphrase = text(sshtest.Keygen(t, "rsa", "")), text("more") },
	} {
		t.Run(name, func(t *testing.T) {
			s := somewhere()
			change(&s)
			want(t, blocked(t, s), probe.CodeBlockedAddress)
		})
	}
}
