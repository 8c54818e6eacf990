package httpapi

import (
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestTheClientsAddressIsTheLastThatNoTrustedProxyWrote(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, row := range map[string]struct {
		peer      string
		forwarded []string
		trusted   []netip.Prefix
		want      string
	}{
		"no proxy is trusted: the header is anybody's":      {"10.0.0.1:80", []string{"192.0.2.9"}, nil, "10.0.0.1"},
		"the peer is no trusted proxy":                      {"198.51.100.7:80", []string{"192.0.2.9"}, trusted, "198.51.100.7"},
		"one proxy":                                         {"10.0.0.1:80", []string{"192.0.2.9"}, trusted, "192.0.2.9"},
		"what the client wrote itself is not believed":      {"10.0.0.1:80", []string{"127.0.0.1, 192.0.2.9"}, trusted, "192.0.2.9"},
		"two proxies":                                       {"10.0.0.1:80", []string{"192.0.2.9, 10.9.9.9"}, trusted, "192.0.2.9"},
		"two headers":                                       {"10.0.0.1:80", []string{"203.0.113.1", "192.0.2.9"}, trusted, "192.0.2.9"},
		"garbage: the proxy's own address":                  {"10.0.0.1:80", []string{"192.0.2.9, unknown"}, trusted, "10.0.0.1"},
		"no header: the proxy's own address":                {"10.0.0.1:80", nil, trusted, "10.0.0.1"},
		"all of them proxies: the first one":                {"10.0.0.1:80", []string{"10.0.0.3, 10.0.0.2"}, trusted, "10.0.0.3"},
		"IPv4 written as IPv6":                              {"[::ffff:10.0.0.1]:80", []string{"::ffff:192.0.2.9"}, trusted, "192.0.2.9"},
		"IPv6":                                              {"[fd00::1]:80", []string{"2001:db8::5"}, trusted, "2001:db8::5"},
		"a peer that is no address, as on a socket of unix": {"@", []string{"192.0.2.9"}, trusted, "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: row.peer, Header: http.Header{"X-Forwarded-For": row.forwarded}}
			if got := clientAddress(r, row.trusted).String(); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

func TestEntityTags(t *testing.T) {
	for sent, want := range map[string][]string{
		``:                         nil,
		`v1`:                       nil,
		`""`:                       nil,
		`"v1"`:                     {"v1"},
		`W/"v1"`:                   {"v1"},
		`"v1", "v2"`:               {"v1", "v2"},
		`*`:                        {"*"},
		strings.Repeat(`"a",`, 99): slicesOf("a", maxETags),
	} {
		if got := entityTags([]string{sent}); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", sent, got, want)
		}
	}
}

func slicesOf(s string, n int) []string {
	return strings.Split(strings.TrimSuffix(strings.Repeat(s+",", n), ","), ",")
}

func FuzzEntityTags(f *testing.F) {
	f.Add(`"v1", W/"v2", *`)
	f.Add(`""",`)
	f.Fuzz(func(t *testing.T, sent string) {
		for _, tag := range entityTags([]string{sent}) {
			if tag == "" || len(tag) > len(sent) {
				t.Errorf("tag %q of %q", tag, sent)
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("limit=5&offset=0")
	f.Add("limit=%zz")
	f.Add("limit=1&limit=2;provider=x")
	f.Fuzz(func(t *testing.T, raw string) {
		p := limitParameter(1000)
		values, err := checkQuery(raw, []parameter{p, offsetParameter, providerParameter, scopeParameter})
		if err != nil {
			return
		}
		c := &call{query: values}
		if page := c.page(p); page.Limit < 1 || page.Limit > 1000 || page.Offset < 0 {
			t.Errorf("%q gives the page %+v", raw, page)
		}
	})
}

func TestEveryCodeHasAStatusAndNoOtherPlaceSetsOne(t *testing.T) {
	for code, status := range statuses {
		if status < 400 || status > 599 || code == "" {
			t.Errorf("%q has the status %d", code, status)
		}
	}
}
