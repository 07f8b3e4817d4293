package renew_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

func TestAManagerNeedsItsParts(t *testing.T) {
	t.Parallel()
	s := memstore.New(memstore.Config{})
	full := renew.Config{
		Store: s, Leaser: s, Sealer: plainSealer{}, Holder: "replica", Logger: slog.New(slog.DiscardHandler),
		Platforms: newFake(families()["eager"]).platforms(nil),
	}
	if _, err := renew.New(full); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*renew.Config){
		"store":     func(c *renew.Config) { c.Store = nil },
		"leaser":    func(c *renew.Config) { c.Leaser = nil },
		"sealer":    func(c *renew.Config) { c.Sealer = nil },
		"logger":    func(c *renew.Config) { c.Logger = nil },
		"holder":    func(c *renew.Config) { c.Holder = "" },
		"platforms": func(c *renew.Config) { c.Platforms = nil },
	} {
		c := full
		spoil(&c)
		if _, err := renew.New(c); err == nil {
			t.Errorf("a manager was made without %s", name)
		}
	}
}

func TestAnAppThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{})
		defer f.close()
		r := f.replicas[0]
		for code, spoil := range map[string]func(*broker.App){
			"unknown_platform": func(a *broker.App) { a.Platform = "none" },
			"unknown_mode":     func(a *broker.App) { a.Mode = "none" },
			"bad_base_url":     func(a *broker.App) { a.BaseURL = "ftp://sandbox" },
		} {
			a := f.app
			a.ID = "other"
			spoil(&a)
			_, completed := r.Complete(&a)
			for _, err := range []error{r.SetApp(t.Context(), &a), completed} {
				if e := broker.AsError(err); e.Code != code || e.Class != broker.Invalid {
					t.Errorf("got %v, want %s", err, code)
				}
			}
		}
		if r.App("other") != nil {
			t.Error("a refused app is registered")
		}
	})
}

func TestAnAppIsCompletedWithItsPlatformsDefaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{})
		defer f.close()
		r := f.replicas[0]
		full, err := r.Complete(&broker.App{ID: "other", Platform: wechat.Name, AppID: appID})
		if err != nil || full.Mode != wechat.Stable || full.BaseURL != wechat.BaseURL {
			t.Errorf("got %+v and %v, want the platform's mode and base URL", full, err)
		}
		if got := r.App("shop"); got == nil || got.Mode != wechat.Stable || got.AppID != appID {
			t.Errorf("the registered app is %+v", got)
		}
		if r.App("other") != nil {
			t.Error("completing an app registered it")
		}
	})
}

func TestNothingIsDoneForWhatIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{})
		defer f.close()
		r := f.replicas[0]
		for want, k := range map[error]broker.Key{
			broker.ErrUnknownApp:  {App: "none", Kind: broker.AccessToken},
			broker.ErrUnknownKind: {App: "shop", Kind: "none"},
		} {
			for name, call := range map[string]func() (broker.Token, error){
				"Token":          func() (broker.Token, error) { return r.Token(t.Context(), k) },
				"Lasting":        func() (broker.Token, error) { return r.Lasting(t.Context(), k, time.Minute) },
				"Renew":          func() (broker.Token, error) { return r.Renew(t.Context(), k, 1) },
				"Report":         func() (broker.Token, error) { return r.Report(t.Context(), k, 1) },
				"ReportToken":    func() (broker.Token, error) { return r.ReportToken(t.Context(), k, broker.NewSecret("x")) },
				"Suspect":        func() (broker.Token, error) { return r.Suspect(t.Context(), k) },
				"SuspectVersion": func() (broker.Token, error) { return r.SuspectVersion(t.Context(), k, 1) },
				"Replace":        func() (broker.Token, error) { return r.Replace(t.Context(), k) },
				"Newer":          func() (broker.Token, error) { return r.Newer(t.Context(), k, 1) },
			} {
				_, err := call()
				if !errors.Is(err, want) {
					t.Errorf("%s: got %v, want %v", name, err, want)
				}
				// One that is mistyped is told what there is.
				if hint := broker.AsError(err).Hint; errors.Is(want, broker.ErrUnknownKind) && !strings.HasPrefix(hint, "the app has: access_token") {
					t.Errorf("%s: the hint is %q", name, hint)
				}
			}
			if _, err := r.State(k); !errors.Is(err, want) {
				t.Errorf("State: got %v, want %v", err, want)
			}
			if _, _, ok := r.Peek(k.App, k.Kind); ok {
				t.Error("Peek found a token")
			}
		}
	})
}

func TestAppsBeforeTheStartAreLoadedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const apps = 1500
		c := sandbox.Config{Lifetime: 2 * time.Hour, Overlap: 5 * time.Minute}
		for i := range apps {
			c.Apps = append(c.Apps, sandbox.App{ID: fmt.Sprintf("wx%016d", i), Secret: secret})
		}
		f := newFleet(t, fleetConfig{mode: wechat.Classic, sandbox: c, policy: broker.Policy{Overlap: 5 * time.Minute}, quiet: true})
		defer func() { f.close() }()
		set := func(r *replica) {
			for i := range apps {
				a := f.app
				a.ID, a.AppID = fmt.Sprintf("app-%d", i), fmt.Sprintf("wx%016d", i)
				if err := r.SetApp(t.Context(), &a); err != nil {
					t.Fatal(err)
				}
			}
		}
		count := func(r *replica) (n int) {
			for i := range apps {
				if _, _, ok := r.Peek(fmt.Sprintf("app-%d", i), broker.AccessToken); ok {
					n++
				}
			}
			return n
		}
		first := f.prepare()
		set(first)
		f.run(first)
		if n := count(first); n != 0 {
			t.Errorf("%d tokens before any was issued", n)
		}
		// What is due at a start is spread.
		time.Sleep(time.Second)
		if n := count(first); n < 100 || n > 900 {
			t.Errorf("%d tokens after a second, want a part of %d", n, apps)
		}
		time.Sleep(5 * time.Second)
		if n := count(first); n != apps {
			t.Errorf("%d tokens after six seconds, want %d", n, apps)
		}
		f.crash(first)
		second := f.prepare()
		set(second)
		f.run(second)
		if n := count(second); n != apps {
			t.Errorf("%d tokens right after a restart, want all %d", n, apps)
		}
		if ids := second.AppIDs(); len(ids) != apps {
			t.Errorf("%d ids, want %d", len(ids), apps)
		}
		if h := second.Health(); h.Apps != apps || h.Tokens != apps || len(h.Troubles) != 0 {
			t.Errorf("health %+v", h)
		}
	})
}

func TestHealthNamesAFewOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{secrets: []string{wrongSecret}, quiet: true})
		defer f.close()
		r := f.replicas[0]
		for i := range 40 {
			a := f.app
			a.ID = fmt.Sprintf("app-%d", i)
			if err := r.SetApp(t.Context(), &a); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		if h := r.Health(); h.Missing != 41 || len(h.Troubles) != 20 || h.Troubles[0].Err.PlatformCode != "40125" {
			t.Errorf("%d are missing and %d named, want 41 and 20", h.Missing, len(h.Troubles))
		}
	})
}

func TestTheFirstIssueCanBePutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := shortPolicy()
		p.InitialDelay = time.Minute
		f := newFleet(t, fleetConfig{policy: p})
		defer f.close()
		time.Sleep(59 * time.Second)
		if f.issues() != 0 {
			t.Error("a token was issued before the delay")
		}
		time.Sleep(2 * time.Second)
		if f.issues() != 1 {
			t.Errorf("%d issues after the delay, want 1", f.issues())
		}
	})
}

