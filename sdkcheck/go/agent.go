package main

import (
	"errors"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/work/config"
	"github.com/silenceper/wechat/v2/work/message"
)

// agent returns what a business server does with silenceper/wechat for an agent of WeCom. Each
// has a cache of its own: the one in memory is read without a lock.
func agent(corp, id, key string) ([]call, *counted) {
	kept := &counted{Memory: cache.NewMemory(), tokens: map[string]int{}}
	wk := wechat.NewWechat().GetWork(&config.Config{CorpID: corp, CorpSecret: key, AgentID: id, Cache: kept})
	page := func(sign func() (string, error)) func() error {
		return func() error {
			signature, err := sign()
			if err == nil && signature == "" {
				err = errors.New("no signature")
			}
			return err
		}
	}
	return []call{
		// An agent may send in its own name only, so that another one's token shows.
		{"send", func() error {
			_, err := wk.GetMessage().SendText(message.SendTextRequest{
				SendRequestCommon: &message.SendRequestCommon{ToUser: "zhangsan", AgentID: id},
				Text:              message.TextField{Content: "你好"},
			})
			return err
		}},
		{"user", func() error {
			_, err := wk.GetAddressList().UserGet("zhangsan")
			return err
		}},
		// The tickets are answered by Hufu itself, and kept by the SDK.
		{"page of the corp", page(func() (string, error) {
			c, err := wk.JsSdk().GetConfig("https://example.com/")
			return c.Signature, err
		})},
		{"page of the agent", page(func() (string, error) {
			c, err := wk.JsSdk().GetAgentConfig("https://example.com/")
			return c.Signature, err
		})},
	}, kept
}
