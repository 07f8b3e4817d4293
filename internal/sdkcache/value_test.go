package sdkcache_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sdkcache"
)

// The bytes are what the SDKs' caches have written: PHP 8.2 with Symfony Cache 5.4, with
// serialize and with igbinary 3, and the Go and Java clients.
func TestValuesOfEachSDKAreRead(t *testing.T) {
	t.Parallel()
	const token, ticket = "81_dTU-x_Yz0123456789", "kgt8ON7yVITDhtdwci0qeR"
	long := strings.Repeat("x", 300)
	for name, tc := range map[string]struct{ sdk, key, value, want string }{
		"WxJava":                       {"wxjava", "wx:access_token:wx1", token, token},
		"WxJava with a JSON codec":     {"wxjava", "wx:access_token:wx1", `"` + token + `"`, token},
		"silenceper":                   {"silenceper", "gowechat_officialaccount__access_token_wx1", token, token},
		"silenceper before v2.1":       {"silenceper", "gowechat_officialaccount__access_token_wx1", `"` + token + `"`, token},
		"EasyWeChat 6":                 {"easywechat", "official_account.access_token.wx1.sec.1", `s:21:"` + token + `";`, token},
		"EasyWeChat 6, igbinary":       {"easywechat", "official_account.access_token.wx1.sec.1", "\x00\x00\x00\x02\x11\x15" + token, token},
		"EasyWeChat 6, long":           {"easywechat", "official_account.access_token.wx1.sec.1", `s:300:"` + long + `";`, long},
		"EasyWeChat 6, long, igbinary": {"easywechat", "official_account.access_token.wx1.sec.1", "\x00\x00\x00\x02\x12\x01\x2c" + long, long},
		"EasyWeChat 6, as it is":       {"easywechat", "official_account.access_token.wx1.sec.1", token, token},
		"EasyWeChat 5": {
			"easywechat", "easywechat.kernel.access_token.65291cb1e269a7331b963170489dd6b1",
			`a:2:{s:12:"access_token";s:21:"` + token + `";s:10:"expires_in";i:7200;}`, token,
		},
		"EasyWeChat 5, igbinary": {
			"easywechat", "easywechat.kernel.access_token.65291cb1e269a7331b963170489dd6b1",
			"\x00\x00\x00\x02\x14\x02\x11\x0caccess_token\x11\x15" + token + "\x11\x0aexpires_in\x08\x1c\x20", token,
		},
		"EasyWeChat 5, ticket": {
			"easywechat", "easywechat.basic_service.jssdk.ticket.jsapi.wx1",
			`a:4:{s:7:"errcode";i:0;s:6:"errmsg";s:2:"ok";s:6:"ticket";s:22:"` + ticket + `";s:10:"expires_in";i:7200;}`, ticket,
		},
		"EasyWeChat 5, ticket, igbinary": {
			"easywechat", "easywechat.basic_service.jssdk.ticket.jsapi.wx1",
			"\x00\x00\x00\x02\x14\x04\x11\x07errcode\x06\x00\x11\x06errmsg\x11\x02ok\x11\x06ticket\x11\x16" + ticket + "\x11\x0aexpires_in\x08\x1c\x20", ticket,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := read(t, tc.sdk, tc.key, tc.value)
			if err != nil || got != tc.want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// What an SDK does not write there is no token, and is quoted nowhere (I6).
func TestWhatIsNoTokenIsRefused_I6(t *testing.T) {
	t.Parallel()
	const six, five = "official_account.access_token.wx1.sec.1", "easywechat.basic_service.jssdk.ticket.jsapi.wx1"
	for _, tc := range []struct{ sdk, key, value string }{
		{"wxjava", "wx:access_token:wx1", "\x03\x01SECRET\xd4"}, // Kryo, as Redisson may write it
		{"wxjava", "wx:access_token:wx1", "\xac\xed\x00\x05t\x00\x06SECRET"},
		{"wxjava", "wx:access_token:wx1", `"SECRET`},
		{"wxjava", "wx:access_token:wx1", "a SECRET"},
		{"wxjava", "wx:access_token:wx1", ""},
		{"wxjava", "wx:access_token:wx1", strings.Repeat("SECRET", 2000)},
		{"easywechat", six, `s:7:"SECRET";`},
		{"easywechat", six, `s:-1:"SECRET";`},
		{"easywechat", six, `s:6:"SECRET"`},
		{"easywechat", six, `s:6:"SECRET";x`},
		{"easywechat", six, `s:99999999999:"SECRET";`},
		{"easywechat", six, `i:6;`},
		{"easywechat", six, `b:0;`},
		{"easywechat", six, `N;`},
		{"easywechat", six, `O:8:"stdClass":0:{}`},
		{"easywechat", six, `a:1:{s:12:"access_token";s:6:"SECRET";}`},
		{"easywechat", six, "\x00\x00\x00\x02\x11\x07SECRET"},
		{"easywechat", six, "\x00\x00\x00\x02\x11"},
		{"easywechat", six, "\x00\x00\x00\x02"},
		{"easywechat", six, "\x00\x00\x00\x01\x11\x06SECRET"},
		{"easywechat", five, `s:6:"SECRET";`},
		{"easywechat", five, `a:1:{s:5:"other";s:6:"SECRET";}`},
		{"easywechat", five, `a:2:{s:6:"ticket";s:6:"SECRET";}`},
		{"easywechat", five, `a:1:{s:6:"ticket";a:1:{i:0;s:6:"SECRET";}}`},
		{"easywechat", five, `a:1:{i:0;s:6:"SECRET";}`},
		{"easywechat", five, `a:99999999:{s:6:"ticket";s:6:"SECRET";}`},
		{"easywechat", five, "\x00\x00\x00\x02\x14\x02\x11\x06ticket\x11\x06SECRET"},
		{"easywechat", five, "\x00\x00\x00\x02\x14\x01\x11\x06ticket\x0e\x07"},
	} {
		got, err := read(t, tc.sdk, tc.key, tc.value)
		if err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s %q: %q, %v", tc.sdk, tc.value, got, err)
		}
	}
}

func FuzzValues(f *testing.F) {
	for _, s := range []string{`s:2:"ab";`, `a:1:{s:6:"ticket";s:1:"x";}`, "\x00\x00\x00\x02\x14\x01\x11\x06ticket\x11\x01x", `"x"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, sdk := range sdkcache.SDKs() {
			for _, p := range sdk.Places(official(), "") {
				if got, err := sdk.Decode(p, value); err == nil && (got == "" || !strings.Contains(value, got) && value[0] != '"') {
					t.Errorf("%s: %q of %q", sdk.Name, got, value)
				}
			}
		}
	})
}

func official() sdkcache.App {
	return sdkcache.App{Platform: "wechat", AppID: "wx1", Secret: broker.NewSecret("sec"), Alone: true}
}

// read reads a value at one of the app's places.
func read(t *testing.T, name, key, value string) (string, error) {
	t.Helper()
	sdk, err := sdkcache.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range sdk.Places(official(), "") {
		if p.Key == key {
			return sdk.Decode(p, value)
		}
	}
	t.Fatalf("%s has no key %s", name, key)
	return "", nil
}

func TestEachSDKHasItsKeys(t *testing.T) {
	t.Parallel()
	keys := func(name, prefix string, a sdkcache.App) (found []string) {
		sdk, err := sdkcache.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range sdk.Places(a, prefix) {
			found = append(found, string(p.Kind)+" "+p.Key)
		}
		return found
	}
	corp := sdkcache.App{Platform: "wecom", AppID: "ww1", Secret: broker.NewSecret("x-_Y"), AgentID: "1000002"}
	for _, tc := range []struct {
		sdk, prefix string
		app         sdkcache.App
		want        []string
	}{
		{"wxjava", "shop", official(), []string{
			"access_token shop:access_token:wx1", "jsapi_ticket shop:ticket:key:wx1:jsapi", "wx_card_ticket shop:ticket:key:wx1:wx_card",
			"access_token shop:wechat_ma_access_token_key:wx1", "jsapi_ticket shop:wechat_ma_jsapi_ticket_key:wx1",
			"wx_card_ticket shop:wechat_ma_card_api_ticket_key:wx1", " shop:wechat_component_verify_ticket:wx1", " shop:wechat_component_access_token:wx1",
		}},
		{"wxjava", "", corp, []string{
			"jsapi_ticket wechat_cp_jsapi_ticket_key:ww1:1000002", "agent_config_ticket wechat_cp_agent_jsapi_ticket_key:ww1:1000002",
			"access_token wechat_cp_access_token_key:ww1:1000002",
		}},
		{"silenceper", "", corp, []string{
			"jsapi_ticket gowechat_work__corp_jsapi_ticket_ww1", "access_token gowechat_work__access_token_ww1_1000002",
			"agent_config_ticket gowechat_work__agent_jsapi_ticket_ww1_1000002",
		}},
		{"easywechat", "app:", corp, []string{
			"access_token app:work.access_token.ww1.x-_Y",
			"access_token app:easywechat.kernel.access_token.8d03ba9856e6c23e27037fe065b89830",
			"jsapi_ticket app:work.jsapi_ticket.ww1", "agent_config_ticket app:work.jsapi_ticket.ww1.1000002",
			"jsapi_ticket app:easywechat.basic_service.jssdk.ticket.jsapi.ww1",
		}},
	} {
		if d := cmp.Diff(tc.want, keys(tc.sdk, tc.prefix, tc.app)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.sdk, d)
		}
	}
	// As PHP's json_encode and md5 give it.
	odd := official()
	odd.Secret = broker.NewSecret("a/b\"c<&>\u4f60\U0001f600")
	if got := strings.Join(keys("easywechat", "p:", odd), "\n"); !strings.Contains(got, "p:easywechat.kernel.access_token.fe9cc1a96edff6a814691f20a5a8f1f3") {
		t.Errorf("a secret with odd characters:\n%s", got)
	}
	// I8: a key that names a corp and no agent is the app's only if it has the corp for itself.
	corp.AgentID = ""
	for _, name := range []string{"wxjava", "silenceper"} {
		for _, alone := range []bool{false, true} {
			corp.Alone = alone
			has := strings.Contains(strings.Join(keys(name, "", corp), "\n"), "access_token ")
			if has != alone {
				t.Errorf("%s, alone %v: %v", name, alone, keys(name, "", corp))
			}
		}
	}
	if _, err := sdkcache.Find("other"); err == nil || !strings.Contains(err.Error(), "wxjava, easywechat, silenceper") {
		t.Error(err)
	}
}
