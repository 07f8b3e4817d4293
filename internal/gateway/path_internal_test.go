package gateway

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestPlainPathsAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"/cgi-bin/user/get":              "/cgi-bin/user/get",
		"//cgi-bin//user///get":          "/cgi-bin/user/get",
		"/cgi-bin/user/get/":             "/cgi-bin/user/get/",
		"":                               "/",
		"/":                              "/",
		"///":                            "/",
		"/open-apis/im/v1/messages/om_1": "/open-apis/im/v1/messages/om_1",
		"/v1.0/users/%E5%BC%A0":          "/v1.0/users/张",
		"/a/b=c@d,e:f~g":                 "/a/b=c@d,e:f~g",
		"/cgi-bin/%74oken":               "/cgi-bin/token",
		"/a/v1.0/b.c":                    "/a/v1.0/b.c",
	} {
		got, ok := parsePlace(written)
		if !ok || got.path != want {
			t.Errorf("%q: %q, %v, want %q", written, got.path, ok, want)
		}
		if slow, ok := takeApart(written); !ok || slow != got {
			t.Errorf("%q: %q, %v when it is taken apart, want %q", written, slow, ok, got)
		}
	}
}

func TestPathsThatCouldMeanSomethingElseAreRefused(t *testing.T) {
	t.Parallel()
	for _, written := range []string{
		"/..", "/../v1/apps", "/a/...", "/a.", "/a./b", "/a%2e", "/a b", "/a%20b", "/a/b%C2%A0", "/a/../b", "/a/./b", "/.", "/a/%2e%2e/b", "/a/%2E%2e", "/a/.%2e/b", "/a%2f..%2fb", "/a%2Fb", "/a%5cb", `/a\b`, `/..\v1`,
		"/a%00b", "/a%0d%0aHost:%20evil", "/a%", "/a%2", "/a%zz", "/a%252e%252e/b", "/a%25", "/a;b=c", "/a;/../b", "/a%3bb", "/a%3fb=c", "/a%23b", "/a%ff", "/a%7f",
		"/" + strings.Repeat("a", maxPath),
	} {
		if got, ok := parsePlace(written); ok {
			t.Errorf("%q was taken for %q", written, got.path)
		}
	}
}

// Whatever is written, what goes out is below the base URL, and the platform reads the
// very path that the rules were asked about.
func FuzzPlace(f *testing.F) {
	for _, s := range []string{"", "/", "//", "/cgi-bin/user/get", "/a/../b", "/%2e%2e/", "//evil.example/x", "/@evil.example", "/a%2fb", "/%E5%BC%A0/?x", "/a;b", "/a b", "/a+b", "/a%20b/"} {
		f.Add(s, "access_token=x&y=1")
	}
	base, err := url.Parse("https://api.example.com/base")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, written, query string) {
		p, ok := parsePlace(written)
		if slow, taken := takeApart(written); len(written) <= maxPath && (ok != taken || ok && p != slow) {
			t.Fatalf("%q: %q, %v, but %q, %v when it is taken apart", written, p, ok, slow, taken)
		}
		if !ok {
			return
		}
		out := p.at(base, "")
		again, err := url.Parse(out.String())
		if err != nil {
			t.Fatalf("%q goes out as %q: %v", written, out, err)
		}
		if again.Host != base.Host || again.Scheme != base.Scheme || again.User != nil || again.RawQuery != "" || again.Fragment != "" {
			t.Fatalf("%q goes out as %q", written, out)
		}
		if again.Path != "/base"+p.path {
			t.Fatalf("%q: the platform reads %q, the rules %q", written, again.Path, p.path)
		}
		clean := path.Clean(again.Path)
		if again.Path != clean && again.Path != clean+"/" {
			t.Fatalf("%q goes out as %q, which is %q when cleaned", written, again.Path, clean)
		}
		if strings.ContainsAny(p.path, "\\%;?#\x00\r\n") {
			t.Fatalf("%q was taken for %q", written, p.path)
		}
		if twice, ok := parsePlace(p.wire); !ok || twice != p {
			t.Fatalf("%q is not the same when it is read again: %q, %q", written, p.wire, twice.wire)
		}
	})
}
