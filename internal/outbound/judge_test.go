package outbound_test

import (
	"net/netip"
	"testing"

	"strongroom/internal/outbound"
)

func TestAddressesThatAreRefused(t *testing.T) {
	for class, addresses := range map[string][]string{
		"an unspecified address":     {"0.0.0.0", "0.1.2.3", "0.255.255.255", "::", "::ffff:0.0.0.0"},
		"a loopback address":         {"127.0.0.1", "127.0.0.0", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1"},
		"a private address":          {"10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "::ffff:10.1.2.3", "64:ff9b::192.168.1.1", "fc00::1", "fdff:ffff::1", "fec0::1", "feff::1"},
		"a carrier's shared address": {"100.64.0.0", "100.127.255.255", "::ffff:100.64.0.1"},
		"a link-local address":       {"169.254.0.1", "169.254.255.255", "fe80::1", "febf::1", "::ffff:169.254.1.1"},
		"a cloud's metadata address": {"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"},
		"a multicast address":        {"224.0.0.1", "239.255.255.255", "ff02::1", "ffff::1", "::ffff:224.0.0.1"},
		"the broadcast address":      {"255.255.255.255", "::ffff:255.255.255.255"},
		"a documentation address":    {"192.0.2.1", "198.51.100.7", "203.0.113.255", "2001:db8::1", "3fff::1", "3fff:fff::1"},
		"a benchmark address":        {"198.18.0.0", "198.19.255.255", "2001:2::1"},
		"a reserved address":         {"192.0.0.1", "192.0.0.171", "192.88.99.1", "240.0.0.1", "255.255.255.254", "100::1", "100:0:0:1::1", "2001:10::1", "2001:1ff::1", "5f00::1", "4000::1", "::ffff:0:127.0.0.1", "1fff::1", "64:ff9b:0:1::8.8.8.8", "64:ff9a::1"},
		"an IPv4-compatible address": {"::127.0.0.1", "::8.8.8.8", "::2"},
		"a local NAT64 address":      {"64:ff9b:1::8.8.8.8", "64:ff9b:1:ffff::1"},
		"a Teredo address":           {"2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"},
		"a 6to4 address":             {"2002:7f00:1::1", "2002:808:808::1"},
		"an address with a zone":     {"fe80::1%eth0", "::1%lo", "2606:4700::1%1"},
	} {
		for _, a := range addresses {
			t.Run(class+": "+a, func(t *testing.T) {
				got, blocked := outbound.Judge(netip.MustParseAddr(a))
				if got != class || !blocked {
					t.Errorf("Judge = %q, %v, want %q, true", got, blocked, class)
				}
			})
		}
	}
}

func TestAddressesThatAreNobodysSecretAreNotRefused(t *testing.T) {
	for _, a := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0",
		"192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
		"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700:4700::1111", "2001:200::1", "2001:4860:4860::8888", "2003::1", "3ffe::1", "2620:4f:8000::1",
	} {
		t.Run(a, func(t *testing.T) {
			if class, blocked := outbound.Judge(netip.MustParseAddr(a)); blocked || class != "" {
				t.Errorf("Judge = %q, %v, want none", class, blocked)
			}
		})
	}
}

func TestNoAddressIsRefused(t *testing.T) {
	if class, blocked := outbound.Judge(netip.Addr{}); !blocked || class != "an invalid address" {
		t.Errorf("Judge = %q, %v", class, blocked)
	}
}

// FuzzJudge holds the table against what net/netip knows by itself.
func FuzzJudge(f *testing.F) {
	for _, seed := range []string{
		"127.0.0.1", "::1", "::ffff:10.0.0.1", "::ffff:10.0.0.1%eth0", "64:ff9b::a00:1", "fe80::1%eth0", "fc00::", "ff02::1", "0.0.0.0", "::", "8.8.8.8",
		"2606:4700:4700::1111", "2002:7f00:1::", "2001::1", "::7f00:1", "64:ff9b:1::1", "169.254.169.254", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		addr, _ := netip.ParseAddr(text)
		class, blocked := outbound.Judge(addr)
		if blocked != (class != "") {
			t.Fatalf("Judge(%s) = %q, %v: the class goes with the refusal", addr, class, blocked)
		}
		if inside(addr) && !blocked {
			t.Fatalf("%s is not refused", addr)
		}
		if !addr.Is4() {
			return
		}
		if c, b := outbound.Judge(netip.AddrFrom16(addr.As16())); c != class || b != blocked {
			t.Errorf("%s is %q as IPv4 and %q as IPv4-mapped IPv6", addr, class, c)
		}
		four := addr.As4()
		translated := netip.AddrFrom16([16]byte{1: 0x64, 2: 0xff, 3: 0x9b, 12: four[0], four[1], four[2], four[3]})
		if c, b := outbound.Judge(translated); c != class || b != blocked {
			t.Errorf("%s is %q as IPv4 and %q behind NAT64", addr, class, c)
		}
	})
}

// inside tells what must be refused, by another way than the table.
func inside(addr netip.Addr) bool {
	addr = addr.Unmap()
	return !addr.IsValid() || !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.Zone() != ""
}

func BenchmarkJudge(b *testing.B) {
	addr := netip.MustParseAddr("2606:4700:4700::1111")
	for b.Loop() {
		outbound.Judge(addr)
	}
}
