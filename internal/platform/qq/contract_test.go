package qq_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/platform/qq"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestContract(t *testing.T) {
	t.Parallel()
	app := broker.App{ID: "shop", Platform: qq.Name, AppID: "1109816085", Secrets: []broker.Secret{broker.NewSecret("5e4f0c2b9d7a41d8a3b6c5d4e3f20112")}}
	platformtest.Declared(t, platformtest.DeclaredHarness{
		Definition: qq.Definition(), New: qq.Platform, App: app,
		Documented: map[string]string{
			"-1": "system_busy", "40001": "wrong_secret", "40002": "wrong_grant_type", "40013": "wrong_app_id", "40014": "token_rejected",
			"40029": "bad_login_code", "40066": "wrong_path", "41001": "token_missing", "42001": "token_rejected", "45009": "daily_quota",
			"45011": "minute_quota", "48001": "api_not_authorized", "-3000": "token_rejected", "-2100": "wrong_secret", "-101222100": "wrong_secret",
			"90017": "api_not_authorized", "90018": "bad_argument",
		},
		Calls: map[string]broker.CallSort{
			"/api/json/security/MsgSecCheck": broker.CallApp, "/api/getPaidUnionId": broker.CallApp,
			"/sns/jscode2session": broker.CallExchange, "/sns/userinfo": broker.CallUser,
		},
		OK:   []string{`{"errcode":0,"errmsg":"ok"}`, `{"errCode":0}`, `{}`},
		Open: platformtest.Simulated(sandbox.App{Platform: qq.Name, ID: app.AppID, Secret: app.Secrets[0].Reveal()}),
	})
}
