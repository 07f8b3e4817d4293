package wechat_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	appID     = "wx0123456789abcdef"
	appSecret = "5e4f0c2b9d7a41d8a3b6c5d4e3f20112"
)

func testApp() broker.App {
	return broker.App{ID: "shop", Platform: wechat.Name, AppID: appID, Secrets: []broker.Secret{broker.NewSecret(appSecret)}}
}

func TestContract(t *testing.T) {
	t.Parallel()
	h := platformtest.Harness{
		New: wechat.Platform,
		App: testApp(),
		Refuse: func(code, message string) string {
			b, err := json.Marshal(message)
			if err != nil {
				t.Error(err)
			}
			return fmt.Sprintf(`{"errcode":%s,"errmsg":%s}`, code, b)
		},
		Open: openSandbox,
	}
	rejected := []string{"40001", "40014", "42001"}
	for _, mode := range []string{wechat.Stable, wechat.Classic} {
		h.Cases = append(h.Cases,
			platformtest.Case{
				Mode: mode, Kind: broker.AccessToken, Success: success(`"access_token"`, ""),
				Refusals: refusals(true), Rejected: rejected, Throttled: []string{"45009", "45011"},
				CheckOK: `{"ip_list":["101.226.62.77"]}`,
			},
			platformtest.Case{
				Mode: mode, Kind: broker.JSAPITicket, Success: success(`"ticket"`, `"errcode":0,"errmsg":"ok",`),
				Refusals: refusals(false), Rejected: rejected,
			},
			platformtest.Case{
				Mode: mode, Kind: broker.WxCardTicket, Success: success(`"ticket"`, `"errcode":"0","errmsg":"ok",`),
				Refusals: refusals(false), Rejected: rejected,
			},
		)
	}
	platformtest.Run(t, h)
}

func success(field, before string) func(token, lifetime string) string {
	return func(token, lifetime string) string {
		if lifetime != "" {
			lifetime = `,"expires_in":` + lifetime
		}
		return fmt.Sprintf(`{%s%s:%q%s}`, before, field, token, lifetime)
	}
}

func openSandbox(t *testing.T) platformtest.Sandbox {
	t.Helper()
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: appSecret}}})
	return platformtest.Sandbox{
		Transport: sb.Transport(),
		Live: func(kind broker.Kind, token broker.Secret) bool {
			switch kind {
			case broker.JSAPITicket:
				return sb.CurrentTicket(appID, "jsapi") == token.Reveal()
			case broker.WxCardTicket:
				return sb.CurrentTicket(appID, "wx_card") == token.Reveal()
			case broker.AccessToken:
				return sb.Live(token.Reveal())
			case broker.SessionKey, broker.AppAccessToken, broker.AgentConfigTicket:
				return false
			default:
				return false
			}
		},
	}
}

// documented has every code of the facts that the package relies on: the token
// endpoints', the whitelist's, the quotas' and the global table's. It is written out
// again, so that a slip in the package's table is seen.
var documented = map[broker.Class]map[int]string{
	broker.Transient: {
		-1: "system_busy", 40001: "token_rejected", 40014: "token_rejected", 42001: "token_rejected",
		40091: "bad_component_ticket", 61005: "component_ticket_expired", 61006: "bad_component_ticket", 42006: "component_token_expired",
		123456: "platform_refused", 65301: "platform_refused",
	},
	broker.Throttled:     {45009: "daily_quota", 45011: "minute_quota", 48006: "clear_quota_spent"},
	broker.BadCredential: {40125: "wrong_secret", 40243: "secret_frozen", 40094: "wrong_component_credential"},
	broker.Misconfigured: {
		40002: "wrong_grant_type", 40013: "wrong_app_id", 41001: "token_missing", 41002: "app_id_missing", 41004: "secret_missing",
		40164: "ip_not_whitelisted", 45035: "ip_not_whitelisted", 61004: "ip_not_whitelisted",
		40090: "ip_not_allowed", 40187: "ip_not_allowed", 40095: "caller_not_allowed",
		89501: "ip_unconfirmed", 89502: "ip_unconfirmed", 89503: "ip_unconfirmed", 89504: "ip_unconfirmed", 89505: "ip_unconfirmed",
		89506: "ip_refused", 89507: "ip_refused",
		40066: "wrong_path", 40222: "wrong_domain", 43001: "wrong_method", 43002: "wrong_method", 43003: "https_required",
		44002: "empty_body", 47001: "bad_format", 48001: "api_not_authorized",
		41018: "component_app_id_missing", 41019: "component_secret_missing", 41020: "component_ticket_missing", 41021: "component_token_missing",
		61007: "api_not_granted", 61011: "wrong_component", 61014: "component_token_required", 61015: "account_token_required",
		61024: "app_is_component", 61028: "component_unpublished",
	},
	broker.Denied: {
		48004: "api_forbidden", 50001: "user_not_authorized", 50002: "account_limited", 50004: "token_forbidden", 50007: "account_frozen",
		40226: "login_blocked", 42007: "authorization_ended", 61003: "not_authorized_by_account", 61023: "authorization_ended",
	},
	broker.NotFound: {76001: "rid_not_found"},
	broker.Invalid: {
		40003: "bad_open_id", 40029: "bad_login_code", 40163: "login_code_used", 41008: "login_code_missing", 41009: "open_id_missing", 46004: "unknown_user", 42003: "login_code_expired",
		40030: "bad_refresh_token", 41003: "refresh_token_missing", 42002: "refresh_token_expired",
		61009: "bad_authorization_code", 61010: "authorization_code_expired",
		76002: "bad_rid", 76003: "foreign_rid", 76021: "unknown_path", 76022: "foreign_path", 87009: "bad_signature",
	},
}

func refusals(tokenEndpoint bool) []platformtest.Refusal {
	var out []platformtest.Refusal
	for class, codes := range documented {
		for code, name := range codes {
			want := broker.Error{Code: name, Class: class}
			switch code {
			case 45009, 48006:
				want.Reset = broker.ResetDay
			case 45011:
				want.Reset = broker.ResetMinute
			case 40001:
				if tokenEndpoint { // the older documentation's code for a wrong secret
					want = broker.Error{Code: "wrong_secret", Class: broker.BadCredential}
				}
			case -1:
				want.Unknown = tokenEndpoint
			}
			out = append(out, platformtest.Refusal{Code: strconv.Itoa(code), Want: want})
		}
	}
	return out
}

func newPlatform(sb *sandbox.Sandbox) broker.Platform {
	return wechat.Platform(platform.NewCaller(sb.Transport()))
}
