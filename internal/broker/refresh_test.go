package broker_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestRecordKeepsItsRefreshTokenForTheAppThatBeganWithItI5I8(t *testing.T) {
	t.Parallel()
	app := broker.App{ID: "crm", Platform: "oauth2", AppID: "client", Refresh: broker.NewSecret("first")}
	r := broker.Record{
		Key: broker.Key{App: "crm", Kind: broker.AccessToken}, Version: 7, Current: broker.SealedToken{Version: 6, Box: []byte("token")},
		Refresh: []byte("box"), Source: app.Source(), Budget: broker.Budget{Day: 1, Issues: 2},
	}
	r.Seed = r.SeedWith(app.Refresh)
	if got := r.For(&app); cmp.Diff(r, got) != "" || !r.Chained(&app) {
		t.Errorf("the same app has %+v", got)
	}
	changed := app
	changed.OAuth2 = &broker.OAuth2{Scopes: []string{"more"}}
	want := broker.Record{Key: r.Key, Version: 7, Budget: r.Budget, Source: changed.Source(), Refresh: r.Refresh, Seed: r.Seed}
	if diff := cmp.Diff(want, r.For(&changed)); diff != "" {
		t.Errorf("after a change of scopes (-want +got):\n%s", diff)
	}
	for name, refresh := range map[string]broker.Secret{"another refresh token": broker.NewSecret("second"), "none": {}} {
		other := changed
		other.Refresh = refresh
		if got := r.For(&other); len(got.Refresh) > 0 || got.Seed != "" {
			t.Errorf("I8: another app with %s has %+v", name, got)
		}
	}
	// What is configured no more goes on; what is configured anew begins anew.
	none, second := app, app
	none.Refresh, second.Refresh = broker.Secret{}, broker.NewSecret("second")
	if !r.Chained(&none) || r.Chained(&second) || (broker.Record{}).Chained(&app) {
		t.Error("which refresh token is next is told wrongly")
	}
	// And the one that was configured before does not.
	r.Seed = r.SeedWith(second.Refresh)
	if !r.Chained(&second) || !r.Chained(&app) || r.SeedWith(app.Refresh) != r.Seed || r.SeedWith(broker.Secret{}) != r.Seed {
		t.Errorf("seeds %q", r.Seed)
	}
	for i := range 20 {
		r.Seed = r.SeedWith(broker.NewSecret(string(rune('a' + i))))
	}
	if len(r.Seed) > 80 {
		t.Errorf("seeds %q", r.Seed)
	}
	c := r.Clone()
	if c.Refresh[0] = 'X'; r.Refresh[0] == 'X' {
		t.Error("a copy shares memory")
	}
}

func TestRefreshTokenIsSealedForNothingElse(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range []broker.Key{
		{App: "a", Kind: "b"}, {App: "a", Kind: "b", Subject: "c"}, {App: "refresh", Kind: "/", Subject: "a/b"}, {App: "refresh//a", Kind: "b"},
	} {
		for _, data := range []string{k.String(), string(k.RefreshData())} {
			if seen[data] {
				t.Errorf("%q stands for two boxes", data)
			}
			seen[data] = true
		}
		if _, err := broker.ParseKey(string(k.RefreshData())); err == nil {
			t.Errorf("%q is a key", k.RefreshData())
		}
	}
}

func TestOthersEndATokenOnlyByOneThatReplacesIt(t *testing.T) {
	t.Parallel()
	forced := broker.Limits{Forced: 16}
	for _, rot := range []broker.Rotation{{Family: broker.Eager}, {Family: broker.Late, Limits: forced}} {
		if !rot.EndedByOthers() {
			t.Errorf("%s with %d forced issues a day: others are taken to do no harm", rot.Family, rot.Limits.Forced)
		}
	}
	for _, f := range []broker.Family{broker.Late, broker.Fixed, broker.Sliding, broker.Independent} {
		if (broker.Rotation{Family: f}).EndedByOthers() {
			t.Errorf("%s: others are taken to end tokens", f)
		}
	}
}

func TestRefreshComesInTheSameWriteAndOutlivesFailuresI5(t *testing.T) {
	t.Parallel()
	rot := broker.Rotation{Family: broker.Independent, UsesRefresh: true}
	if rot.HarmlessTwice() || !rot.KeepsOld() || !(broker.Rotation{Family: broker.Independent}).HarmlessTwice() {
		t.Error("issuing twice by a refresh token is taken for harmless")
	}
	r := broker.Record{Refresh: []byte("one"), Seed: "s"}
	s := broker.Success{Box: []byte("token"), Started: midnight, Lifetime: 3600e9}
	if got := broker.PlanIssued(r, s, rot, broker.Policy{}); string(got.Refresh) != "one" || got.Seed != "s" {
		t.Errorf("of an answer without one there is %q", got.Refresh)
	}
	s.Refresh, s.Seed = []byte("two"), "t"
	for _, same := range []bool{false, true} {
		s.Same = same
		if got := broker.PlanIssued(r, s, rot, broker.Policy{}); string(got.Refresh) != "two" || got.Seed != "t" {
			t.Errorf("of an answer with one (same token: %v) there is %q", same, got.Refresh)
		}
	}
	for _, e := range []*broker.Error{broker.ErrRefreshEnded, {Class: broker.Transient, Unknown: true}, {Class: broker.BadCredential}} {
		got := broker.PlanFailed(r, broker.Want{Cause: broker.CausePlanned}, e, midnight, midnight, rot, 0)
		if string(got.Refresh) != "one" || got.Seed != "s" {
			t.Errorf("I5: %s drops the refresh token", e.Code)
		}
	}
}

func TestOriginIsWhereTokensComeFrom(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]broker.OAuth2{
		"https://a.test": {TokenURL: "https://a.test/token?x=1", Issuer: "https://b.test"}, "https://b.test:8443": {Issuer: "https://b.test:8443/tenant"},
		"http://c": {TokenURL: "http://c"}, "": {}, "nonsense": {TokenURL: "nonsense"},
	} {
		if got := o.Origin(); got != want {
			t.Errorf("%+v is at %q, want %q", o, got, want)
		}
	}
}
