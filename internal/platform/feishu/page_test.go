package feishu_test

import (
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/feishu"
)

// The sum was made by sha1sum of what is signed, with the time in milliseconds.
func TestAPageIsSignedInMilliseconds(t *testing.T) {
	t.Parallel()
	for _, p := range []broker.Platform{feishu.Platform(platform.NewCaller(nil)), feishu.Lark(platform.NewCaller(nil))} {
		at := p.Pages.Stamp(time.UnixMilli(1414588745123))
		if got, want := p.Pages.SignPage(broker.NewSecret("tkt"), "https://a.test/p?a=%20b#x", "abc", at), "ac83c61c428548999f759e7533ad01976960872b"; got != want {
			t.Errorf("%s: signed %s at %d, want %s", p.Name, got, at, want)
		}
	}
}
