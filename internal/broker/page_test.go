package broker_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestPagesAreSignedOnTheAppsHostsOnly(t *testing.T) {
	t.Parallel()
	a := &broker.App{PageHosts: []string{"www.example.com", "*.example.cn", "local.test:8443", "[::1]:8080", "explicit.test:443"}}
	for _, c := range []struct{ page, want string }{
		{"https://www.example.com/", "https://www.example.com/"},
		{"https://www.example.com", "https://www.example.com"},
		{"http://www.example.com/pay?x=1&y=%E4%B8%AD", "http://www.example.com/pay?x=1&y=%E4%B8%AD"},
		{"https://www.example.com/a#/route?x=#y", "https://www.example.com/a"},
		{"https://WWW.Example.com/a", "https://WWW.Example.com/a"}, // signed as the page has it
		{"https://www.example.com:443/a", "https://www.example.com:443/a"},
		{"http://www.example.com:80/a", "http://www.example.com:80/a"},
		{"https://m.example.cn/a", "https://m.example.cn/a"},
		{"https://a.b.example.cn/a", "https://a.b.example.cn/a"},
		{"https://local.test:8443/", "https://local.test:8443/"},
		{"http://[::1]:8080/", "http://[::1]:8080/"},
		{"https://explicit.test/", "https://explicit.test/"},
		{"https://www.example.com/中文", "https://www.example.com/中文"},
	} {
		if got, err := a.Page(c.page); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", c.page, got, err)
		}
	}
	for _, page := range []string{
		"https://example.com/", "https://www.example.com.evil.test/", "https://evil.test/www.example.com", "https://evilwww.example.com/",
		"https://example.cn/", "https://evilexample.cn/", "https://.example.cn.evil.test", "https://www.example.com:8443/", "http://www.example.com:443/",
		"https://local.test/", "https://local.test:8444/", "https://m.example.cn:8443/", "http://explicit.test/", "https://www.example.com./",
	} {
		if _, err := a.Page(page); !errors.Is(err, broker.ErrPageNotAllowed) {
			t.Errorf("%s: %v, want that it is not allowed", page, err)
		}
	}
	for _, page := range []string{
		"", "www.example.com", "//www.example.com/", "ftp://www.example.com/", "javascript:alert(1)", "https:www.example.com", "https:///path",
		"https://user@www.example.com/", `https://evil.test\@www.example.com/`, "https://www.example.com/a b", "https://www.example.com/\n",
		"https://www.example.com/" + strings.Repeat("a", broker.MaxPage), "https://%77ww.example.com:x/",
	} {
		if _, err := a.Page(page); broker.AsError(err).Code != "invalid" {
			t.Errorf("%q: %v, want that it is no page", page, err)
		}
	}
	if _, err := (&broker.App{}).Page("https://www.example.com/"); !errors.Is(err, broker.ErrPageNotAllowed) {
		t.Errorf("an app without page hosts: %v", err)
	}
}

func TestWhatMayBeAPageHost(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"www.example.com", "*.example.cn", "localhost:8080", "127.0.0.1", "[::1]:8080", "a"} {
		if err := broker.CheckPageHost(host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{
		"", "*", "*.", "https://www.example.com", "www.example.com/", "www.example.com/path", "WWW.example.com", "a.*.example.com", "*example.com",
		"*.*.example.com", "www.example.com:", "www.example.com:0", "www.example.com:99999", "www.example.com:x", ".example.com", "example.com.", "user@example.com",
		"example.com?x", "example.com#x", "a b", "exa%6dple.com", `a\b`, "中文.cn", strings.Repeat("a", 256),
	} {
		if err := broker.CheckPageHost(host); err == nil {
			t.Errorf("%q may be a page host", host)
		}
	}
}
