package wecom_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/platform/wecom"
	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	corpID    = "ww0123456789abcdef"
	agentID   = "1000002"
	appSecret = "5e4f0c2b9d7a41d8a3b6c5d4e3f20112"
)

func TestContract(t *testing.T) {
	t.Parallel()
	platformtest.Declared(t, platformtest.DeclaredHarness{
		Definition: wecom.Definition(),
		New:        wecom.Platform,
		App: broker.App{
			ID: "corp", Platform: wecom.Name, AppID: corpID, Secrets: []broker.Secret{broker.NewSecret(appSecret)},
			Params: map[string]string{wecom.AgentID: agentID},
		},
		Documented: documented(),
		Calls: map[string]broker.CallSort{
			"/cgi-bin/message/send":               broker.CallApp,
			"/cgi-bin/user/get":                   broker.CallApp,
			"/cgi-bin/auth/getuserinfo":           broker.CallApp, // A user's login takes the app's token.
			"/cgi-bin/miniprogram/jscode2session": broker.CallApp,
			"/cgi-bin/service/get_suite_token":    broker.CallForeign,
			"/cgi-bin/service/get_corp_token":     broker.CallForeign,
			"/cgi-bin/license/create_new_order":   broker.CallForeign,
			"/cgi-bin/webhook/send":               broker.CallForeign,
		},
		OK:      []string{`{"errcode":0,"errmsg":"ok","userid":"zhangsan"}`, `{"userid":"zhangsan"}`},
		CheckOK: `{"errcode":0,"errmsg":"ok","ip_list":["182.254.11.176"]}`,
		Open:    platformtest.Simulated(simulated()),
	})
}

// simulated is the app as the platform knows it.
func simulated() sandbox.App {
	return sandbox.App{Platform: wecom.Name, ID: corpID, Agent: agentID, Secret: appSecret}
}

func documented() map[string]string {
	return map[string]string{
		"-1": "system_busy",
		// Of tokens and secrets. 40001 means a secret at the token path and a token elsewhere.
		"40001": "wrong_secret", "40091": "wrong_secret", "40013": "wrong_app_id", "41002": "app_id_missing", "41004": "secret_missing",
		"40014": "token_rejected", "42001": "token_rejected", "41001": "token_missing", "50003": "app_disabled",
		// Of addresses and limits.
		"60020": "ip_not_whitelisted", "45009": "frequency_limit", "45033": "concurrency_limit",
		// Of other calls.
		"48002": "api_not_authorized", "60011": "out_of_range", "40056": "wrong_agent_id", "301002": "foreign_agent",
		"40029": "bad_login_code", "40005": "wrong_type", "40093": "bad_signature",
		"43001": "wrong_method", "43002": "wrong_method", "43003": "https_required", "44002": "empty_body", "47001": "bad_format",
		// Of service providers.
		"40078": "bad_authorization_code", "40080": "wrong_suite_secret", "40082": "bad_suite_token", "40083": "wrong_suite_id",
		"40084": "bad_permanent_code", "40085": "bad_suite_ticket", "42007": "pre_auth_code_expired", "42009": "suite_token_expired",
	}
}
