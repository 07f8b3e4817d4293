package broker_test

import (
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestLoginAllowsNoOtherPlace(t *testing.T) {
	t.Parallel()
	l := &broker.Login{Redirects: []string{
		"https://www.example.com/login",
		"https://m.example.cn/wx/",
		"https://all.example.com",
		"https://root.example.com/",
		"https://www.example.com:8443/a%20b",
		"http://127.0.0.1:3000/cb",
		"https://[::1]:9/cb",
		"https://xn--fiq228c.example.com/x",
	}}
	for _, s := range []string{
		"https://www.example.com/login", "https://www.example.com/login/", "https://www.example.com/login/wechat/done",
		"https://www.example.com/login?next=%2Fcart&x=1", "https://www.example.com/login?", "HTTPS://www.example.com/login",
		"https://www.example.com/login?next=https://evil.example/", // where it leads then is the page's own affair
		"https://m.example.cn/wx/", "https://m.example.cn/wx/x",
		"https://all.example.com", "https://all.example.com/", "https://all.example.com/any/where", "https://all.example.com//two",
		"https://root.example.com/", "https://root.example.com/x",
		"https://www.example.com:8443/a%20b", "https://www.example.com:8443/a%20b/c",
		"http://127.0.0.1:3000/cb", "https://[::1]:9/cb/x", "https://xn--fiq228c.example.com/x",
		"https://www.example.com/login/..hidden", "https://www.example.com/login/a..b",
	} {
		if !l.Allows(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for what, attacks := range map[string][]string{
		"another host": {
			"https://evil.example/login", "https://www.example.com.evil.example/login", "https://evil-www.example.com/login", "https://example.com/login",
			"https://wwwXexample.com/login", "https://www.example.comm/login", "https://www.example.co/login", "https://.www.example.com/login",
			"https://www.example.com./login", "https://all.example.com.evil.example", "https://all.example.com-evil.example", "https://all.example.com%2eevil.example/",
		},
		"user names": {
			"https://www.example.com@evil.example/login", "https://www.example.com:443@evil.example/login", "https://user:pass@www.example.com/login",
			"https://@www.example.com/login", "https://:@www.example.com/login", "https://evil.example%40www.example.com/login",
			"https://www.example.com%2Flogin@evil.example/", "https://all.example.com%5c@evil.example/",
		},
		"backslashes": {
			`https://evil.example\@www.example.com/login`, `https://www.example.com\.evil.example/login`, `https://www.example.com/login\..\..`,
			`https:\\www.example.com\login`, `https://www.example.com/login/%5c..%5cadmin`, `\\evil.example/login`, `https://www.example.com/login?x=\`, `https://all.example.com\@evil.example`,
		},
		"ways up": {
			"https://www.example.com/login/../admin", "https://www.example.com/login/..", "https://www.example.com/login/./x", "https://www.example.com/login/%2e%2e/admin",
			"https://www.example.com/login/%2E%2E/admin", "https://www.example.com/login/.%2e/admin", "https://www.example.com/login%2f..%2fadmin",
			"https://www.example.com/login/%2fadmin", "https://www.example.com/login%2Fadmin", "https://www.example.com/%6cogin/../admin",
		},
		"another path": {
			"https://www.example.com/loginx", "https://www.example.com/logi", "https://www.example.com/", "https://www.example.com", "https://www.example.com/LOGIN",
			"https://www.example.com//login", "https://www.example.com/x/login", "https://www.example.com/login;x", "https://www.example.com/login%20", "https://www.example.com/log%69n",
			"https://m.example.cn/wx", "https://m.example.cn/wxx", "https://m.example.cn/w", "https://root.example.com", "https://www.example.com:8443/a", "https://www.example.com:8443/a%20bc",
			"https://www.example.com?/login", "https://www.example.com?x=/login",
		},
		"another scheme": {
			"http://www.example.com/login", "javascript:alert(1)//www.example.com/login", "data:text/html,x", "ftp://www.example.com/login", "//www.example.com/login", "www.example.com/login",
			"/login", "", " ", "https:www.example.com/login", "https:/www.example.com/login", "https:///www.example.com/login", "https://", "https:", "://www.example.com/login",
			"wss://www.example.com/login", "https+x://www.example.com/login", "https://127.0.0.1:3000/cb",
		},
		"another port": {
			"https://www.example.com:443/login", "https://www.example.com:8443/login", "https://www.example.com:/login", "https://www.example.com:0443/login", "https://www.example.com:80/login",
			"https://www.example.com:x/login", "https://www.example.com:8443:8443/a%20b", "http://127.0.0.1/cb", "http://127.0.0.1:30000/cb", "https://:443/login", "https://[::1]/cb",
		},
		"other letters": {
			"https://WWW.example.com/login", "https://www.Example.com/login", "https://www.ex\u0430mple.com/login", "https://www.ex%D0%B0mple.com/login", "https://\uff57ww.example.com/login",
			"https://www%E3%80%82example.com/login", "https://www\u3002example.com/login", "https://中文.example.com/x", "https://%E4%B8%AD%E6%96%87.example.com/x", "https://www.example.com/login\u202e",
			"https://0x7f.1:3000/cb", "https://2130706433/cb",
		},
		"fragments": {"https://www.example.com/login#", "https://www.example.com/login#x", "https://www.example.com#@evil.example/login", "https://evil.example#www.example.com/login"},
		"bytes that browsers leave out": {
			"https://www.example.com/login\t", "https://www.example.com/login\n", " https://www.example.com/login", "https://www.example.com/lo\tgin", "https://www.example.com/login\x00", "\x01https://www.example.com/login",
			"https://www.example.com/login/x\r\nLocation: https://evil.example", "ht\ntps://www.example.com/login", "https://www.example.com/login/\x7f",
		},
		"broken escapes": {"https://www.example.com/login/%", "https://www.example.com/login/%zz", "https://www.example.com/login/%2"},
		"too long":       {"https://www.example.com/login/" + strings.Repeat("x", broker.MaxRedirect)},
	} {
		for _, s := range attacks {
			if l.Allows(s) {
				t.Errorf("%s: %q is allowed", what, s)
			}
		}
	}
}

func TestLoginWithoutRedirectsAllowsNothing(t *testing.T) {
	t.Parallel()
	for _, l := range []*broker.Login{nil, {}, {Redirects: []string{"", "x", "https://user@www.example.com/login", "https://*.example.com", "https://www.example.com/login#x"}}} {
		for _, s := range []string{"", "x", "https://www.example.com/login", "https://user@www.example.com/login", "https://a.example.com", "https://*.example.com", "https://www.example.com/login#x"} {
			if l.Allows(s) {
				t.Errorf("%v allows %q", l, s)
			}
		}
	}
}

func TestCheckRedirect(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"https://www.example.com", "https://www.example.com/", "https://www.example.com/login/", "https://www.example.com:8443/x", "http://127.0.0.1:3000/cb", "http://localhost/cb",
		"https://[::1]:8443/", "https://xn--fiq228c.example.com/", "https://my_host/x", "https://www.example.com/" + strings.Repeat("x", 1000),
	} {
		if err := broker.CheckRedirect(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if l := (&broker.Login{Redirects: []string{s}}); !l.Allows(s) {
			t.Errorf("%q is right, and does not allow itself", s)
		}
	}
	for s, says := range map[string]string{
		"": "is not a URL", "x": "absolute", "/login": "absolute", "https:": "absolute", "https://": "absolute", "ftp://www.example.com/": "absolute", "https:www.example.com": "absolute",
		"https://user@www.example.com/": "user name", "https://www.example.com/?": "query", "https://www.example.com/?a=b": "query", "https://www.example.com/#": "fragment", "https://www.example.com/#a": "fragment",
		"https://WWW.example.com/": "host", "https://www.example.com./": "host", "https://www.example.com.:8443/": "host", "https://www.example.com:/": "host", "https://*.example.com/": "host",
		"https://:8443/": "host", "https://中文.example.com/": "ASCII", "https://%E4%B8%AD.example.com/": "host", "https://www.example.com:443/": "port", "http://www.example.com:80/": "port",
		"https://www.example.com/a/../b": "path", "https://www.example.com/%2e%2e": "path", "https://www.example.com/a%2Fb": "path", "https://www.example.com/%5C": "path",
		`https://www.example.com\x`: "ASCII", "https://www.example.com/ x": "ASCII", "https://www.example.com/" + strings.Repeat("x", 1024): "1024", "https://www.example.com/%zz": "is not a URL",
	} {
		if err := broker.CheckRedirect(s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want something about %q", s, err, says)
		}
	}
}

func FuzzLoginAllows(f *testing.F) {
	for _, s := range []string{"https://www.example.com/login", "https://www.example.com/login/../x", "https://www.example.com@evil.example/login", "https://www.example.com/login?x#y", `https://evil.example\@www.example.com/login`} {
		f.Add(s)
	}
	l := &broker.Login{Redirects: []string{"https://www.example.com/login"}}
	f.Fuzz(func(t *testing.T, s string) {
		if !l.Allows(s) {
			return
		}
		low := strings.ToLower(s[:min(len(s), len("https"))]) + s[min(len(s), len("https")):]
		rest, ok := strings.CutPrefix(low, "https://www.example.com/login")
		if !ok || rest != "" && rest[0] != '/' && rest[0] != '?' || strings.ContainsAny(s, "\\#\t\r\n") {
			t.Errorf("%q is allowed", s)
		}
	})
}
