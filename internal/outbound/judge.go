package outbound

import "net/netip"

// What a refused address is, as the error says it.
const (
	classInvalid        = "an invalid address"
	classZone           = "an address with a zone"
	classUnspecified    = "an unspecified address"
	classLoopback       = "a loopback address"
	classPrivate        = "a private address"
	classShared         = "a carrier's shared address"
	classLinkLocal      = "a link-local address"
	classMetadata       = "a cloud's metadata address"
	classMulticast      = "a multicast address"
	classBroadcast      = "the broadcast address"
	classDocumentation  = "a documentation address"
	classBenchmark      = "a benchmark address"
	classReserved       = "a reserved address"
	classIPv4Compatible = "an IPv4-compatible address"
	classTranslation    = "a local NAT64 address"
	classTeredo         = "a Teredo address"
	class6to4           = "a 6to4 address"
)

// rule refuses a range.
type rule struct {
	prefix netip.Prefix
	class  string
}

func rules(class string, prefixes ...string) []rule {
	made := make([]rule, 0, len(prefixes))
	for _, p := range prefixes {
		made = append(made, rule{netip.MustParsePrefix(p), class})
	}
	return made
}

func concat(groups ...[]rule) (all []rule) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// refused4 and refused6 are IANA's registries of special-purpose addresses (RFC 6890),
// and what clouds answer on from the inside. The first rule that fits names the class.
var (
	refused4 = concat(
		// 168.63.129.16 is Azure's; it looks public and is not.
		rules(classMetadata, "169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32",
			"100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"),
		rules(classUnspecified, "0.0.0.0/8"),
		rules(classLoopback, "127.0.0.0/8"),
		rules(classPrivate, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
		rules(classShared, "100.64.0.0/10"),
		rules(classLinkLocal, "169.254.0.0/16"),
		rules(classDocumentation, "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
		rules(classBenchmark, "198.18.0.0/15"),
		rules(classMulticast, "224.0.0.0/4"),
		rules(classBroadcast, "255.255.255.255/32"),
		rules(classReserved, "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4"),
	)
	refused6 = concat(
		rules(classMetadata, "fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128", "fd00:42::42/128"),
		rules(classUnspecified, "::/128"),
		rules(classLoopback, "::1/128"),
		rules(classIPv4Compatible, "::/96"),
		rules(classTranslation, "64:ff9b:1::/48"),
		rules(classTeredo, "2001::/32"),
		rules(classBenchmark, "2001:2::/48"),
		rules(classDocumentation, "2001:db8::/32", "3fff::/20"),
		rules(classReserved, "2001::/23"),
		rules(class6to4, "2002::/16"),
		// fec0::/10 was the private range before fc00::/7 (RFC 3879).
		rules(classPrivate, "fc00::/7", "fec0::/10"),
		rules(classLinkLocal, "fe80::/10"),
		rules(classMulticast, "ff00::/8"),
	)
	// unicast6 holds every IPv6 address that is given out to anybody (RFC 3587).
	unicast6 = netip.MustParsePrefix("2000::/3")
	// nat64 holds an IPv4 address in its last 32 bits (RFC 6052, section 2.1).
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

// Judge tells whether an address is one that no user may have the service connect to:
// this machine, the network it stands in, its cloud's metadata, and what belongs to
// nobody. The class says what it is, with its article ("a private address"); it is empty
// where the address is not blocked. An IPv6 address that stands for an IPv4 one
// (IPv4-mapped, NAT64) is what that one is.
func Judge(addr netip.Addr) (class string, blocked bool) {
	if !addr.IsValid() {
		return classInvalid, true
	}
	addr = addr.Unmap()
	switch {
	case addr.Is4():
		return judge(refused4, addr)
	case addr.Zone() != "":
		return classZone, true
	case nat64.Contains(addr):
		b := addr.As16()
		return judge(refused4, netip.AddrFrom4([4]byte(b[12:])))
	}
	if class, blocked = judge(refused6, addr); !blocked && !unicast6.Contains(addr) {
		return classReserved, true
	}
	return class, blocked
}

func judge(refused []rule, addr netip.Addr) (class string, blocked bool) {
	for _, r := range refused {
		if r.prefix.Contains(addr) {
			return r.class, true
		}
	}
	return "", false
}
