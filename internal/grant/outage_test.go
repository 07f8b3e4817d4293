package grant_test

import (
	"context"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestPlatformThatIsAwayI3I7: a live token is served throughout, and who asks for a new one
// costs no more calls than the back-off, which all servers and those that start anew keep to.
func TestPlatformThatIsAwayI3I7(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		f.before = func(ctx context.Context, _ string) error { <-ctx.Done(); return away() }
		time.Sleep(lifetime - 20*time.Second)
		tok, err := f.servers[0].Token(t.Context(), app, "mo", info, time.Hour)
		if err != nil {
			t.Fatalf("a live token was taken away: %v", err)
		}
		f.good(app, "mo", tok)
		time.Sleep(20 * time.Second)
		const outage = 6 * time.Hour
		for begun := time.Now(); time.Since(begun) < outage; time.Sleep(5 * time.Second) {
			f.start() // a crash loop
			together(30, func(i int) {
				_, err := f.servers[len(f.servers)-1-i%3].Token(t.Context(), app, "mo", info, 0)
				f.fails(err, "platform_timeout")
			})
			if e := f.row(app, "mo", info).Failure; e.IsZero() || e.NotBefore.IsZero() {
				t.Fatalf("the row says nothing of it: %v", e)
			}
			time.Sleep(30 * time.Second)
		}
		if n := f.count(refreshing); n > 60 {
			t.Errorf("%d calls within %v", n, outage)
		}
		f.set(func(p *fakePlatform) { p.before = nil })
		time.Sleep(15 * time.Minute)
		f.get(f.servers[1], app, "mo", info)
		if g := f.row(app, "mo", info); !g.Failure.IsZero() {
			t.Errorf("the failure stays: %v", g.Failure)
		}
	})
}

// TestWhatAPlatformHasAgainstTheAppEndsNoGrant, and is told as it was said.
func TestWhatAPlatformHasAgainstTheAppEndsNoGrant(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		expired()
		for _, e := range []*broker.Error{
			{Code: "account_frozen", Class: broker.Denied, PlatformCode: "50002", PlatformMessage: "user limited"},
			{Code: "bad_secret", Class: broker.BadCredential},
			{Code: "ip_not_allowed", Class: broker.Misconfigured},
			{Code: "quota", Class: broker.Throttled, Reset: broker.ResetMinute},
			{Code: "odd", Class: broker.Invalid},
			{Code: "gone", Class: broker.NotFound},
			away(),
		} {
			f.before = func(context.Context, string) error { return e }
			_, err := f.servers[0].Token(t.Context(), app, "mo", info, 0)
			f.fails(err, e.Code)
			if got := broker.AsError(err); got.Class != e.Class || got.PlatformCode != e.PlatformCode {
				t.Errorf("%s is told as %s, %q", e.Code, got.Class, got.PlatformCode)
			}
			_, err = f.servers[0].Token(t.Context(), app, "mo", info, 0)
			f.fails(err, e.Code) // from the row
			time.Sleep(time.Hour)
		}
		f.counts(refreshing, 7)
		f.before = nil
		f.get(f.servers[0], app, "mo", info)
	})
}

// TestGrantThatHasEndedI3I7: the platform is asked once, the token that lives is served to its
// end, and nothing is left in the box of one that is dead.
func TestGrantThatHasEndedI3I7(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		f.login(app, "mo", info)
		f.set(func(p *fakePlatform) {
			for _, r := range p.refresh {
				r.ended = true
			}
		})
		time.Sleep(time.Hour)
		for range 3 {
			if _, err := s.Token(t.Context(), app, "mo", info, 90*time.Minute); err != nil {
				t.Fatalf("a live token was taken away: %v", err)
			}
		}
		f.counts(refreshing, 1)
		f.get(f.servers[1], app, "mo", info)
		time.Sleep(time.Hour)
		for range 3 {
			_, err := f.servers[1].Token(t.Context(), app, "mo", info, 0)
			f.fails(err, "authorization_ended")
		}
		f.counts(refreshing, 1)

		f.login(app, "mo", info)
		f.get(s, app, "mo", info)
		f.end("mo")
		expired()
		_, err := s.Token(t.Context(), app, "mo", info, 0)
		f.fails(err, "authorization_ended")
		if g := f.row(app, "mo", info); len(g.Box) != 0 || g.Ended.IsZero() {
			t.Errorf("the box of a grant that has ended holds %d bytes", len(g.Box))
		}
		states, err := s.Of(t.Context(), app, "mo")
		if err != nil || len(states) != 1 || states[0].Ended.IsZero() || states[0].Failure == nil || states[0].Failure.Code != "authorization_ended" {
			t.Errorf("told as %+v, %v", states, err)
		}
	})
}

