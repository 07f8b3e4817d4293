package dropin

import (
	"testing"

	"github.com/hufu-io/hufu/internal/platform/wechat"
)

// FuzzFold holds the folding of paths against how platforms compare them: what is the same
// to one of them has to be found under one key.
func FuzzFold(f *testing.F) {
	for _, seed := range []string{"", "/", "//", "/cgi-bin/token", "//CGI-BIN//Token/", "/a;b/c;d//", "/a/;b", ";", "a//;/", "/é", "/İ", "/K"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		want := fold(path)
		if got := fold(wechat.Canonical(path)); got != want {
			t.Errorf("%q is folded to %q, and WeChat's form of it to %q", path, want, got)
		}
		if got := fold(plainPath(path)); got != want {
			t.Errorf("%q is folded to %q, and the plain form of it to %q", path, want, got)
		}
		if got := fold(want); got != want {
			t.Errorf("%q is folded to %q, and that to %q", path, want, got)
		}
	})
}
