package grant_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// inBubble runs a test with a fleet of its own, in time of its own.
func inBubble(t *testing.T, servers int, test func(t *testing.T, f *fleet, app *broker.App)) {
	t.Helper()
	sealer := newSealer(t)
	synctest.Test(t, func(t *testing.T) {
		test(t, newFleet(t, sealer, servers), newApp())
	})
}

// TestOneRefreshForAllWhoAskI1: however many ask for one user's token, on however many servers,
// the platform is asked once.
func TestOneRefreshForAllWhoAskI1(t *testing.T) {
	t.Parallel()
	for _, servers := range []int{1, 3} {
		t.Run(fmt.Sprint(servers), func(t *testing.T) {
			t.Parallel()
			inBubble(t, servers, func(t *testing.T, f *fleet, app *broker.App) {
				f.login(app, "mo", info)
				f.usesUp = true
				f.before = func(context.Context, string) error { time.Sleep(time.Second); return nil }
				for round := 1; round <= 3; round++ {
					expired()
					var mu sync.Mutex
					got := map[broker.Version]int{}
					together(1000, func(i int) {
						tok := f.get(f.servers[i%servers], app, "mo", info)
						mu.Lock()
						defer mu.Unlock()
						got[tok.Version]++
					})
					if len(got) != 1 {
						t.Errorf("callers got %v", got)
					}
					f.counts(refreshing, round)
				}
				if f.reused > 0 {
					t.Error("a refresh token was used twice")
				}
			})
		})
	}
}

func TestTokenThatIsAskedForToLastI3(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		f.extends = true
		s := f.servers[0]
		first := f.get(s, app, "mo", info)
		time.Sleep(time.Hour)
		lasting, err := s.Token(t.Context(), app, "mo", info, 90*time.Minute)
		if err != nil || time.Until(lasting.Expiry) != lifetime {
			t.Fatalf("got %v until %v", err, lasting.Expiry)
		}
		if lasting.Version != first.Version || !lasting.Secret.Equal(first.Secret) {
			t.Error("the same token has another version: reports of it would be taken for late")
		}
		f.counts(refreshing, 1)
		// What no token does cannot be had by asking again and again (I7).
		for range 100 {
			if _, err := s.Token(t.Context(), app, "mo", info, 24*time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		f.counts(refreshing, 1)
	})
}

// TestManyDifferentWishesI3: callers who want different things of a token that lives all get it,
// also while it cannot be renewed.
func TestManyDifferentWishesI3(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		time.Sleep(time.Hour)
		f.before = func(context.Context, string) error { time.Sleep(time.Second); return away() }
		s := &server{f: f, Keeper: f.keeper("slow", slow{f.store.Handle().Grants()}, through)}
		f.servers = append(f.servers, s)
		together(100, func(i int) {
			if _, err := s.Token(t.Context(), app, "mo", info, 90*time.Minute+time.Duration(i)*time.Second); err != nil {
				t.Errorf("no token: %v", err)
			}
		})
		if n := f.count(refreshing); n > 2 {
			t.Errorf("I7: %d refreshes", n)
		}
	})
}

func TestWiderTokenAnswersForNarrowerOneI3I8(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		f.login(app, "mo", base)
		time.Sleep(time.Hour)
		f.login(app, "mo", info)
		for _, c := range []struct{ asked, got broker.Kind }{{base, base}, {info, info}, {"", info}} {
			if tok := f.get(s, app, "mo", c.asked); tok.Key.Kind != c.got {
				t.Errorf("asked for %q, got %q", c.asked, tok.Key.Kind)
			}
		}
		time.Sleep(time.Hour) // the narrower one has run out
		f.before = func(context.Context, string) error { return away() }
		if tok := f.get(s, app, "mo", base); tok.Key.Kind != info {
			t.Errorf("got %q", tok.Key.Kind)
		}
		f.counts(refreshing, 0)
		if _, err := s.Token(t.Context(), app, "mo", login, 0); broker.AsError(err).Code != "scope_lacking" {
			t.Errorf("a narrower one answers for a wider one: %v", err)
		}
		_, err := s.Token(t.Context(), app, "mo", "snsapi_odd", 0)
		f.fails(err, "unknown_kind")
		time.Sleep(time.Hour) // both have
		_, err = s.Token(t.Context(), app, "mo", "", 0)
		f.fails(err, "platform_timeout")
		// Of several that cannot be renewed one is tried.
		time.Sleep(time.Minute)
		calls := f.count(refreshing)
		_, err = s.Token(t.Context(), app, "mo", base, 0)
		f.fails(err, "platform_timeout")
		f.counts(refreshing, calls+1)
		f.before = nil
		_, err = s.Token(t.Context(), app, "mo", base, 0)
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestCallerIsToldWhatMayHelp: nobody has to log in again where it is enough to wait.
func TestCallerIsToldWhatMayHelp(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", base)
		f.end("mo")
		f.login(app, "mo", info)
		expired()
		f.before = func(context.Context, string) error {
			if f.count(refreshing) == 1 {
				return nil
			}
			return away()
		}
		for range 3 {
			_, err := f.servers[0].Token(t.Context(), app, "mo", base, 0)
			f.fails(err, "platform_timeout")
		}
	})
}

