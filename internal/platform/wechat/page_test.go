package wechat_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

// The example of WeChat's own page about the JS-SDK.
func TestAPageIsSignedAsWeChatsExampleIs(t *testing.T) {
	t.Parallel()
	pages := wechat.Platform(platform.NewCaller(nil)).Pages
	ticket := broker.NewSecret("sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg")
	const want = "0f9de62fce790f9a083d5c99e95740ceb90c27ed"
	for page, same := range map[string]bool{
		"http://mp.weixin.qq.com?params=value":                 true,
		"http://mp.weixin.qq.com?params=value#":                true,
		"http://mp.weixin.qq.com?params=value#wechat_redirect": true,
		"http://mp.weixin.qq.com/?params=value":                false,
		"http://mp.weixin.qq.com?params=value%20":              false,
	} {
		if got := pages.SignPage(ticket, page, "Wm3WZYTPz0wzccnW", 1414587457); (got == want) != same {
			t.Errorf("%s is signed %s", page, got)
		}
	}
}

// WeChat's page about cards has no example. The sum here was made by sha1sum of the values
// in the order of their bytes.
func TestACardIsSignedByItsValuesInWhateverOrder(t *testing.T) {
	t.Parallel()
	cards, ok := wechat.Platform(platform.NewCaller(nil)).Pages.(broker.CardSigner)
	if !ok {
		t.Fatal("no cards are signed")
	}
	const want = "5b4fca9fb36bb66d268ff17e0142b0823a86c0c1"
	ticket := broker.NewSecret("Zticket-of-cards")
	values := []string{"1404896688", "pjZ8Yt1XGILfi-FUsewpnnolGgZk", "jonyqin", "ojZ8YtyVyr30HheH3CM73y7h4jJE", ""}
	for range values {
		before := values[0]
		if got := cards.SignCard(ticket, values...); got != want {
			t.Errorf("%q are signed %s, want %s", values, got, want)
		}
		if values[0] != before {
			t.Error("the caller's values have been put in order")
		}
		values = append(values[1:], values[0])
	}
}
