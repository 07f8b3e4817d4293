package feishu_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/feishu"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestExamine(t *testing.T) {
	t.Parallel()
	platformtest.Examine(t, platformtest.ExamineHarness{
		New: feishu.Platform,
		App: broker.App{ID: "bot", Platform: feishu.Name, AppID: appID, Secrets: []broker.Secret{broker.NewSecret(appSecret)}},
		Open: func(t *testing.T) (platformtest.Sandbox, func()) {
			sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{Platform: feishu.Name, ID: appID, Secret: appSecret}}})
			truth := sb.Of(feishu.Name)
			h := platformtest.Sandbox{
				Transport: sb.Transport(), BaseURL: "https://sandbox.test/" + feishu.Name,
				Live: func(_ broker.Kind, token broker.Secret) bool { return truth.Live(token.Reveal()) },
			}
			return h, func() {
				for _, mode := range truth.Modes() {
					_, _ = truth.KillCurrent(appID, mode) // One of them is there.
				}
			}
		},
		WrongSecret: "wrong_secret", WrongApp: "wrong_app_id",
	})
}
