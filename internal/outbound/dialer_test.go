package outbound_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strongroom/internal/outbound"
)

func TestSpellingsOfThisMachineAreRefused(t *testing.T) {
	d := listen(t)
	for _, host := range []string{
		"127.0.0.1", "127.1.2.3", "0.0.0.0", "localhost", "LOCALHOST", "",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]",
		"[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[::1%lo]", "[fe80::1%lo]", "[::ffff:127.0.0.1%lo]",
	} {
		t.Run(host, func(t *testing.T) {
			wantBlocked(t, only(), "tcp", host+":"+d.port)
			d.wantShut(t)
		})
	}
}

// TestNumericSpellingsLeadNowhere: some resolvers read these as 127.0.0.1 (inet_aton(3)),
// others as names; the name server here says 127.0.0.1 to any name.
func TestNumericSpellingsLeadNowhere(t *testing.T) {
	d := listen(t)
	for _, host := range []string{"2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "0x7f.0.0.1", "127.1", "127.0.1", "127.000.000.001", "0"} {
		for name, resolver := range map[string]*net.Resolver{
			"the system's resolver": nil,
			"a resolver of names":   (&names{answers: [][]string{{"127.0.0.1"}}}).resolver(),
		} {
			t.Run(host+" by "+name, func(t *testing.T) {
				conn, err := outbound.New(outbound.Options{Resolver: resolver}).DialContext(context.Background(), "tcp", host+":"+d.port)
				if err == nil {
					_ = conn.Close()
					t.Fatal("connected")
				}
				if code := outbound.Classify(err); code != outbound.CodeBlockedAddress && code != outbound.CodeDNS {
					t.Errorf("%v is %q, want a blocked address or an unknown name", err, code)
				}
				d.wantShut(t)
			})
		}
	}
}

func TestNetworksOtherThanTCPAreRefused(t *testing.T) {
	for _, network := range []string{"", "udp", "udp4", "unix", "unixgram", "unixpacket", "ip", "ip4:icmp", "TCP"} {
		t.Run(network, func(t *testing.T) {
			conn, err := outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}).
				DialContext(context.Background(), network, "127.0.0.1:53")
			if err == nil {
				_ = conn.Close()
				t.Error("connected")
			}
		})
	}
}

func TestANameThatResolvesToAPrivateAddressIsRefused(t *testing.T) {
	for _, address := range []string{"10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "0.0.0.0"} {
		t.Run(address, func(t *testing.T) {
			d := outbound.New(outbound.Options{Resolver: (&names{answers: [][]string{{address}}}).resolver()})
			wantBlocked(t, d, "tcp", "files.example.com:22")
			wantBlocked(t, d, "tcp4", "files.example.com:22")
		})
	}
}

func TestANameThatChangesItsAnswerIsJudgedByTheLastOne(t *testing.T) {
	door := listen(t)
	resolver := (&names{answers: [][]string{{"93.184.215.14"}, {"127.0.0.1"}}}).resolver()
	first, err := resolver.LookupNetIP(context.Background(), "ip4", "rebind.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, blocked := outbound.Judge(first[0]); blocked {
		t.Fatalf("the first answer, %v, was to be harmless", first)
	}
	wantBlocked(t, outbound.New(outbound.Options{Resolver: resolver}), "tcp", "rebind.example.com:"+door.port)
	door.wantShut(t)
}

