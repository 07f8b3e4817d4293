package xiaohongshu_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/platform/xiaohongshu"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestContract(t *testing.T) {
	t.Parallel()
	app := broker.App{ID: "shop", Platform: xiaohongshu.Name, AppID: "6789abcdef012345", Secrets: []broker.Secret{broker.NewSecret("5e4f0c2b9d7a41d8a3b6c5d4e3f20112")}}
	platformtest.Declared(t, platformtest.DeclaredHarness{
		Definition: xiaohongshu.Definition(), New: xiaohongshu.Platform, App: app,
		Documented: map[string]string{
			"2": "system_busy", "10001": "bad_argument", "410002": "wrong_app_id", "410004": "wrong_secret", "410101": "token_rejected",
			"410103": "bad_login_code", "5": "system_busy",
		},
		Calls: map[string]broker.CallSort{
			"/api/rmp/session": broker.CallApp, "/api/rmp/qrcode/unlimited": broker.CallApp,
		},
		OK: []string{`{"success":true,"code":0,"msg":"成功","data":{}}`}, CheckOK: `{"success":true,"code":0,"data":{"category_info":[]}}`,
		Open: platformtest.Simulated(sandbox.App{Platform: xiaohongshu.Name, ID: app.AppID, Secret: app.Secrets[0].Reveal()}),
	})
}
