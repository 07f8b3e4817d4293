package platform_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

func TestCleanKeepsWordsAndDropsTheRest(t *testing.T) {
	t.Parallel()
	const rid = " rid: 6aac005a-01bfdbee-79769285"
	for in, want := range map[string]string{
		"":                            "",
		"invalid appid" + rid:         "invalid appid" + rid,
		"系统繁忙，请稍候":                    "系统繁忙，请稍候",
		"a\nb\tc\x00d\x1b[31me":       "a b cd[31me",
		"rtl\u202eevil\u200b":         "rtlevil",
		"bad\xffutf8":                 "bad?utf8",
		"say s3cret and s3cret again": "say [secret] and [secret] again",
		"split s3\x00cret":            "split [secret]",
		"in a URL: a%2Fb%3D, a/b=":    "in a URL: [secret], [secret]",
	} {
		if got := platform.Clean(in, broker.NewSecret("s3cret"), broker.Secret{}, broker.NewSecret("a/b=")); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	long := platform.Clean("begin " + strings.Repeat("很长", 1000) + rid)
	if len(long) > 512 || !utf8.ValidString(long) || !strings.HasPrefix(long, "begin ") || !strings.HasSuffix(long, rid) {
		t.Errorf("a long text becomes %q", long)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("invalid appsecret s3cret rid: 1", "s3cret")
	f.Add("s3\u202ecret", "s3cret")
	f.Add("a%2Fb", "a/b")
	f.Add("\xff\xfe", "\xff")
	f.Add(strings.Repeat("xs3cret", 200), "s3cret")
	f.Fuzz(func(t *testing.T, text, value string) {
		got := platform.Clean(text, broker.NewSecret(value))
		if len(got) > 512 || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Clean(%q) = %q", text, got)
		}
		// What the blot itself and the ellipsis say cannot be kept secret.
		if len(value) > len("[secret]") && (strings.Contains(got, value) || strings.Contains(got, url.QueryEscape(value))) {
			t.Errorf("I6: Clean(%q) = %q, which says %q", text, got, value)
		}
	})
}
