// Package platformtable is the table of platforms: the one place that names those that come
// with the program. A platform is removed by its folder and its line here.
package platformtable

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

// BuiltIn are the platforms that come with the program, called by c. Where a path could be
// that of several, this is the order in which they are asked; the first has the word where a
// call is nobody's.
func BuiltIn(c *platform.Caller) []broker.Platform {
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

// With are these, and behind them those that are described, as in a configuration.
func With(c *platform.Caller, described []declared.Definition) ([]broker.Platform, error) {
	table := BuiltIn(c)
	for _, def := range described {
		p, err := declared.New(def, c)
		if err != nil {
			return nil, fmt.Errorf("make the platform %q of its description: %w", def.Name, err)
		}
		table = append(table, p)
	}
	return table, nil
}
