package outbound_test

import (
	"testing"

	"strongroom/internal/outbound"
)

func TestTheHostsOfThisMachineAreToldFromOthers(t *testing.T) {
	for want, hosts := range map[bool][]string{
		true: {"localhost", "127.0.0.1", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"},
		false: {
			"", "localhost.example.com", "127.0.0.1.example.com", "127.1", "0177.0.0.1", "2130706433", "[::1]", "127.0.0.1:80",
			"0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "169.254.169.254", "example.com",
		},
	} {
		for _, host := range hosts {
			if got := outbound.IsLoopbackHost(host); got != want {
				t.Errorf("%q is this machine: %t, want %t", host, got, want)
			}
		}
	}
}
