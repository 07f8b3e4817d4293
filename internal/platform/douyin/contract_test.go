package douyin_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/douyin"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestContract(t *testing.T) {
	t.Parallel()
	app := broker.App{ID: "shop", Platform: douyin.Name, AppID: "tt5daf2b12c28857910", Secrets: []broker.Secret{broker.NewSecret("5e4f0c2b9d7a41d8a3b6c5d4e3f20112")}}
	platformtest.Declared(t, platformtest.DeclaredHarness{
		Definition: douyin.Definition(), New: douyin.Platform, App: app,
		Documented: map[string]string{
			"-1": "system_busy", "40014": "bad_request", "40015": "wrong_app_id", "40017": "wrong_secret", "40020": "wrong_grant_type",
			"40018": "bad_login_code", "40019": "bad_login_code", "10002": "bad_request", "10003": "wrong_app_id", "10007": "bad_login_code",
			"10010": "refresh_token_expired", "10013": "wrong_secret", "10020": "too_many_issues",
			"28001003": "token_rejected", "28001008": "token_rejected", "2190002": "token_rejected", "2190008": "token_rejected", "10008": "token_rejected", "11016": "token_rejected",
			"28001005": "system_busy", "28001006": "system_busy", "2100001": "system_busy", "2100004": "system_busy",
			"28003017": "daily_quota", "2190001": "daily_quota", "28003018": "minute_quota", "28001052": "minute_quota",
			"28001007": "bad_argument", "2100005": "bad_argument", "28001017": "wrong_path", "28001056": "call_withdrawn",
			"28001014": "api_not_authorized", "28001018": "api_not_authorized", "2190004": "api_not_authorized", "2100007": "api_not_authorized",
			"28001016": "account_frozen", "2190016": "account_frozen", "28001019": "api_forbidden", "28001020": "user_not_testing",
			"28001021": "test_app_ended", "28001012": "user_not_authorized", "2190003": "user_not_authorized", "28004020": "user_not_authorized",
			"28001015": "user_token_required", "2190015": "user_token_required", "28001042": "component_token_required",
			"28001045": "user_gone", "28001046": "user_banned", "2100009": "user_banned", "28001047": "user_private",
		},
		Calls: map[string]broker.CallSort{
			"/api/apps/v1/qrcode/create": broker.CallApp, "/goodlife/v1/shop/poi/query": broker.CallApp, "/oauth/nothing": broker.CallApp,
			"/api/apps/v2/jscode2session": broker.CallExchange, "/api/apps/jscode2session": broker.CallExchange, "/oauth/access_token": broker.CallExchange,
			"/oauth/userinfo": broker.CallUser, "/oauth/refresh_token": broker.CallUser, "/api/tpapp/v2/auth/get_auth_token": broker.CallForeign,
		},
		OK:   []string{`{"err_no":0,"err_msg":"","log_id":"202"}`, `{"data":{"error_code":0,"description":""},"extra":{"error_code":0}}`},
		Open: platformtest.Simulated(sandbox.App{Platform: douyin.Name, ID: app.AppID, Secret: app.Secrets[0].Reveal()}),
	})
}
