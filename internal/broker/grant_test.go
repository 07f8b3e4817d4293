package broker_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
)

// grantNow is when all tests of grants happen.
var grantNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// someGrant has a token for another hour, and a refresh token.
func someGrant(changes ...func(*broker.Grant)) broker.Grant {
	g := broker.Grant{
		Key: broker.Key{App: "shop", Kind: "snsapi_base", Subject: "o-mo"}, Version: 9, Box: []byte("box"), Token: 7, UnionID: "u-mo", Scope: "snsapi_base",
		Authorized: grantNow.Add(-time.Hour), Issued: grantNow.Add(-time.Hour), Expiry: grantNow.Add(time.Hour), Deadline: grantNow.Add(24 * time.Hour),
	}
	for _, change := range changes {
		change(&g)
	}
	return g
}

func lasting(d time.Duration) func(*broker.Grant) {
	return func(g *broker.Grant) { g.Expiry = grantNow.Add(d) }
}

func renewedAgo(d time.Duration) func(*broker.Grant) {
	return func(g *broker.Grant) { g.Issued = grantNow.Add(-d) }
}

func over(g *broker.Grant) {
	g.Ended = grantNow.Add(-time.Minute)
	g.Failure = broker.Failure{Class: broker.Denied, Code: "authorization_ended", PlatformCode: "40030", PlatformMessage: "invalid refresh_token", Attempts: 1}
}

func failed(g *broker.Grant) {
	g.Failure = broker.Failure{Class: broker.Transient, Code: "platform_timeout", Attempts: 2, NotBefore: grantNow.Add(time.Second)}
}

func failedBefore(g *broker.Grant) { failed(g); g.Failure.NotBefore = grantNow }

func claimed(g *broker.Grant) { *g = g.Claimed("another", grantNow.Add(5*time.Second)) }

func claimedBefore(g *broker.Grant) { *g = g.Claimed("another", grantNow) }

func withoutRefresh(g *broker.Grant) { g.Deadline = time.Time{} }

func withoutToken(g *broker.Grant) { g.Token, g.Expiry = 0, time.Time{} }

