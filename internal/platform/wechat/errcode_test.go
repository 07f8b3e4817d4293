package wechat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

var testTime = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func TestErrcodeSpeaksThePlatformsLanguage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  *broker.Error
		code int
		msg  string
	}{
		"none":                {nil, 0, "ok"},
		"the platform's own":  {&broker.Error{Code: "ip_not_whitelisted", PlatformCode: "40164", PlatformMessage: "invalid ip 1.2.3.4 rid: x"}, 40164, "invalid ip 1.2.3.4 rid: x"},
		"without words":       {&broker.Error{Code: "daily_quota", PlatformCode: "45009"}, 45009, "reach max api daily quota limit"},
		"another platform's":  {&broker.Error{Code: "x", Class: broker.Transient, PlatformCode: "invalidClientId"}, -1, "system error (x)"},
		"unknown app":         {broker.ErrUnknownApp, 40013, "invalid appid (unknown_app)"},
		"unknown kind":        {broker.ErrUnknownKind, 40013, "invalid appid (unknown_kind)"},
		"not allowed":         {broker.ErrNotAllowed, 48001, "api unauthorized (not_allowed)"},
		"wrong key":           {&broker.Error{Code: "wrong_key", Class: broker.BadCredential}, 40125, "invalid appsecret (wrong_key)"},
		"invalid":             {&broker.Error{Code: "bad_json", Class: broker.Invalid}, 47001, "data format error (bad_json)"},
		"budget":              {broker.ErrBudget, 45009, "reach max api daily quota limit (budget_spent)"},
		"minute":              {&broker.Error{Code: "q", Class: broker.Throttled, Reset: broker.ResetMinute}, 45011, "api minute-quota reach limit, must slower, retry next minute (q)"},
		"no token":            {broker.ErrNoToken, -1, "system error (no_live_token)"},
		"not ready":           {broker.ErrNotReady, -1, "system error (not_ready)"},
		"timeout":             {&broker.Error{Code: platform.CodeTimeout, Class: broker.Transient}, -1, "system error (platform_timeout)"},
		"a wrong base URL":    {&broker.Error{Code: "bad_base_url", Class: broker.Misconfigured}, 48001, "api unauthorized (bad_base_url)"},
		"several apps":        {broker.ErrAmbiguous, 40013, "invalid appid (ambiguous_app)"},
		"a code of zero":      {&broker.Error{Code: "x", PlatformCode: "0"}, -1, "system error (x)"},
		"only in our records": {broker.Failure{Class: broker.Denied, Code: "token_forbidden", PlatformCode: "50004", PlatformMessage: "no", Attempts: 1}.Error(testTime), 50004, "no"},
	} {
		if code, msg := wechat.Errcode(tt.err); code != tt.code || msg != tt.msg {
			t.Errorf("%s: %d %q, want %d %q", name, code, msg, tt.code, tt.msg)
		}
	}
}

func TestErrmsgKnowsEveryDocumentedCode(t *testing.T) {
	t.Parallel()
	for _, codes := range documented {
		for code, name := range codes {
			if msg := wechat.Errmsg(code); (msg == "error") != (name == "platform_refused") || msg == "" || strings.Contains(msg, "rid") && code/1000 != 76 {
				t.Errorf("Errmsg(%d) = %q", code, msg)
			}
		}
	}
}
