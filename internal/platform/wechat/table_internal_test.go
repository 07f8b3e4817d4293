package wechat

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestMeaningsAreComplete(t *testing.T) {
	t.Parallel()
	parts := []map[int64]meaning{generalMeanings(), addressMeanings(), loginMeanings(), componentMeanings()}
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n != len(meanings) {
		t.Errorf("the parts have %d codes, the whole %d: one is in two parts", n, len(meanings))
	}
	snake := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	classes := map[string]broker.Class{}
	for code, m := range meanings {
		if !snake.MatchString(m.code) || m.class == "" || m.errmsg == "" || m.says == "" || m.hint == "" {
			t.Errorf("%d: %+v is incomplete", code, m)
		}
		if (m.reset != broker.ResetNone) != (m.class == broker.Throttled) {
			t.Errorf("%d: class %s with reset %d", code, m.class, m.reset)
		}
		if before, ok := classes[m.code]; ok && before != m.class {
			t.Errorf("%d: %s is of class %s and of class %s", code, m.code, before, m.class)
		}
		classes[m.code] = m.class
		if e := m.err(""); strings.ContainsAny(e.Hint, "{}") {
			t.Errorf("%d: hint %q", code, e.Hint)
		}
	}
}

// What a code says at a place of its own is complete as well, and a code of ours that
// has a class elsewhere has it here.
func TestParticularMeaningsAreComplete(t *testing.T) {
	t.Parallel()
	classes := map[string]broker.Class{unfamiliar.code: unfamiliar.class}
	for _, m := range meanings {
		classes[m.code] = m.class
	}
	for _, e := range []*broker.Error{broker.ErrGrantEnded, broker.ErrScopeLacking, broker.ErrUserTokenRejected} {
		classes[e.Code] = e.Class
	}
	for where, codes := range particular {
		for code, m := range codes {
			if m.says == "" || m.hint == "" || classes[m.code] != m.class {
				t.Errorf("%d at %d: %+v, and the class elsewhere is %q", code, where, m, classes[m.code])
			}
		}
	}
	for _, where := range []place{atUser, atProfile, atRefresh} {
		if len(particular[where]) == 0 {
			t.Errorf("nothing is particular at %d", where)
		}
	}
}

func TestCallerIPIsFoundInEveryForm(t *testing.T) {
	t.Parallel()
	for msg, want := range map[string]string{
		"invalid ip 116.25.45.231 ipv6 ::ffff:116.25.45.231, not in whitelist rid: 61250a39-612fed42-36740516": "116.25.45.231",
		"invalid ip 116.25.45.231, not in whitelist hint: [CYHbfa0259vr44!]":                                   "116.25.45.231",
		"invalid ip ::ffff:116.25.45.231, not in whitelist":                                                    "116.25.45.231",
		"invalid ip 240e:1::2 ipv6 240e:1::2, not in whitelist rid: x":                                         "240e:1::2",
		"invalid ip 0x7f ipv6 ::ffff:1.2.3.4, not in whitelist":                                                "1.2.3.4",
		"access clientip is not registered requestIP: 123.56.117.9 rid: x":                                     "123.56.117.9",
		"access clientip is not registered requestIP: 123.56.117.xxx rid: x":                                   "",
		"access clientip is not registered, not in ip-white-list rid: x":                                       "",
		"invalid ip, not in whitelist":                                                                         "",
		"invalid ip fe80::1%<script>, not in whitelist":                                                        "",
		"invalid ip ": "",
		"":            "",
		"invalid appid rid: 6aac005a-01bfdbee-79769285": "",
	} {
		if got := callerIP(msg); got != want {
			t.Errorf("callerIP(%q) = %q, want %q", msg, got, want)
		}
	}
}

func FuzzCallerIP(f *testing.F) {
	f.Add("invalid ip 116.25.45.231 ipv6 ::ffff:116.25.45.231, not in whitelist rid: 61250a39-612fed42-36740516")
	f.Add("access clientip is not registered requestIP: 123.56.117.9 rid: x")
	f.Add("invalid ip fe80::1%eth0, not")
	f.Add("ipv6 ::, ipv6 ::1")
	f.Fuzz(func(t *testing.T, msg string) {
		got := callerIP(msg)
		if got == "" {
			return
		}
		ip, err := netip.ParseAddr(got)
		if err != nil || ip.String() != got || ip.Is4In6() || ip.Zone() != "" {
			t.Errorf("callerIP(%q) = %q", msg, got)
		}
	})
}