// TestStoreThatIsAwayI3: what was read lately is served while it lives.
func TestStoreThatIsAwayI3(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		f.login(app, "mo", info)
		f.login(app, "bo", info)
		time.Sleep(time.Hour)
		f.get(s, app, "mo", info)
		s.store.Fail(errDead)
		f.get(s, app, "mo", info)
		if _, err := s.Token(t.Context(), app, "mo", info, 2*lifetime); err != nil {
			t.Errorf("a live token was taken away: %v", err)
		}
		if states, err := s.Of(t.Context(), app, "mo"); err != nil || len(states) != 1 {
			t.Errorf("told as %v, %v", states, err)
		}
		_, err := s.Token(t.Context(), app, "bo", info, 0)
		f.fails(err, "store_unreachable") // never read here
		_, err = s.Token(t.Context(), app, "jo", info, 0)
		f.fails(err, "store_unreachable") // nobody knows
		_, err = s.Forget(t.Context(), app, "bo")
		f.fails(err, "store_unreachable")
		_, err = s.List(t.Context(), app, broker.Key{}, 10)
		f.fails(err, "store_unreachable")
		_, err = s.Exchange(t.Context(), app, string(info), f.code(app, "jo", info))
		f.fails(err, "store_unreachable")

		time.Sleep(10*time.Minute + time.Second)
		_, err = s.Token(t.Context(), app, "mo", info, 0)
		f.fails(err, "store_unreachable") // who knows whether it was deleted
		s.store.Fail(nil)
		f.get(s, app, "mo", info)
		expired()
		s.store.Fail(errDead)
		_, err = s.Token(t.Context(), app, "mo", info, 0)
		f.fails(err, "store_unreachable")
		f.counts(refreshing, 0) // what cannot be stored is not asked for
	})
}

// TestStoreThatIsAwayAfterARefreshI3: the token that was renewed is not gone with it.
func TestStoreThatIsAwayAfterARefreshI3(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		f.login(app, "mo", info)
		expired()
		renewed := f.get(s, app, "mo", info)
		s.store.Fail(errDead)
		if tok := f.get(s, app, "mo", info); !tok.Secret.Equal(renewed.Secret) || tok.Version != renewed.Version {
			t.Error("another token is served than was renewed")
		}
	})
}

// TestStoreThatHangsI3 keeps nobody waiting for long whose token is remembered.
func TestStoreThatHangsI3(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		hangs := false
		s := &server{f: f, Keeper: f.keeper("hanging", hanging{f.store.Handle().Grants(), &hangs}, through)}
		f.servers = append(f.servers, s)
		f.get(s, app, "mo", info)
		hangs = true
		begun := time.Now()
		f.get(s, app, "mo", info)
		if d := time.Since(begun); d > time.Second {
			t.Errorf("waited %v", d)
		}
		_, err := s.Token(t.Context(), app, "bo", info, 0)
		f.fails(err, "store_unreachable")
		if d := time.Since(begun); d > 10*time.Second {
			t.Errorf("waited %v", d)
		}
	})
}

// TestStoreThatTakesNoClaimsI3: a live token is served although it cannot be renewed, because
// nothing can be written.
func TestStoreThatTakesNoClaimsI3(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		time.Sleep(time.Hour)
		p := &process{at: 3, what: fails} // two reads come before
		tok, err := f.process(p, "shaky").Token(t.Context(), app, "mo", info, 90*time.Minute)
		if err != nil || p.happened() != "put" {
			t.Fatalf("trouble at %q: %v", p.happened(), err)
		}
		f.good(app, "mo", tok)
		f.counts(refreshing, 0)
	})
}

