package upstream

import (
	"net/netip"
	"net/url"
	"testing"
)

func TestSpecialAddressesAreForbidden(t *testing.T) {
	for _, a := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1", "224.0.0.1",
		"239.255.255.250", "240.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:10.0.0.1",
		"64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::8.8.8.8", "2002:7f00:1::", "2001:0:1::1",
	} {
		if !forbidden(netip.MustParseAddr(a)) {
			t.Errorf("%s is allowed", a)
		}
	}
	for _, a := range []string{"8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "192.0.2.1", "198.51.100.1", "203.0.113.1"} {
		if forbidden(netip.MustParseAddr(a)) {
			t.Errorf("%s is forbidden", a)
		}
	}
	if !forbidden(netip.Addr{}) {
		t.Error("no address is allowed")
	}
}

func TestWhatIsWrittenIsJudgedWhereAProxyResolves(t *testing.T) {
	for _, host := range []string{
		"localhost", "LOCALHOST.", "a.localhost", "127.0.0.1:80", "[::1]:80", "[::ffff:10.0.0.1]", "10.1.2.3",
		"127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.01",
	} {
		if checkLiteral(&url.URL{Scheme: "http", Host: host}) == nil {
			t.Errorf("%s is allowed", host)
		}
	}
	for _, host := range []string{"upstream.test", "upstream.test:8080", "8.8.8.8", "1.upstream.test", "x0.test"} {
		if err := checkLiteral(&url.URL{Scheme: "http", Host: host}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}
