package main

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platformtable"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// hosts notes where calls go, and answers none.
type hosts struct{ last string }

func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	h.last = r.URL.Host
	return nil, errors.New("nobody is there")
}

// An app that says nothing of where its platform is asks for tokens at the host of its mode.
func TestAppsWithoutABaseURLAreAtTheirPlatformsHosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hosts{}
		table := platformtable.BuiltIn(platform.NewCaller(h))
		store := memstore.New(memstore.Config{})
		m, err := renew.New(renew.Config{Store: store, Leaser: store, Platforms: table, Holder: "test", Sealer: noSealer{}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, p := range table {
			for _, mode := range p.Modes {
				if p.BaseURL == "" {
					continue // its apps say where it is
				}
				app, err := m.Complete(&broker.App{
					ID: "a", Platform: p.Name, AppID: "id", Mode: mode, Secrets: []broker.Secret{broker.NewSecret("s")}, Params: map[string]string{"corp_id": "c"},
				})
				if err != nil {
					t.Fatal(err)
				}
				_, _ = p.Kinds(mode)[broker.AccessToken].Issuer.Issue(t.Context(), broker.IssueRequest{
					App: app, Key: broker.Key{App: app.ID, Kind: broker.AccessToken}, Secret: app.Secrets[0],
				})
				got[p.Name+" "+mode] = h.last
				time.Sleep(time.Second)
			}
		}
		want := map[string]string{
			"wechat stable": "api.weixin.qq.com", "wechat classic": "api.weixin.qq.com", "wecom token": "qyapi.weixin.qq.com",
			"feishu classic": "open.feishu.cn", "feishu oauth": "accounts.feishu.cn", "lark classic": "open.larksuite.com", "lark oauth": "accounts.larksuite.com",
			"dingtalk v1": "api.dingtalk.com", "dingtalk legacy": "oapi.dingtalk.com", "dingtalk unified": "api.dingtalk.com",
			"qq token": "api.q.qq.com", "douyin mini": "developer.toutiao.com", "douyin client": "open.douyin.com", "douyin stable": "open.douyin.com",
			"xiaohongshu token": "miniapp.xiaohongshu.com", "kuaishou token": "open.kuaishou.com", "baidu token": "aip.baidubce.com",
		}
		// A platform that is added or removed is no fault.
		var known, served []string
		for name := range want {
			known = append(known, strings.Fields(name)[0])
		}
		for _, p := range table {
			served = append(served, p.Name)
		}
		maps.DeleteFunc(want, func(name, _ string) bool { return !slices.Contains(served, strings.Fields(name)[0]) })
		maps.DeleteFunc(got, func(name, _ string) bool { return !slices.Contains(known, strings.Fields(name)[0]) })
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

type noSealer struct{ broker.Sealer }