// TestStoreComesBackI5: a login that the platform has granted is kept although the store is
// away for a moment, and so is a new refresh token although it is for minutes.
func TestStoreComesBackI5(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		f.usesUp = true
		breaks := func(d time.Duration) func(context.Context, string) error {
			return func(context.Context, string) error {
				f.set(func(p *fakePlatform) { p.after = nil })
				s.store.Fail(errDead)
				time.AfterFunc(d, func() { s.store.Fail(nil) })
				return nil
			}
		}
		f.after = breaks(5 * time.Second)
		f.login(app, "mo", info)
		expired()
		f.after = breaks(4 * time.Minute)
		f.get(s, app, "mo", info)
		f.get(f.servers[1], app, "mo", info)
		f.counts(refreshing, 1)
	})
}

// TestClaimThatWasTakenOverI5: while one server cannot store the new refresh token, another
// one is told that the old one is used up. The grant is not lost.
func TestClaimThatWasTakenOverI5(t *testing.T) {
	t.Parallel()
	for name, slow := range map[string]time.Duration{"the other has been told": 0, "the other is being told": 9 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
				f.login(app, "mo", info)
				f.usesUp = true
				expired()
				f.after = func(context.Context, string) error {
					f.set(func(p *fakePlatform) { p.after = nil })
					f.servers[0].store.Fail(errDead)
					time.AfterFunc(25*time.Second, func() { f.servers[0].store.Fail(nil) })
					return nil
				}
				together(2, func(i int) {
					if i == 0 {
						f.get(f.servers[0], app, "mo", info)
						return
					}
					time.Sleep(22 * time.Second) // the claim has run out
					f.set(func(p *fakePlatform) {
						p.before = func(context.Context, string) error { time.Sleep(slow); return nil }
					})
					tok, err := f.servers[1].Token(t.Context(), app, "mo", info, 0)
					if slow == 0 {
						f.fails(err, "authorization_ended")
						return
					}
					if err != nil {
						t.Errorf("the other: %v", err)
						return
					}
					f.good(app, "mo", tok)
				})
				f.get(f.servers[1], app, "mo", info)
				if g := f.row(app, "mo", info); !g.Ended.IsZero() || !g.Failure.IsZero() {
					t.Errorf("the row says that it ended %v, %v", g.Ended, g.Failure)
				}
				expired()
				f.get(f.servers[1], app, "mo", info)
			})
		})
	}
}

// TestClaimOnWhatIsAnotherGrantNowI8: a new refresh token that could not be stored in time
// takes no place but that of the one it replaces.
func TestClaimOnWhatIsAnotherGrantNowI8(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*broker.App){
		"another registration": func(a *broker.App) { a.AppID = "wx-other" },
		"another login":        func(*broker.App) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
				f.usesUp = true
				changed := newApp()
				change(changed)
				begun := time.Now()
				imported := func(app *broker.App) {
					in := f.elsewhere(app, "mo", info)
					in.Access = broker.Secret{} // so that the token's version tells nothing
					if changed.AppID != "wx-shop" {
						in.Authorized = begun
					}
					if _, err := f.servers[1].Import(t.Context(), app, in); err != nil {
						t.Errorf("import: %v", err)
					}
				}
				imported(app)
				f.after = func(context.Context, string) error {
					f.set(func(p *fakePlatform) { p.after = nil })
					f.servers[0].store.Fail(errDead)
					time.AfterFunc(time.Minute, func() { f.servers[0].store.Fail(nil) })
					return nil
				}
				together(2, func(i int) {
					if i == 0 {
						_, err := f.servers[0].Token(t.Context(), app, "mo", info, 0)
						if err == nil {
							t.Error("a token was handed out that is not stored")
						}
						return
					}
					time.Sleep(30 * time.Second)
					imported(changed)
					f.end("mo")
					_, err := f.servers[1].Token(t.Context(), changed, "mo", info, 0)
					f.fails(err, "authorization_ended")
				})
				_, err := f.servers[1].Token(t.Context(), changed, "mo", info, 0)
				f.fails(err, "authorization_ended")
			})
		})
	}
}