func TestGrantDecidesI3(t *testing.T) {
	t.Parallel()
	type changes []func(*broker.Grant)
	for name, c := range map[string]struct {
		grant changes
		want  broker.UserWant
		step  broker.GrantStep
		code  string
	}{
		"a live token":                                  {step: broker.ServeGrant},
		"one that lasts as long as wanted":              {want: broker.UserWant{MinTTL: time.Hour}, step: broker.ServeGrant},
		"one that lasts a moment less":                  {want: broker.UserWant{MinTTL: time.Hour + 1}, step: broker.RefreshGrant},
		"one that is almost over":                       {grant: changes{lasting(broker.MinUserToken - 1)}, step: broker.RefreshGrant},
		"one that lasts just long enough":               {grant: changes{lasting(broker.MinUserToken)}, step: broker.ServeGrant},
		"a short one that was renewed a moment ago":     {grant: changes{lasting(time.Second), renewedAgo(time.Minute - 1)}, step: broker.ServeGrant},
		"the same a minute ago":                         {grant: changes{lasting(time.Second), renewedAgo(time.Minute)}, step: broker.RefreshGrant},
		"an impossible wish, just renewed":              {grant: changes{renewedAgo(0)}, want: broker.UserWant{MinTTL: 24 * time.Hour}, step: broker.ServeGrant},
		"an expired one":                                {grant: changes{lasting(0)}, step: broker.RefreshGrant},
		"an expired one, just renewed":                  {grant: changes{lasting(0), renewedAgo(0)}, step: broker.RefreshGrant},
		"none yet":                                      {grant: changes{withoutToken}, step: broker.RefreshGrant},
		"a dead one":                                    {want: broker.UserWant{Stale: 7}, step: broker.RefreshGrant},
		"a dead one, just renewed":                      {grant: changes{renewedAgo(0)}, want: broker.UserWant{Stale: 7}, step: broker.RefreshGrant},
		"a newer one than the dead one":                 {want: broker.UserWant{Stale: 6}, step: broker.ServeGrant},
		"ended, live":                                   {grant: changes{over}, step: broker.ServeGrant},
		"ended, live, almost over":                      {grant: changes{over, lasting(1)}, step: broker.ServeGrant},
		"ended, expired":                                {grant: changes{over, lasting(0)}, step: broker.RefuseGrant, code: "authorization_ended"},
		"ended, dead":                                   {grant: changes{over}, want: broker.UserWant{Stale: 7}, step: broker.RefuseGrant, code: "authorization_ended"},
		"no refresh token, live":                        {grant: changes{withoutRefresh, lasting(1)}, step: broker.ServeGrant},
		"no refresh token, expired":                     {grant: changes{withoutRefresh, lasting(0)}, step: broker.RefuseGrant, code: "authorization_ended"},
		"a refresh token that should have run out":      {grant: changes{lasting(0), func(g *broker.Grant) { g.Deadline = grantNow.Add(-time.Hour) }}, step: broker.RefreshGrant},
		"in back-off, live":                             {grant: changes{failed, lasting(1)}, step: broker.ServeGrant},
		"in back-off, expired":                          {grant: changes{failed, lasting(0)}, step: broker.RefuseGrant, code: "platform_timeout"},
		"back-off is over":                              {grant: changes{failedBefore, lasting(0)}, step: broker.RefreshGrant},
		"claimed, live":                                 {grant: changes{claimed, lasting(1)}, step: broker.ServeGrant},
		"claimed, expired":                              {grant: changes{claimed, lasting(0)}, step: broker.AwaitGrant},
		"claimed, dead":                                 {grant: changes{claimed}, want: broker.UserWant{Stale: 7}, step: broker.AwaitGrant},
		"the claim of somebody who died":                {grant: changes{claimedBefore, lasting(0)}, step: broker.RefreshGrant},
		"claimed, live, and a longer one is wanted":     {grant: changes{claimed}, want: broker.UserWant{MinTTL: 2 * time.Hour}, step: broker.ServeGrant},
		"in back-off, live, and a longer one is wanted": {grant: changes{failed}, want: broker.UserWant{MinTTL: 2 * time.Hour}, step: broker.ServeGrant},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := someGrant(c.grant...)
			d := g.Decide(c.want, grantNow)
			code := ""
			if d.Err != nil {
				code = d.Err.Code
			}
			if d.Step != c.step || code != c.code {
				t.Errorf("step %d, error %q; want %d, %q", d.Step, code, c.step, c.code)
			}
			if d.Step == broker.AwaitGrant && !d.Until.Equal(g.Claim.Until) {
				t.Errorf("waits until %v, want %v", d.Until, g.Claim.Until)
			}
		})
	}
}

func TestEndedGrantSaysThePlatformsWords(t *testing.T) {
	t.Parallel()
	d := someGrant(over, lasting(0)).Decide(broker.UserWant{}, grantNow)
	if d.Err.PlatformCode != "40030" || d.Err.PlatformMessage != "invalid refresh_token" || d.Err.Class != broker.Denied {
		t.Errorf("got %+v", d.Err)
	}
	if broker.ErrGrantEnded.PlatformCode != "" {
		t.Error("the sentinel was changed")
	}
}

