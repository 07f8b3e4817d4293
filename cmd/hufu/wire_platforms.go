package main

import (
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
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

// platforms is the table of the platforms that are built in.
func platforms() []broker.Platform { return platformsBy(platform.NewCaller(nil)) }

// platformsBy has the platforms called by c.
func platformsBy(c *platform.Caller) []broker.Platform {
	return []broker.Platform{
		wechat.Platform(c),
		wecom.Platform(c),
		feishu.Platform(c),
		feishu.Lark(c),
		dingtalk.Platform(c),
		qq.Platform(c),
		douyin.Platform(c),
		xiaohongshu.Platform(c),
		kuaishou.Platform(c),
		baidu.Platform(c),
		oauth2.Platform(c),
	}
}

// tableOf is the table of all platforms: those that are built in, and those that the
// configuration describes.
func tableOf(cfg *config.Config) ([]broker.Platform, error) {
	caller := platform.NewCaller(nil)
	table := platformsBy(caller)
	for _, def := range cfg.Platforms {
		p, err := declared.New(def, caller)
		if err != nil {
			return nil, fmt.Errorf("make the platforms of the configuration: %w", err)
		}
		table = append(table, p)
	}
	return table, nil
}
