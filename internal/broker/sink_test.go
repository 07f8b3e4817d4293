package broker_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestWhereARedisIsIsReadWithoutWhatOpensIt(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://cache":                                  "redis://cache:6379/0",
		"redis://u:" + hidden + "@Cache:1/7":             "redis://cache:1/7",
		"rediss://:" + hidden + "@r.example.com":         "rediss://r.example.com:6379/0",
		"redis://[::1]/":                                 "redis://[::1]:6379/0",
		"redis://10.0.0.1?addr=10.0.0.2:7&addr=10.0.0.1": "redis://10.0.0.1:6379,10.0.0.2:7/0",
		"redis://s1:26379/3?addr=s2:26379&master_set=m":  "redis://s1:26379,s2:26379/3?master_set=m",
	} {
		s := broker.Sink{Type: broker.SinkRedis, URL: broker.NewSecret(url)}
		if _, err := broker.ParseRedisURL(url); err != nil || s.Place() != want {
			t.Errorf("%s is read as %q, %v, want %q", url, s.Place(), err, want)
		}
	}
	for _, url := range []string{
		"", "cache:6379", "http://cache", "redis:cache", "redis://", "redis://:" + hidden + "@", "redis://cache/x", "redis://cache/-1",
		"redis://cache/1/2", "redis://cache:0", "redis://cache:99999", "redis://8.8.8.8", "redis://r.example.com:" + hidden,
		"redis://cache?addr=8.8.8.8", "redis://cache?addr=", "redis://cache?addr=u@h", "redis://cache?master_set=", "redis://cache?password=" + hidden,
		"redis://cache?master_set=a&master_set=b", "redis://cache?%zz", "redis://:" + hidden + "#@cache", "redis://a b",
	} {
		_, err := broker.ParseRedisURL(url)
		if err == nil || strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: error %v", url, err)
		}
	}
}

func TestWebhooksGoWhereNobodyReadsThemOnTheWay(t *testing.T) {
	t.Parallel()
	for url, want := range map[string][2]bool{ // without and with the token
		"https://hooks.example.com/a?b=c": {true, true},
		"http://127.0.0.1:80/":            {true, true},
		"http://[::1]/":                   {true, true},
		"http://localhost/":               {true, true},
		"http://hooks.internal/":          {true, false},
		"http://10.0.0.1/":                {true, false},
		"http://hooks.example.com/":       {false, false},
		"http://169.254.169.254/":         {false, false},
		"ftp://127.0.0.1/":                {false, false},
		"https://u:p@hooks.example.com/":  {false, false},
		"https://hooks.example.com/#a":    {false, false},
		"https://hooks.example.com:0/":    {false, false},
		"https:///a":                      {false, false},
		"hooks.example.com":               {false, false},
	} {
		_, without := broker.ParseWebhookURL(url, false)
		_, with := broker.ParseWebhookURL(url, true)
		if got := [2]bool{without == nil, with == nil}; got != want {
			t.Errorf("%s is taken %v, want %v (without and with the token)", url, got, want)
		}
	}
}

func TestWebhookSecretsAreThoseOfStandardWebhooks(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": true,
		"whsec_" + strings.Repeat("AAAA", 8):     true,
		"whsec_" + strings.Repeat("AAAA", 7):     false,
		"whsec_" + strings.Repeat("AAAA", 22):    false,
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":       false,
		"whsec_" + strings.Repeat("-", 32):       false,
		"":                                       false,
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" + strings.Repeat("!", 4): false,
	} {
		_, err := broker.ParseWebhookSecret(broker.NewSecret(text))
		if (err == nil) != ok || err != nil && text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestKeysHaveAllTheirPlaceholdersFilledIn(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, f := range broker.SinkFormats() {
		for _, k := range []broker.Kind{broker.AccessToken, broker.JSAPITicket, broker.WxCardTicket} {
			if key, err := f.Key("", "shop", "wxA", k); err == nil {
				got[f.Name+" "+string(k)] = key
			}
		}
	}
	want := map[string]string{
		"raw access_token":             "hufu:shop:access_token",
		"raw jsapi_ticket":             "hufu:shop:jsapi_ticket",
		"raw wx_card_ticket":           "hufu:shop:wx_card_ticket",
		"json access_token":            "hufu:shop:access_token",
		"json jsapi_ticket":            "hufu:shop:jsapi_ticket",
		"json wx_card_ticket":          "hufu:shop:wx_card_ticket",
		"silenceper access_token":      "gowechat_officialaccount__access_token_wxA",
		"silenceper jsapi_ticket":      "gowechat_officialaccount__jsapi_ticket_wxA",
		"silenceper-mini access_token": "gowechat_miniprogram__access_token_wxA",
		"wxjava access_token":          "wx:access_token:wxA",
		"wxjava jsapi_ticket":          "wx:ticket:key:wxA:jsapi",
		"wxjava wx_card_ticket":        "wx:ticket:key:wxA:wx_card",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f, _ := broker.FindSinkFormat("")
	for _, hostile := range []string{"{", "}", "a{b}", "{{app}}", "{APP}"} {
		if key, err := f.Key(hostile, "shop", "wxA", "k"); err == nil {
			t.Errorf("the key %q was made of %q", key, hostile)
		}
	}
	if key, err := f.Key("{app_id}", "shop", "{x}", "k"); err == nil {
		t.Errorf("the key %q was made of an app id with braces", key)
	}
}

func TestASinkIsStoredAndShownWithoutWhatOpensAnotherServer_I6(t *testing.T) {
	t.Parallel()
	s := broker.Sink{
		Type: broker.SinkRedis, URL: broker.NewSecret("redis://:" + hidden + "@cache"), Secret: broker.NewSecret(hidden), Key: "k",
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(data), `{"type":"redis","path":"","key":"k"}`; got != want {
		t.Errorf("marshalled as %s, want %s", got, want)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, s.Place()); shows(text) {
		t.Errorf("shows its secrets: %s", text)
	}
	for _, x := range []broker.Sink{{URL: s.URL}, {Secret: s.Secret}} {
		if !x.Confidential() {
			t.Errorf("%+v holds something that must not be stored in clear", x)
		}
	}
	if (broker.Sink{Path: "/a"}).Confidential() {
		t.Error("a file is taken for a secret")
	}
}
