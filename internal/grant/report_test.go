package grant_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestReportsOfOneDeadTokenI4: they cost one check for each server and one refresh in all.
func TestReportsOfOneDeadTokenI4(t *testing.T) {
	t.Parallel()
	for _, servers := range []int{1, 3} {
		for _, byValue := range []bool{false, true} {
			inBubble(t, servers, func(t *testing.T, f *fleet, app *broker.App) {
				f.login(app, "mo", info)
				f.usesUp = true
				dead := f.get(f.servers[0], app, "mo", info)
				f.kill("mo")
				f.before = func(context.Context, string) error { time.Sleep(100 * time.Millisecond); return nil }
				report := func(i int) {
					stale, seen := dead.Version, broker.Secret{}
					if byValue {
						stale, seen = 0, dead.Secret
					}
					tok, err := f.servers[i%servers].Report(t.Context(), app, "mo", info, stale, seen)
					if err != nil {
						t.Errorf("report: %v", err)
						return
					}
					f.good(app, "mo", tok)
				}
				together(1000, report)
				if n := f.count(checking); n < 1 || n > servers {
					t.Errorf("%d checks by %d servers", n, servers)
				}
				f.counts(refreshing, 1)
				checks := f.count(checking)
				report(0) // a late one
				f.counts(checking, checks)
				f.counts(refreshing, 1)
			})
		}
	}
}

// TestReportsOfALiveTokenI4I7 cost one check, and for as long as it is good no other.
func TestReportsOfALiveTokenI4I7(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		live := f.get(f.servers[0], app, "mo", info)
		f.before = func(context.Context, string) error { time.Sleep(100 * time.Millisecond); return nil }
		report := func(int) {
			tok, err := f.servers[0].Report(t.Context(), app, "mo", info, live.Version, broker.Secret{})
			if err != nil || !tok.Secret.Equal(live.Secret) {
				t.Errorf("another token than the live one: %v", err)
			}
		}
		together(1000, report)
		for range 100 {
			report(0)
		}
		f.counts(checking, 1)
		time.Sleep(10 * time.Second)
		report(0)
		f.counts(checking, 2)
		f.counts(refreshing, 0)
		// Once it is dead it is found to be, when the platform's word is no longer good.
		f.kill("mo")
		time.Sleep(10 * time.Second)
		if tok, err := f.servers[0].Report(t.Context(), app, "mo", info, live.Version, broker.Secret{}); err != nil || tok.Version <= live.Version {
			t.Errorf("version %d, %v", tok.Version, err)
		}
	})
}

func TestReportOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		f.login(app, "bo", info)
		theirs := f.get(f.servers[0], app, "bo", info)
		mine := f.get(f.servers[0], app, "mo", info)
		for _, c := range []struct {
			stale broker.Version
			seen  broker.Secret
		}{{stale: 0}, {stale: mine.Version - 1}, {stale: mine.Version + 1}, {stale: -1}, {seen: theirs.Secret}, {seen: broker.NewSecret("made up")}, {stale: mine.Version, seen: theirs.Secret}} {
			tok, err := f.servers[0].Report(t.Context(), app, "mo", info, c.stale, c.seen)
			if err != nil || !tok.Secret.Equal(mine.Secret) {
				t.Errorf("%v: %v", c, err)
			}
		}
		f.counts(checking, 0)
		f.counts(refreshing, 0)
		_, err := f.servers[0].Report(t.Context(), app, "jo", info, 1, mine.Secret)
		f.fails(err, "no_grant")
	})
}

// TestReportOfTheWiderTokenI4: who asked for a narrower kind and got a wider token reports that one.
func TestReportOfTheWiderTokenI4(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		f.login(app, "mo", base)
		expired()
		f.login(app, "mo", info)
		dead := f.get(s, app, "mo", base)
		if dead.Key.Kind != info {
			t.Fatalf("got %q", dead.Key.Kind)
		}
		f.kill("mo")
		for _, seen := range []broker.Secret{{}, dead.Secret} {
			tok, err := s.Report(t.Context(), app, "mo", base, dead.Version, seen)
			if err != nil {
				t.Fatal(err)
			}
			f.good(app, "mo", tok)
		}
		f.counts(checking, 1)
		f.counts(refreshing, 1)
	})
}

// TestReportWhileThePlatformIsAwayI3: what cannot be checked costs nothing, and a live token stays.
func TestReportWhileThePlatformIsAwayI3(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		f.login(app, "mo", info)
		live := f.get(s, app, "mo", info)
		f.before = func(context.Context, string) error { return away() }
		tok, err := s.Report(t.Context(), app, "mo", info, live.Version, broker.Secret{})
		if err != nil || !tok.Secret.Equal(live.Secret) {
			t.Errorf("got %v", err)
		}
		f.counts(refreshing, 0)
		if !strings.Contains(f.log.String(), "could not be checked") {
			t.Error("nothing is logged of it")
		}
	})
}

// TestTokenThatIsRenewedAsItWasI7: a platform that gives the very token again that it has
// rejected is not asked for each report of it.
func TestTokenThatIsRenewedAsItWasI7(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		f.login(app, "mo", info)
		f.extends = true
		tok := f.get(s, app, "mo", info)
		f.after = func(_ context.Context, call string) error {
			if call == profiling {
				return broker.ErrUserTokenRejected
			}
			return nil
		}
		for range 50 {
			_, _, err := s.Profile(t.Context(), app, "mo", "")
			f.fails(err, "user_token_rejected")
			if again, err := s.Report(t.Context(), app, "mo", info, tok.Version, broker.Secret{}); err != nil || again.Version != tok.Version {
				t.Errorf("version %d, %v", again.Version, err)
			}
		}
		f.counts(refreshing, 1)
		f.counts(checking, 0)
	})
}

// TestDeadTokenIsServedToNobodyWhileItIsRenewed once that it is dead is known.
func TestDeadTokenIsServedToNobodyWhileItIsRenewed(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		dead := f.get(f.servers[0], app, "mo", info)
		f.kill("mo")
		f.before = func(_ context.Context, call string) error {
			if call == refreshing {
				time.Sleep(5 * time.Second)
			}
			return nil
		}
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := f.servers[0].Report(t.Context(), app, "mo", info, dead.Version, broker.Secret{}); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Second)
		f.get(f.servers[1], app, "mo", info)
		f.get(f.servers[0], app, "mo", info)
		all.Wait()
		f.counts(refreshing, 1)
	})
}

// TestWordForATokenIsGoodForThatOneOnly, and against reports, not against what the platform says itself.
func TestWordForATokenIsGoodForThatOneOnly(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		f.login(app, "mo", info)
		tok := f.get(s, app, "mo", info)
		for round := 1; round <= 3; round++ {
			same, err := s.Report(t.Context(), app, "mo", info, tok.Version, broker.Secret{})
			if err != nil || same.Version != tok.Version {
				t.Fatalf("version %d: %v", same.Version, err)
			}
			f.kill("mo")
			if _, _, err := s.Profile(t.Context(), app, "mo", ""); err != nil {
				t.Errorf("the platform has rejected it itself: %v", err)
			}
			f.counts(refreshing, round)
			f.counts(checking, round)
			tok = f.get(s, app, "mo", info)
		}
	})
}
