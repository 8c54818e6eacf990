package sshkey

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// sshPort is the port that known_hosts leaves out.
const sshPort = 22

// KnownHost is which key a server has shown.
type KnownHost struct {
	// Host is as hostName leaves it; it is compared so.
	Host string
	Port int
	Key  HostKey
}

// KnownHostLine returns the line of known_hosts that says that the server at the host, a
// name or an address without brackets, has shown the key: "host type base64" for port 22,
// "[host]:port type base64" for others.
func KnownHostLine(host string, port int, key ssh.PublicKey) string {
	name := hostName(host)
	if port != sshPort {
		name = "[" + name + "]:" + strconv.Itoa(port)
	}
	return name + " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// ParseKnownHost reads what KnownHostLine writes; its error is ErrKnownHost. A list of
// hosts, a pattern and a hashed name are refused.
func ParseKnownHost(line string) (KnownHost, error) {
	fields := strings.Fields(line)
	if len(fields) != 3 || strings.ContainsAny(fields[0], "@|*?!,") {
		return KnownHost{}, ErrKnownHost
	}
	key, ok := publicKey(fields[1:])
	if !ok {
		return KnownHost{}, ErrKnownHost
	}
	host, port := fields[0], sshPort
	if strings.HasPrefix(host, "[") {
		name, digits, err := net.SplitHostPort(host)
		if err != nil {
			return KnownHost{}, ErrKnownHost
		}
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 {
			return KnownHost{}, ErrKnownHost
		}
		host, port = name, int(n)
	}
	return KnownHost{
		Host: hostName(host),
		Port: port,
		Key:  HostKey{Fingerprint: ssh.FingerprintSHA256(key), Type: key.Type()},
	}, nil
}

// Is tells whether the line is about the server at the host and port. Names that lead to
// the same place by DNS's rules or as addresses are one, so that another spelling is no way
// around the pin.
func (k KnownHost) Is(host string, port int) bool { return k.Port == port && k.Host == hostName(host) }

// hostName returns a name in small letters and without the root's dot, and an address in
// its canonical form.
func hostName(host string) string {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