func TestANameIsJudgedAnewAtEveryConnection(t *testing.T) {
	door := listen(t)
	d := outbound.New(outbound.Options{
		Allow:    []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Resolver: (&names{answers: [][]string{{"127.0.0.1"}, {"127.0.0.2"}}}).resolver(),
	})
	conn, err := d.DialContext(context.Background(), "tcp", "rebind.example.com:"+door.port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	<-door.knocked
	wantBlocked(t, d, "tcp", "rebind.example.com:"+door.port)
	door.wantShut(t)
}

func TestANameWithAnAllowedAddressAmongOthersLeadsToThatAlone(t *testing.T) {
	door := listen(t)
	d := outbound.New(outbound.Options{
		Allow:    []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Resolver: (&names{answers: [][]string{{"127.0.0.2", "127.0.0.3", "127.0.0.1"}}}).resolver(),
	})
	conn, err := d.DialContext(context.Background(), "tcp", "several.example.com:"+door.port)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := conn.RemoteAddr().String(); !strings.HasPrefix(got, "127.0.0.1:") {
		t.Errorf("connected to %s", got)
	}
}

func TestTheOperatorAllowsARange(t *testing.T) {
	door := listen(t)
	for name, c := range map[string]struct {
		allow, host string
		reached     bool
	}{
		"its last address":                     {"127.0.0.0/31", "127.0.0.1", true},
		"its IPv4-mapped form":                 {"127.0.0.1/32", "[::ffff:127.0.0.1]", true},
		"localhost":                            {"127.0.0.0/8", "127.0.0.1", true},
		"an IPv6 range with an address's zone": {"::1/128", "[::1%1]", false},
		"all of IPv4 and the wildcard address": {"0.0.0.0/0", "0.0.0.0", true},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix(c.allow)}}).
				DialContext(context.Background(), "tcp", c.host+":"+door.port)
			if errors.Is(err, outbound.ErrBlocked) || c.reached && err != nil {
				t.Fatalf("refused: %v", err)
			}
			if err == nil {
				_ = conn.Close()
			}
		})
	}
	for name, c := range map[string]struct{ allow, host string }{
		"the address after it":                  {"127.0.0.0/31", "127.0.0.2"},
		"an IPv6 loopback beside an IPv4 range": {"127.0.0.0/8", "[::1]"},
		"NAT64 to an allowed IPv4 range":        {"127.0.0.0/8", "[64:ff9b::127.0.0.1]"},
		"an IPv4 loopback beside all of IPv6":   {"::/0", "127.0.0.1"},
		"an IPv4-compatible form beside IPv4":   {"127.0.0.0/8", "[::127.0.0.1]"},
		"an IPv4 address with a zone":           {"::/0", "[::ffff:127.0.0.1%lo]"},
	} {
		t.Run(name+" stays refused", func(t *testing.T) {
			wantBlocked(t, outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix(c.allow)}}), "tcp", c.host+":"+door.port)
		})
	}
}

func TestTheErrorSaysTheClassAndWhoMayAllowIt(t *testing.T) {
	d := outbound.New(outbound.Options{Resolver: (&names{answers: [][]string{{"10.11.12.13"}}}).resolver()})
	err := wantBlocked(t, d, "tcp", "db.example.com:5432")
	var blocked *outbound.BlockedError
	if !errors.As(err, &blocked) {
		t.Fatalf("%v holds no BlockedError", err)
	}
	if want := "a private address is not connected to; the operator may allow it with --allow-addresses"; blocked.Error() != want || blocked.Class != "a private address" {
		t.Errorf("%q, want %q", blocked, want)
	}
	if strings.Contains(blocked.Error(), "10.11.12.13") {
		t.Error("the error tells users what a name of the inside resolves to")
	}
}

func TestALookUpThatIsNeverAnsweredEnds(t *testing.T) {
	silent := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	_, err := outbound.New(outbound.Options{Resolver: silent, Timeout: 10 * time.Millisecond}).DialContext(context.Background(), "tcp", "slow.example.com:22")
	if got := outbound.Classify(err); got != outbound.CodeDNS {
		t.Errorf("%v is %q, want dns", err, got)
	}
}

func TestADialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := only("127.0.0.1").DialContext(ctx, "tcp", "127.0.0.1:1")
	if err == nil || outbound.Classify(err) != "" {
		t.Errorf("%v is %q, want an error of no class", err, outbound.Classify(err))
	}
}

func TestALookUpThatIsGivenUpHasNoClass(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	_, err := outbound.New(outbound.Options{Resolver: resolver}).DialContext(ctx, "tcp", "slow.example.com:22")
	if err == nil || outbound.Classify(err) != "" {
		t.Errorf("%v is %q, want an error of no class", err, outbound.Classify(err))
	}
}
