package broker

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ParseBaseURL checks where an app's platform is said to be, and returns the URL
// without a slash at its end, and its host. The error says what is wrong and what to
// write instead; it never quotes the URL, which could hold a password.
//
// Plain http is for the sandbox, tests and proxies next door. To a public host the app
// secret and every token would travel in the clear, so there it is refused.
func ParseBaseURL(s string) (base, host string, err error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.Hostname() == "":
		return "", "", errors.New("is not an absolute URL; write one such as https://api.example.com")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", "", errors.New("has a scheme that is neither https nor http; write one such as https://api.example.com")
	case u.User != nil:
		return "", "", errors.New("contains a user or password; remove it")
	case strings.ContainsAny(s, "?#"):
		return "", "", errors.New("contains a query or fragment; remove it")
	case !validPort(u.Port()):
		return "", "", errors.New("has no port from 1 to 65535; write the port, or nothing for the scheme's own")
	case u.Scheme == "http" && !privateHost(u.Hostname()):
		return "", "", errors.New("is plain http to a public host, where secrets and tokens could be read on the way; " +
			"use https (http is accepted for loopback and private addresses and internal names)")
	}
	u.Host = strings.ToLower(u.Host)
	return strings.TrimRight(u.String(), "/"), u.Hostname(), nil
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// LoopbackHost reports whether a host cannot be another machine.
func LoopbackHost(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// privateHost reports whether a host is by its form not on the public internet: a
// loopback or private address, or a name that no public registry gives out. Link-local
// addresses are not among them: no platform is there, but the metadata of clouds is.
func privateHost(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap()
		return a.IsLoopback() || a.IsPrivate() || sharedAddresses().Contains(a)
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if !strings.Contains(host, ".") {
		return true // a single word: a container or a service next door
	}
	return slices.ContainsFunc([]string{
		".localhost", ".local", ".internal", ".test", ".lan", ".home.arpa", ".svc",
	}, func(suffix string) bool { return strings.HasSuffix(host, suffix) })
}

// sharedAddresses are those of RFC 6598, which clouds give to their inner services.
func sharedAddresses() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)
}