// TestWidestTokenIsNotReplacedByALesserOne while it is only out of reach.
func TestWidestTokenIsNotReplacedByALesserOne(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		f.login(app, "mo", info)
		time.Sleep(time.Hour)
		f.login(app, "mo", base)
		time.Sleep(time.Hour)
		f.before = func(context.Context, string) error { return away() }
		for range 3 { // the second and third are in the back-off
			_, err := s.Token(t.Context(), app, "mo", "", 0)
			f.fails(err, "platform_timeout")
		}
		f.counts(refreshing, 1)
		f.end("mo") // of which the platform says nothing before it is asked
		f.before = nil
		time.Sleep(time.Minute)
		f.login(app, "mo", base)
		if tok := f.get(s, app, "mo", ""); tok.Key.Kind != base {
			t.Errorf("got %q although that has ended", tok.Key.Kind)
		}
	})
}

func TestTokenOfNobody(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		f.login(app, "mo", info)
		for _, user := range []string{"", "m", "mo ", "MO", "moo", "mo/x", "\x00", "mo%"} {
			_, err := s.Token(t.Context(), app, user, "", 0)
			f.fails(err, "no_grant")
		}
		other := newApp()
		other.ID = "other"
		_, err := s.Token(t.Context(), other, "mo", "", 0)
		f.fails(err, "no_grant")
		none := newApp()
		none.Platform = "none"
		_, err = s.Token(t.Context(), none, "mo", "", 0)
		f.fails(err, "no_login")
	})
}

func TestCallerWhoLeavesBreaksNothingOff(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		expired()
		f.before = func(context.Context, string) error { time.Sleep(2 * time.Second); return nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.servers[0].Token(ctx, app, "mo", info, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		time.Sleep(2 * time.Second)
		f.get(f.servers[0], app, "mo", info)
		f.counts(refreshing, 1)

		f.before = func(ctx context.Context, _ string) error {
			select {
			case <-ctx.Done():
				return away()
			case <-time.After(2 * time.Second):
				return nil
			}
		}
		leaving, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if _, err := f.servers[0].Exchange(leaving, app, string(info), f.code(app, "bo", info)); err != nil {
			t.Errorf("I5: a login was broken off after its code was sent: %v", err)
		}
		f.get(f.servers[0], app, "bo", info)
	})
}

// TestManyUsersAtOnceI7: when everybody comes back after an outage, the platform is asked for a bounded
// number at a time, and an app whose platform hangs keeps no other waiting.
func TestManyUsersAtOnceI7(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		const users = 500
		other := newApp()
		other.ID, other.AppID = "other", "wx-other"
		f.login(other, "mo", info)
		for i := range users {
			f.login(app, fmt.Sprint("user-", i), info)
		}
		expired()
		var mu sync.Mutex
		now, most := 0, 0
		count := func(d int) {
			mu.Lock()
			defer mu.Unlock()
			now += d
			most = max(most, now)
		}
		f.before = func(context.Context, string) error {
			count(1)
			defer count(-1)
			time.Sleep(time.Second)
			return nil
		}
		begun := time.Now()
		together(users+1, func(i int) {
			if i == users {
				time.Sleep(time.Millisecond)
				f.get(f.servers[0], other, "mo", info)
				if d := time.Since(begun); d > 2*time.Second {
					t.Errorf("another app waited %v", d)
				}
				return
			}
			f.get(f.servers[0], app, fmt.Sprint("user-", i), info)
		})
		if most > 65 {
			t.Errorf("%d calls at once", most)
		}
	})
}

// TestScopeThatThePlatformDoesNotSay is the one that the user was asked for.
func TestScopeThatThePlatformDoesNotSay(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.silent = true
		u := f.login(app, "mo", info)
		if u.Key.Kind != info || u.Scope != string(info) {
			t.Errorf("the grant is a %s of scope %q: want %s", u.Key.Kind, u.Scope, info)
		}
		f.good(app, "mo", f.get(f.servers[0], app, "mo", info))
	})
}

// TestKeeperThatIsClosed begins nothing, and ends what it has begun.
func TestKeeperThatIsClosed(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		expired()
		f.before = func(context.Context, string) error { time.Sleep(5 * time.Second); return nil }
		var all sync.WaitGroup
		all.Go(func() { f.get(f.servers[0], app, "mo", info) })
		all.Go(func() {
			if _, err := f.servers[0].Exchange(t.Context(), app, string(info), f.code(app, "bo", info)); err != nil {
				t.Errorf("a login that had begun: %v", err)
			}
		})
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.servers[0].Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closed in mid-air: %v", err)
		}
		_, err := f.servers[0].Exchange(t.Context(), app, string(info), f.code(app, "jo", info))
		f.fails(err, "shutting_down")
		if err := f.servers[0].Close(t.Context()); err != nil {
			t.Error(err)
		}
		all.Wait()
		f.counts(exchanging, 2)
		f.before = nil
		expired()
		_, err = f.servers[0].Token(t.Context(), app, "mo", info, 0)
		f.fails(err, "shutting_down")
		f.get(f.servers[1], app, "mo", info)
	})
}

func TestPlatformThatPanics(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		expired()
		f.before = func(context.Context, string) error { panic(f.secrets()[1]) }
		_, err := f.servers[0].Token(t.Context(), app, "mo", info, 0)
		f.fails(err, "internal")
		f.before = nil
		f.get(f.servers[0], app, "mo", info) // its claim keeps nobody waiting, least of all itself
	})
}
