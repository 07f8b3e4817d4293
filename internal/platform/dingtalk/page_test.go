package dingtalk_test

import (
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/dingtalk"
)

// The sums were made by sha1sum of what DingTalk says is signed: the query with its escapes
// undone, and nothing of the fragment.
func TestAPageIsSignedWithTheEscapesOfItsQueryUndone(t *testing.T) {
	t.Parallel()
	pages := dingtalk.Platform(platform.NewCaller(nil)).Pages
	if at := time.UnixMilli(1414588745123); pages.Stamp(at) != 1414588745 {
		t.Errorf("%v is signed as %d", at, pages.Stamp(at))
	}
	for page, want := range map[string]string{
		"https://a.test/p?next=http%3A%2F%2Fa.test%2Fx+y":    "ed153d437088e3320762a3febae43384ac32fd83",
		"https://a.test/p?next=http://a.test/x%20y#/a?b=%20": "ed153d437088e3320762a3febae43384ac32fd83",
		"https://a.test/p#x":     "792e8b64f37eecc632448d85e0c5af249a1cee42",
		"https://a.test/p?a=%zz": "cf49ca275ddd9dcd218184a83fd051a0ee409f38",
	} {
		if got := pages.SignPage(broker.NewSecret("tkt"), page, "abc", 1414588745); got != want {
			t.Errorf("%s is signed %s, want %s", page, got, want)
		}
	}
}
