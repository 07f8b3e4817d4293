package feishu_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/feishu"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
)

func TestExamine(t *testing.T) {
	t.Parallel()
	platformtest.Examine(t, platformtest.ExamineHarness{
		New: feishu.Platform,
		App: broker.App{ID: "bot", Platform: feishu.Name, AppID: appID, Secrets: []broker.Secret{broker.NewSecret(appSecret)}},
		Open: func(t *testing.T) (platformtest.Sandbox, func()) {
			sb, truth := platformtest.Simulate(simulated(feishu.Name))
			return sb, func() {
				for _, mode := range truth.Modes() {
					_, _ = truth.KillCurrent(appID, mode) // One of them is there.
				}
			}
		},
		WrongSecret: "wrong_secret", WrongApp: "wrong_app_id",
	})
}
