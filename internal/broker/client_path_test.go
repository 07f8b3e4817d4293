package broker_test

import (
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestPatternsOfPathsSayWhatCallsCanSay(t *testing.T) {
	t.Parallel()
	for _, p := range []string{
		"/", "/*", "/cgi-bin/message/*", "/cgi-bin/*/send", "/a.b/..c/c..", "/cgi-bin/", "/sns/*:x@y", "/" + strings.Repeat("x", 255),
	} {
		if !broker.ValidPathPattern(p) {
			t.Errorf("%.40q is refused", p)
		}
	}
	for _, p := range []string{
		"", "*", "cgi-bin/x", "//x", "/a//b", "/a//", "/a?b", "/a#b", "/%2e", `/a\b`, "/a b", "/a\nb", "/ä", "/a/./b", "/a/../b", "/..", "/.",
		"https://api.weixin.qq.com/x", "/" + strings.Repeat("x", 256),
	} {
		if broker.ValidPathPattern(p) {
			t.Errorf("%.40q is accepted", p)
		}
	}
}
