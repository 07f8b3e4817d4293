package baidu_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/baidu"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestContract(t *testing.T) {
	t.Parallel()
	app := broker.App{ID: "shop", Platform: baidu.Name, AppID: "Va5yQRHlA4Fq5eR3LT0vuXV4", Secrets: []broker.Secret{broker.NewSecret("5e4f0c2b9d7a41d8a3b6c5d4e3f20112")}}
	platformtest.Declared(t, platformtest.DeclaredHarness{
		Definition: baidu.Definition(), New: baidu.Platform, App: app,
		Documented: map[string]string{
			"invalid_client": "wrong_secret", "invalid_request": "bad_request", "unsupported_grant_type": "wrong_grant_type",
			"unauthorized_client": "api_not_authorized", "invalid_scope": "bad_scope", "server_error": "system_busy",
			"1": "system_busy", "2": "system_busy", "3": "wrong_path", "4": "second_quota", "6": "api_not_authorized", "13": "system_busy",
			"14": "bad_signature", "15": "wrong_app_id", "17": "daily_quota", "18": "second_quota", "19": "daily_quota", "100": "bad_argument",
			"110": "token_rejected", "111": "token_rejected", "216100": "bad_argument", "216101": "bad_argument", "216102": "wrong_path",
			"216103": "bad_argument", "216110": "wrong_app_id", "216200": "bad_argument", "216201": "bad_argument", "216202": "bad_argument",
			"282000": "system_busy",
		},
		Calls: map[string]broker.CallSort{
			"/rpc/2.0/nlp/v1/lexer": broker.CallApp, "/oauth/nothing": broker.CallApp, "/rest/2.0/ocr/v1/general_basic": broker.CallApp,
		},
		OK:   []string{`{"log_id":1803053124329552748,"words_result":[]}`, `{"error_code":0}`},
		Open: platformtest.Simulated(sandbox.App{Platform: baidu.Name, ID: app.AppID, Secret: app.Secrets[0].Reveal()}),
	})
}
