package main

import (
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/hufu-io/hufu/api"
)

func TestProblemsOfAppsAreToldBelowTheTable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	refused := &api.Problem{
		Code: "ip_not_whitelisted", Detail: "this server's address is not on the app's whitelist", Hint: "add 203.0.113.7",
		Platform: &api.PlatformError{Code: "40164", Message: "invalid ip"},
	}
	token := func(version int64, usable bool, p *api.Problem) []api.TokenState {
		return []api.TokenState{{Kind: "access_token", Version: version, Usable: usable, Expiry: now.Add(time.Hour), Problem: p}}
	}
	apps := []api.App{
		{ID: "fine", Platform: "wechat", AppID: "wx01", Mode: "stable", Origin: "api", Tokens: token(3, true, nil)},
		{ID: "late", Platform: "wechat", AppID: "wx02", Mode: "stable", Origin: "api", Tokens: token(3, true, refused)},
		{ID: "dead", Platform: "wechat", AppID: "wx03", Mode: "stable", Origin: "api", Tokens: token(3, false, refused)},
		{ID: "none", Platform: "wechat", AppID: "wx04", Mode: "stable", Origin: "api", Tokens: token(0, false, nil)},
		{ID: "new", Platform: "wechat", AppID: "wx05", Mode: "stable", Origin: "api"},
	}
	var b strings.Builder
	tab := &table{tw: tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)}
	printApps(tab, apps, now)
	if err := tab.tw.Flush(); err != nil {
		t.Fatal(err)
	}
	const told = "this server's address is not on the app's whitelist (platform said 40164: invalid ip); add 203.0.113.7\n"
	want := []string{
		"fine  wechat    wx01    stable  api     access_token  ok       2026-11-21T11:00:00Z (in 1h0m0s)  -\n",
		"late  wechat    wx02    stable  api     access_token  failing  2026-11-21T11:00:00Z (in 1h0m0s)  ip_not_whitelisted\n",
		"dead  wechat    wx03    stable  api     access_token  dead     -                                 ip_not_whitelisted\n",
		"none  wechat    wx04    stable  api     access_token  missing  -                                 -\n",
		"new   wechat    wx05    stable  api     -             -        -                                 -\n",
		"\nlate access_token: " + told, "dead access_token: " + told,
	}
	rest := b.String()
	for _, line := range want {
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Fatalf("no line %q in\n%s", line, b.String())
		}
		rest = after
	}
	if rest != "" {
		t.Errorf("more is said: %q", rest)
	}
}

func TestThereIsOneAppAndThereAreTwo(t *testing.T) {
	t.Parallel()
	for n, want := range []string{"0 apps", "1 app", "2 apps"} {
		if got := count(n, "app"); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}
