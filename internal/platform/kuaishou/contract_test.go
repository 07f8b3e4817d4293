package kuaishou_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/kuaishou"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestContract(t *testing.T) {
	t.Parallel()
	app := broker.App{ID: "shop", Platform: kuaishou.Name, AppID: "ks707065143182458884", Secrets: []broker.Secret{broker.NewSecret("5e4f0c2b9d7a41d8a3b6c5d4e3f20112")}}
	platformtest.Declared(t, platformtest.DeclaredHarness{
		Definition: kuaishou.Definition(), New: kuaishou.Platform, App: app,
		Documented: map[string]string{
			"100200100": "bad_argument", "100200101": "wrong_secret", "100200102": "token_rejected", "100200103": "wrong_response_type",
			"100200104": "wrong_grant_type", "100200105": "bad_login_code", "100200106": "bad_scope", "100200107": "bad_open_id",
			"100200108": "token_rejected", "100200109": "user_not_authorized", "100200110": "user_not_authorized", "100200111": "user_not_authorized",
			"100200112": "bad_bundle_token", "100200113": "refresh_token_expired", "100200114": "bad_signature", "100200410": "frequency_limit", "100200500": "system_busy",
		},
		Calls: map[string]broker.CallSort{
			"/openapi/mp/developer/epay/query_order": broker.CallApp, "/openapi/mp/developer/message/send": broker.CallApp,
			"/oauth2/mp/code2session": broker.CallExchange, "/openapi/user_info": broker.CallUser, "/mp/tp/oauth/access_token": broker.CallForeign,
		},
		OK:   []string{`{"result":1}`, `{"result":"1","data":{}}`},
		Open: platformtest.Simulated(sandbox.App{Platform: kuaishou.Name, ID: app.AppID, Secret: app.Secrets[0].Reveal()}),
	})
}
