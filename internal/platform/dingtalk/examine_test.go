package dingtalk_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/dingtalk"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
)

func TestExamine(t *testing.T) {
	t.Parallel()
	platformtest.Examine(t, platformtest.ExamineHarness{
		New: dingtalk.Platform,
		App: broker.App{
			ID: "oa", Platform: dingtalk.Name, AppID: appKey, Secrets: []broker.Secret{broker.NewSecret(appSecret)},
			Params: map[string]string{dingtalk.CorpID: corpID},
		},
		Open: func(t *testing.T) (platformtest.Sandbox, func()) {
			sb, truth := platformtest.Simulate(simulated())
			return sb, func() {
				if _, err := truth.KillCurrent(appKey, ""); err != nil {
					t.Fatal(err)
				}
			}
		},
		WrongSecret: "wrong_secret", WrongApp: "wrong_secret", // DingTalk says the same of both [P].
	})
}
