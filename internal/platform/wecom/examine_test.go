package wecom_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/platform/wecom"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestExamine(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) (platformtest.Sandbox, *sandbox.Sandbox) {
		t.Helper()
		sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{Platform: wecom.Name, ID: corpID, Agent: agentID, Secret: appSecret}}})
		return platformtest.Sandbox{
			Transport: sb.Transport(), BaseURL: "https://sandbox.test/" + wecom.Name,
			Live: func(_ broker.Kind, token broker.Secret) bool { return sb.Of(wecom.Name).Live(token.Reveal()) },
		}, sb
	}
	platformtest.Examine(t, platformtest.ExamineHarness{
		New: wecom.Platform,
		App: broker.App{
			ID: "corp", Platform: wecom.Name, AppID: corpID, Secrets: []broker.Secret{broker.NewSecret(appSecret)},
			Params: map[string]string{wecom.AgentID: agentID},
		},
		Open: func(t *testing.T) (platformtest.Sandbox, func()) {
			h, sb := open(t)
			return h, func() {
				if _, err := sb.Of(wecom.Name).KillCurrent(corpID+":"+agentID, ""); err != nil {
					t.Fatal(err)
				}
			}
		},
		WrongSecret: "wrong_secret", WrongApp: "wrong_app_id",
		// WeCom looks at addresses of calls, and of those for a token it does not [I].
		Block: func(t *testing.T) platformtest.Sandbox {
			h, sb := open(t)
			if err := sb.Of(wecom.Name).SetWhitelist(corpID+":"+agentID, "10.0.0.1"); err != nil {
				t.Fatal(err)
			}
			return h
		},
	})
}
