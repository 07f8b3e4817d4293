package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// baseURL returns an absolute http or https URL without a slash at its end, and its
// host. No message quotes it: it could hold a password.
//
// Plain http is for the sandbox, tests and proxies next door. To a public host the app
// secret and every token would travel in the clear, so there it is a fault.
func (v value) baseURL() (base, host string, ok bool) {
	s, ok := v.text()
	if !ok {
		return "", "", false
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.Hostname() == "":
		v.fault("is not an absolute URL; write one such as https://api.example.com")
	case u.Scheme != "http" && u.Scheme != "https":
		v.fault("has a scheme that is neither https nor http; write one such as https://api.example.com")
	case u.User != nil:
		v.fault("contains a user or password; remove it")
	case strings.ContainsAny(s, "?#"):
		v.fault("contains a query or fragment; remove it")
	case !validPort(u.Port()):
		v.fault("has no port from 1 to 65535; write the port, or nothing for the scheme's own")
	case u.Scheme == "http" && !private(u.Hostname()):
		v.fault("is plain http to a public host, where secrets and tokens could be read on the way; " +
			"use https (http is accepted for loopback and private addresses and internal names)")
	default:
		u.Host = strings.ToLower(u.Host)
		return strings.TrimRight(u.String(), "/"), u.Hostname(), true
	}
	return "", "", false
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// loopback reports whether host cannot be another machine.
func loopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// private reports whether host is by its form not on the public internet: a loopback,
// private or link-local address, or a name that no public registry gives out.
func private(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap()
		return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || sharedAddresses().Contains(a)
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if !strings.Contains(host, ".") {
		return true // A single word: a container or a service next door.
	}
	return slices.ContainsFunc([]string{
		".localhost", ".local", ".internal", ".test", ".lan", ".home.arpa", ".svc",
	}, func(suffix string) bool { return strings.HasSuffix(host, suffix) })
}

// sharedAddresses are those of RFC 6598, which clouds give to their inner services.
func sharedAddresses() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)
}