func TestAppsAreListedAndReadWhileTheyAreSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{quiet: true})
		defer f.close()
		r := f.replicas[0]
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 200 {
					a := f.app
					a.ID = fmt.Sprintf("app-%d-%d", w, i)
					if err := r.SetApp(t.Context(), &a); err != nil {
						t.Error(err)
					}
					if i%2 == 0 {
						if err := r.RemoveApp(t.Context(), a.ID); err != nil {
							t.Error(err)
						}
					}
				}
			})
			wg.Go(func() {
				for range 200 {
					if !slices.Contains(r.AppIDs(), "shop") {
						t.Error("a registered app is not listed")
					}
					_ = r.Health()
					_ = r.App(fmt.Sprintf("app-%d-%d", w, 7))
					_, _ = r.Token(t.Context(), accessToken)
				}
			})
		}
		wg.Wait()
		if n := len(r.AppIDs()); n != 1+4*100 {
			t.Errorf("%d apps, want 401", n)
		}
	})
}

func TestAStartWithoutAStoreIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{})
		defer f.close()
		r := f.prepare()
		r.stop = func() {}
		r.store.Fail(errStoreGone)
		if err := r.Start(t.Context()); !errors.Is(err, errStoreGone) {
			t.Errorf("got %v, want %v", err, errStoreGone)
		}
	})
}

func TestATokenIsFoundByItsValue(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 2, mode: mode})
				defer func() { f.close() }()
				first := f.token(f.replicas[0])
				time.Sleep(time.Second)
				find := func(r *replica, tok broker.Token, want bool) {
					t.Helper()
					k, ok := r.ByToken(tok.Secret)
					if ok != want || ok && k != accessToken {
						t.Errorf("%s: version %d is found: %v as %v, want %v", r.name, tok.Version, ok, k, want)
					}
				}
				find(f.replicas[0], first, true)
				find(f.replicas[1], first, true)
				time.Sleep(16 * time.Second)
				second := f.token(f.replicas[0])
				for _, r := range append(f.replicas, f.start()) {
					find(r, first, true) // the one before the current one
					find(r, second, true)
				}
				time.Sleep(20 * time.Second)
				find(f.replicas[0], first, false)
				find(f.replicas[0], broker.Token{}, false)
				find(f.replicas[0], broker.Token{Secret: broker.NewSecret("made up")}, false)
				third := f.token(f.replicas[0])
				if err := f.replicas[0].RemoveApp(t.Context(), "shop"); err != nil {
					t.Fatal(err)
				}
				find(f.replicas[0], third, false)
			})
		})
	}
}

func TestAVersionIsSuspectedOnlyWhileItIsCurrent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: wechat.Classic})
		defer f.close()
		r := f.replicas[0]
		tok := f.token(r)
		time.Sleep(time.Second)
		for _, given := range []broker.Version{tok.Version - 1, tok.Version + 1} {
			if got, err := r.SuspectVersion(t.Context(), accessToken, given); err != nil || got.Version != tok.Version || f.checks() != 0 {
				t.Errorf("got version %d and %v after %d checks, want the current one without any", got.Version, err, f.checks())
			}
		}
		if got, err := r.SuspectVersion(t.Context(), accessToken, tok.Version); err != nil || got.Version != tok.Version || f.checks() != 1 {
			t.Errorf("got version %d and %v after %d checks, want it checked once", got.Version, err, f.checks())
		}
		f.sandbox.Kill(tok.Secret.Reveal())
		time.Sleep(2 * time.Second)
		if got, err := r.SuspectVersion(t.Context(), accessToken, tok.Version); err != nil || got.Version == tok.Version || !f.live(got) {
			t.Errorf("got version %d and %v, want a new one", got.Version, err)
		}
		// A quota that is used up proves a report, but not a suspicion.
		now := f.token(r)
		f.sandbox.Inject(sandbox.Fault{Path: "/cgi-bin/get_api", Kind: sandbox.FaultErrcode, Errcode: 45009})
		if got, err := r.Suspect(t.Context(), accessToken); err != nil || got.Version != now.Version {
			t.Errorf("got version %d and %v, want the token as it is", got.Version, err)
		}
	})
}
