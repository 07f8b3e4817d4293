package declared_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
)

func TestModernKeepsTheContract(t *testing.T) {
	t.Parallel()
	platformtest.Declared(t, platformtest.DeclaredHarness{
		Definition: modern(), App: *testApp(modern()),
		Documented: map[string]string{
			"4001": "wrong_secret", "88.1": "token_expired", "Busy": "busy", "4030": "ip_not_allowed", "-1": "system_busy",
		},
		Calls: map[string]broker.CallSort{
			"/v2/things": broker.CallApp, "/v2/login": broker.CallExchange, "/v2/my/things": broker.CallUser, "/v2/partner/things": broker.CallForeign,
			"/old/things": broker.CallApp, "/old/js/sign": broker.CallApp, "/old/login": broker.CallExchange,
		},
		OK: []string{`{"code":0,"errcode":0}`, `{"code":"success","data":{}}`}, CheckOK: `{"code":0}`,
	})
}

func TestStandardKeepsTheContract(t *testing.T) {
	t.Parallel()
	platformtest.Declared(t, platformtest.DeclaredHarness{
		Definition: standard(), App: *testApp(standard()),
		Calls: map[string]broker.CallSort{"/things": broker.CallApp},
		OK:    []string{`{}`, `{"error":"of the business"}`, `{"error":{}}`},
	})
}

func TestPlainKeepsTheContract(t *testing.T) {
	t.Parallel()
	platformtest.Declared(t, platformtest.DeclaredHarness{
		Definition: plain(), App: *testApp(plain()),
		Calls: map[string]broker.CallSort{"/things": broker.CallApp},
		OK:    []string{`{}`, `{"error_code":"","error":null}`},
	})
}
