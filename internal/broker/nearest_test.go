package broker_test

import (
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestThePlatformThatWasMeantIsFound(t *testing.T) {
	t.Parallel()
	all := []string{"wechat", "wecom", "feishu", "lark", "dingtalk", "qq"}
	for said, want := range map[string]string{
		"wechta": "wechat", "WeChat": "wechat", "微信": "wechat", "weixin": "wechat", "Weixin": "wechat",
		"企业微信": "wecom", "wework": "wecom", "qywx": "wecom", "飞书": "feishu", "钉钉": "dingtalk", "dingding": "dingtalk", "ding": "dingtalk",
		"抖音":   "", // It is not there.
		"acme": "", "": "", strings.Repeat("wechat", 6): "",
	} {
		if got := broker.NearestPlatform(said, all); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}
