package sdkcache_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sdkcache"
	"github.com/hufu-io/hufu/internal/servertest"
)

// fill has keys written as an SDK writes them: values by key, for so many seconds; zero:
// without an end.
func fill(t *testing.T, at string, seconds int64, values map[string]string) {
	t.Helper()
	o, err := rueidis.ParseURL(at)
	if err != nil {
		t.Fatal(err)
	}
	c, err := rueidis.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for key, value := range values {
		cmd := c.B().Set().Key(key).Value(value).Build()
		if seconds > 0 {
			cmd = c.B().Setex().Key(key).Seconds(seconds).Value(value).Build()
		}
		if err := c.Do(t.Context(), cmd).Error(); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, at, name, prefix string) *sdkcache.Cache {
	t.Helper()
	sdk, err := sdkcache.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := sdkcache.Open(t.Context(), broker.NewSecret(at), sdk, prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// found is what was read, by kind, with what is left of it in whole minutes.
func found(t *testing.T, tokens []sdkcache.Token) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, tok := range tokens {
		out[string(tok.Kind)] = tok.Value.Reveal() + " for " + tok.Left.Round(time.Minute).String()
	}
	return out
}

func TestTokensAreReadFromARealRedis(t *testing.T) {
	t.Parallel()
	at := servertest.Redis(t)
	fill(t, at, 3600, map[string]string{
		"wx:access_token:wx1": "ACCESS", "wx:ticket:key:wx1:jsapi": "TICKET",
		"wx:access_token:wx2": "\x03KRYO\xcb", "wechat_component_verify_ticket:wx1": "VERIFY",
		"gowechat_officialaccount__access_token_wx1":         "OLDER",
		"easywechat:official_account.access_token.wx1.sec.1": `s:3:"SIX";`,
	})
	fill(t, at, 7200, map[string]string{"gowechat_miniprogram__stable_access_token_wx1": "NEWER"})
	fill(t, at, 0, map[string]string{"wa:access_token:wx3": "FOREVER"})
	for _, tc := range []struct {
		sdk, app string
		want     map[string]string
		note     string
	}{
		{"wxjava", "wx1", map[string]string{"access_token": "ACCESS for 1h0m0s", "jsapi_ticket": "TICKET for 1h0m0s"}, "open platform"},
		{"wxjava", "wx2", map[string]string{}, "another codec"},
		{"wxjava", "wx3", map[string]string{}, "no time to live"},
		{"wxjava", "wx4", map[string]string{}, ""},
		{"silenceper", "wx1", map[string]string{"access_token": "NEWER for 2h0m0s"}, ""},
		{"easywechat", "wx1", map[string]string{"access_token": "SIX for 1h0m0s"}, ""},
	} {
		a := official()
		a.AppID = tc.app
		tokens, notes, err := open(t, at, tc.sdk, "").Tokens(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, found(t, tokens)); d != "" {
			t.Errorf("%s %s (-want +got):\n%s", tc.sdk, tc.app, d)
		}
		if all := strings.Join(notes, "\n"); tc.note == "" && all != "" || !strings.Contains(all, tc.note) {
			t.Errorf("%s %s: noted %q", tc.sdk, tc.app, all)
		}
	}
}

// A user who may do nothing but read these keys is enough, and nothing but reads is tried.
func TestAReaderOfRedisIsEnough(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t, servertest.RedisConfig{Args: []string{"--user", "reader", "on", ">word", "~*", "-@all", "+ping", "+get", "+pttl", "+select"}})
	fill(t, s.URL, 3600, map[string]string{"wx:access_token:wx1": "ACCESS"})
	tokens, _, err := open(t, strings.Replace(s.URL, "redis://", "redis://reader:word@", 1)+"/0", "wxjava", "").Tokens(t.Context(), official())
	if err != nil || len(tokens) != 1 {
		t.Errorf("%v, %d tokens", err, len(tokens))
	}
}

// I6: what is wrong with a URL or a server quotes no password.
func TestNoErrorQuotesTheURL_I6(t *testing.T) {
	t.Parallel()
	sdk, err := sdkcache.Find("wxjava")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{
		"redis://u:SECRET@127.0.0.1:1/0", "http://u:SECRET@127.0.0.1", "redis://u:SEC#RET@h", "redis://:SECRET@127.0.0.1:1/x", "SECRET", "",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := sdkcache.Open(ctx, broker.NewSecret(at), sdk, "")
		cancel()
		if err == nil || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "SEC#") {
			t.Errorf("%q: %v", at, err)
		}
	}
}
