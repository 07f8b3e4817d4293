package whole

import (
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/baidu"
	"github.com/hufu-io/hufu/internal/platform/declared"
	"github.com/hufu-io/hufu/internal/platform/dingtalk"
	"github.com/hufu-io/hufu/internal/platform/douyin"
	"github.com/hufu-io/hufu/internal/platform/feishu"
	"github.com/hufu-io/hufu/internal/platform/kuaishou"
	"github.com/hufu-io/hufu/internal/platform/oauth2"
	"github.com/hufu-io/hufu/internal/platform/qq"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/platform/wecom"
	"github.com/hufu-io/hufu/internal/platform/xiaohongshu"
)

// platforms is the table in the order of cmd/hufu, with those behind it that a test describes.
func platforms(c *platform.Caller, described []declared.Definition) ([]broker.Platform, error) {
	table := []broker.Platform{
		wechat.Platform(c), wecom.Platform(c), feishu.Platform(c), feishu.Lark(c), dingtalk.Platform(c), qq.Platform(c),
		douyin.Platform(c), xiaohongshu.Platform(c), kuaishou.Platform(c), baidu.Platform(c), oauth2.Platform(c),
	}
	for _, def := range described {
		p, err := declared.New(def, c)
		if err != nil {
			return nil, fmt.Errorf("describe a platform: %w", err)
		}
		table = append(table, p)
	}
	return table, nil
}
