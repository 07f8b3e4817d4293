package obs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/obs"
)

// shapes are the surroundings by which a secret is known; § stands for it.
var shapes = []string{
	`Get "https://api.weixin.qq.com/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=§": dial tcp: i/o timeout`,
	`/cgi-bin/menu/get?access_token=§&x=1`,
	`access_token=§`,
	`a=1&ACCESS_TOKEN=§&b=2`,
	`?component_access_token=§`,
	`?suite_ticket=§#frag`,
	`?key=§`,
	`?a=b&code=§&js_code=§`,
	`"?a=b\u0026secret=§\u0026c=d"`,
	`"?a=b\u0026code=§\u0026c=d"`,
	`redirect=https%3A%2F%2Fx%3Faccess_token%3D§%26a%3Db`,
	`access%5Ftoken=§`,
	`access_token = §`,
	`secret="§ and §"`,
	`{"access_token":"§","expires_in":7200}`,
	`{ "ticket" : "§" }`,
	`{"secret":"§\"§"}`,
	`{"secret":"§\\","token":"§"}`,
	`{"app_secret":"§`,
	`"{\"access_token\":\"§\",\"expires_in\":7200}"`,
	`"\"{\\\"appsecret\\\":\\\"§\\\"}\""`,
	`{'password': '§'}`,
	`Authorization: Bearer §`,
	`authorization: bearer   §`,
	`Authorization: WECHATPAY2-SHA256-RSA2048 mchid="1",signature="§"`,
	`Cookie: a=b; session=§`,
	`map[Authorization:[Bearer §] Accept:[*/*]]`,
	`map[secret:[§ §] grant_type:[x]]`,
	`{App:shop Secret:§ Mode:stable}`,
	`&{AppSecret:§}`,
	`sink.T{Token:"§", V:1}`,
	`the header was Bearer §, which is unknown`,
	`Basic §`,
	`Bearer%20§`,
	`access_token: §`,
	`X-Api-Key: §`,
	`<ComponentVerifyTicket><![CDATA[§]]></ComponentVerifyTicket>`,
	`<xml><Token>§</Token></xml>`,
	`redis://:§@127.0.0.1:6379/0`,
	`parse "postgres://hufu:§@db/hufu": x`,
	`parse "postgres://hufu:§/§@db/hufu": x`,
	`unknown client key hufu_§`,
	`HUFU_§`,
	`(hufu_§)`,
}

func TestScrubRemovesSecretsOfEveryShape_I6(t *testing.T) {
	t.Parallel()
	const secret = "83_Marker0123-456789"
	for _, shape := range shapes {
		got := obs.Scrub(strings.ReplaceAll(shape, "§", secret))
		if strings.Contains(got, secret) || !strings.Contains(got, "[secret]") {
			t.Errorf("%s\nbecame %s", shape, got)
		}
		if again := obs.Scrub(got); again != got {
			t.Errorf("%s\nbecame %s\nand then %s", shape, got, again)
		}
	}
}

func TestScrubKeepsEverythingElse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`Get "https://h/cgi-bin/token?grant_type=x&secret=abc&appid=wx1": dial tcp 10.0.0.1:443: refused`: `Get "https://h/cgi-bin/token?grant_type=x&secret=[secret]&appid=wx1": dial tcp 10.0.0.1:443: refused`,
		`{"access_token":"abc","expires_in":7200,"errcode":0}`:                                            `{"access_token":"[secret]","expires_in":7200,"errcode":0}`,
		`"{\"secret\":\"abc\",\"a\":1}"`:                                                                  `"{\"secret\":\"[secret]\",\"a\":1}"`,
		`Authorization:[Bearer abc] X:1`:                                                                  `Authorization:[secret] X:1`,
		`redis://u:pw@h:6379/0`:                                                                           `redis://u:[secret]@h:6379/0`,
		`<Token>abc</Token>`:                                                                              `<Token>[secret]</Token>`,
		`access_token=&a=1`:                                                                               `access_token=&a=1`,
		`secret=[secret]`:                                                                                 `secret=[secret]`,
	} {
		if got := obs.Scrub(in); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", in, got, want)
		}
	}
	for _, in := range []string{
		"", "plain text", "token renewed",
		"read token: open /data/hufu.db: permission denied",
		"renew shop/access_token: context deadline exceeded",
		"get jsapi_ticket: platform said 40001: invalid credential, access_token is invalid or not latest rid: 1-2-3",
		"secret: no such file or directory",
		"missing bearer token", "the bearer authentication is missing",
		"hufu_sink_lag_seconds", "hufu_token_seconds_until_expiry{platform=\"wechat\"} 1",
		`Get "http://127.0.0.1:8080/v1/apps/shop/tokens/access_token": EOF`,
		"kind=access_token version=17 token_key=shop/access_token",
		"2026-11-21T10:00:00Z", "key_id=abcdef0123456789", "errcode=40001", "exit code=12345678901234567",
		"secret_file=/run/secrets/shop", "http://[::1]:80/x@y", "http://host:8080/a@b", "=", ":", "://", ">", "%3D", "a: b",
		"if a > b && b => c", "monkey=abcdefghijklmnop1",
	} {
		if got := obs.Scrub(in); got != in {
			t.Errorf("%s\nbecame %s", in, got)
		}
	}
}

func TestScrubOfACleanTextDoesNotAllocate(t *testing.T) {
	in := `renew shop/access_token: Get "https://api.weixin.qq.com/cgi-bin/stable_token": context deadline exceeded`
	if n := testing.AllocsPerRun(100, func() { _ = obs.Scrub(in) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestScrubTakesLinearTime(t *testing.T) {
	t.Parallel()
	// What takes the square of it takes minutes.
	for _, piece := range []string{
		"://a:b", `token:\`, "token: ", `"`, `\`, " =", "<token>", "bearer ", "hufu_", "token:[", "%3D", "secret=", "a@://x:y",
	} {
		begin := time.Now()
		obs.Scrub(strings.Repeat(piece, 1<<18/len(piece)))
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("256 KiB of %q took %v", piece, d)
		}
	}
}

// marker makes a secret of fuzzed bytes: of characters that credentials have, and
// never of a look that a plain word has.
func marker(raw string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	var b strings.Builder
	b.WriteString("M4rk")
	for i := range min(len(raw), 200) {
		b.WriteByte(alphabet[raw[i]%64])
	}
	return b.String() + "er0987654321Z"
}

func FuzzScrub(f *testing.F) {
	for i := range shapes {
		f.Add(uint8(i), "abc", "prefix ", " suffix")
	}
	f.Add(uint8(0), "", "access_token: ", "")
	f.Fuzz(func(t *testing.T, shape uint8, raw, before, after string) {
		secret := marker(raw)
		if strings.Contains(before+after, secret) {
			return
		}
		// What runs on directly from the text around would not be the shape any more.
		text := before + "\n" + strings.ReplaceAll(shapes[int(shape)%len(shapes)], "§", secret) + "\n" + after
		if got := obs.Scrub(text); strings.Contains(got, secret) {
			t.Errorf("%s\nbecame %s", text, got)
		}
		obs.Scrub(before + after)
	})
}

func BenchmarkScrub(b *testing.B) {
	in := `renew shop/access_token: Get "https://api.weixin.qq.com/cgi-bin/stable_token": context deadline exceeded`
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		_ = obs.Scrub(in)
	}
}