func TestRenewedGrant(t *testing.T) {
	t.Parallel()
	started := grantNow.Add(time.Second)
	got := broker.Granted{Kind: "snsapi_base", Lifetime: 2 * time.Hour, RefreshLifetime: 30 * 24 * time.Hour, Scope: "snsapi_base,more", UnionID: "u-new"}
	before := someGrant(failed, claimed, over)
	for name, c := range map[string]struct {
		got              broker.Granted
		same, newRefresh bool
		want             func(*broker.Grant)
	}{
		"a new token": {got: got, want: func(g *broker.Grant) { g.Token, g.UnionID, g.Scope = 10, "u-new", "snsapi_base,more" }},
		// It is the token that its readers have: no newer one, and its report is not late.
		"the same token": {got: got, same: true, want: func(g *broker.Grant) { g.UnionID, g.Scope = "u-new", "snsapi_base,more" }},
		"a new refresh token": {got: got, newRefresh: true, want: func(g *broker.Grant) {
			g.Token, g.UnionID, g.Scope, g.Deadline = 10, "u-new", "snsapi_base,more", started.Add(got.RefreshLifetime)
		}},
		"nothing said of whom": {got: broker.Granted{Lifetime: 2 * time.Hour}, want: func(g *broker.Grant) { g.Token = 10 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := someGrant(func(g *broker.Grant) { g.Issued, g.Expiry = started, started.Add(2*time.Hour) }, c.want)
			if diff := cmp.Diff(want, before.Renewed(c.got, c.same, c.newRefresh, started)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnrenewedGrantBacksOffI7(t *testing.T) {
	t.Parallel()
	g := someGrant(claimed)
	away := &broker.Error{Code: "platform_timeout", Class: broker.Transient, Message: "m", Hint: "h", PlatformCode: "-1", PlatformMessage: "busy"}
	last := time.Duration(0)
	for n := 1; n <= 20; n++ {
		now := grantNow.Add(time.Duration(n) * time.Minute)
		g = g.Unrenewed(away, now, 0)
		pause := g.Failure.NotBefore.Sub(now)
		if pause < last || pause <= 0 {
			t.Fatalf("after %d attempts it waits %v, and before that %v", n, pause, last)
		}
		last = pause
		want := broker.Failure{
			Class: broker.Transient, Code: "platform_timeout", Message: "m", Hint: "h", PlatformCode: "-1", PlatformMessage: "busy",
			Attempts: n, First: grantNow.Add(time.Minute), Last: now, NotBefore: now.Add(pause),
		}
		if diff := cmp.Diff(want, g.Failure); diff != "" {
			t.Fatal(diff)
		}
	}
	if want := someGrant(func(w *broker.Grant) { w.Failure = g.Failure }); !cmp.Equal(want, g) {
		t.Errorf("a failure changed more than the failure and the claim: %s", cmp.Diff(want, g))
	}
}

// TestOnlyTheEndOfAGrantEndsIt: what the platform has against the app is no word on its users' grants.
func TestOnlyTheEndOfAGrantEndsIt(t *testing.T) {
	t.Parallel()
	for class, ends := range map[*broker.Error]bool{
		broker.ErrGrantEnded: true,
		{Code: "authorization_ended", Class: broker.Denied, PlatformCode: "42007"}:      true,
		{Code: "account_frozen", Class: broker.Denied}:                                  false,
		{Code: "bad_secret", Class: broker.BadCredential}:                               false,
		{Code: "quota", Class: broker.Throttled, Reset: broker.ResetDay}:                false,
		{Code: "internal", Class: broker.Transient}:                                     false,
		{Code: "odd", Class: broker.Invalid}:                                            false,
		{Code: "none", Class: broker.NotFound}:                                          false,
		{Code: "ip", Class: broker.Misconfigured}:                                       false,
		{Code: "throttled", Class: broker.Throttled, RetryAfter: 1000 * 24 * time.Hour}: false,
	} {
		g := someGrant().Unrenewed(class, grantNow, 0.5)
		if g.Ended.IsZero() == ends || g.Failure.NotBefore.IsZero() != ends {
			t.Errorf("%v: ended at %v, back-off until %v", class, g.Ended, g.Failure.NotBefore)
		}
		if wait := g.Failure.NotBefore.Sub(grantNow); !ends && wait > 25*time.Hour {
			t.Errorf("%v: nobody asks again for %v", class, wait)
		}
	}
}

func TestKilledGrant(t *testing.T) {
	t.Parallel()
	if g := someGrant().Killed(grantNow); g.UserTokenLive(grantNow) || !g.Expiry.Equal(grantNow) {
		t.Errorf("it expires at %v", g.Expiry)
	}
	if g := someGrant(lasting(-time.Hour)).Killed(grantNow); !g.Expiry.Equal(grantNow.Add(-time.Hour)) {
		t.Errorf("a token came back to life until %v", g.Expiry)
	}
}

func TestGrantsShareNoMemory(t *testing.T) {
	t.Parallel()
	g := someGrant()
	g.Clone().Box[0] = 'x'
	if string(g.Box) != "box" {
		t.Error("a clone's box is the same")
	}
}
