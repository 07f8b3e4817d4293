package dingtalk_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/dingtalk"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/sandbox"
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
			sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{Platform: dingtalk.Name, ID: appKey, Company: corpID, Secret: appSecret}}})
			truth := sb.Of(dingtalk.Name)
			h := platformtest.Sandbox{
				Transport: sb.Transport(), BaseURL: "https://sandbox.test/" + dingtalk.Name,
				Live: func(_ broker.Kind, token broker.Secret) bool { return truth.Live(token.Reveal()) },
			}
			return h, func() {
				if _, err := truth.KillCurrent(appKey, ""); err != nil {
					t.Fatal(err)
				}
			}
		},
		WrongSecret: "wrong_secret", WrongApp: "wrong_secret", // DingTalk says the same of both [P].
	})
}
