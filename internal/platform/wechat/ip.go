package wechat

import (
	"net/netip"
	"strings"
)

// callerIP finds the address that the platform refused in its message, as one that
// can be pasted into the whitelist; "" if there is none. The forms seen are [C]:
//
//	invalid ip 116.25.45.231 ipv6 ::ffff:116.25.45.231, not in whitelist rid: …
//	access clientip is not registered requestIP: 123.56.117.1 rid: …
//
// What follows the words is taken for an address only if it parses as one, because
// the platform also writes masked ones (123.56.117.xxx), and because hints must not
// repeat what somebody else made up.
func callerIP(errmsg string) string {
	var six netip.Addr
	for _, before := range []string{"invalid ip ", "requestIP: ", "ipv6 "} {
		_, after, ok := strings.Cut(errmsg, before)
		if !ok {
			continue
		}
		word, _, _ := strings.Cut(after, " ")
		ip, err := netip.ParseAddr(strings.TrimRight(word, ",.;"))
		if err != nil || ip.Zone() != "" {
			continue
		}
		if ip = ip.Unmap(); ip.Is4() {
			return ip.String()
		}
		if !six.IsValid() {
			six = ip
		}
	}
	if six.IsValid() {
		return six.String()
	}
	return ""
}
