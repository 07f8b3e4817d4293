package wecom_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/platform/wecom"
)

func TestExamine(t *testing.T) {
	t.Parallel()
	platformtest.Examine(t, platformtest.ExamineHarness{
		New: wecom.Platform,
		App: broker.App{
			ID: "corp", Platform: wecom.Name, AppID: corpID, Secrets: []broker.Secret{broker.NewSecret(appSecret)},
			Params: map[string]string{wecom.AgentID: agentID},
		},
		Open: func(t *testing.T) (platformtest.Sandbox, func()) {
			sb, truth := platformtest.Simulate(simulated())
			return sb, func() {
				if _, err := truth.KillCurrent(corpID+":"+agentID, ""); err != nil {
					t.Fatal(err)
				}
			}
		},
		WrongSecret: "wrong_secret", WrongApp: "wrong_app_id",
		// WeCom looks at addresses of calls, and of those for a token it does not [I].
		Block: func(t *testing.T) platformtest.Sandbox {
			sb, truth := platformtest.Simulate(simulated())
			if err := truth.SetWhitelist(corpID+":"+agentID, "10.0.0.1"); err != nil {
				t.Fatal(err)
			}
			return sb
		},
	})
}
