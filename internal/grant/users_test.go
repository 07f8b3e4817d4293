package grant_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestListOfUsers(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		var want []broker.Key
		other := newApp()
		other.ID = "other"
		for i := range 7 {
			user := fmt.Sprint("user-", i)
			for _, kind := range []broker.Kind{base, info} {
				want = append(want, f.login(app, user, kind).Key)
			}
			f.login(other, user, info)
		}
		for limit := 1; limit < 20; limit++ {
			var got []broker.Key
			var after broker.Key
			for {
				page, err := f.servers[0].List(t.Context(), app, after, limit)
				if err != nil || len(page) > limit {
					t.Fatalf("%d of at most %d, %v", len(page), limit, err)
				}
				if len(page) == 0 {
					break
				}
				for _, s := range page {
					got = append(got, s.Key)
				}
				after = got[len(got)-1]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("in pages of %d: %s", limit, diff)
			}
		}
		of, err := f.servers[0].Of(t.Context(), app, "user-3")
		if err != nil || len(of) != 2 || of[0].Key != want[6] || of[1].Key != want[7] || of[0].UnionID != "union-user-3" || of[0].Failure != nil {
			t.Errorf("got %+v, %v", of, err)
		}
		_, err = f.servers[0].Of(t.Context(), app, "user-")
		f.fails(err, "no_grant")
	})
}

// TestForget leaves nothing of a user, and all of everybody else.
func TestForget(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		before := newApp()
		before.AppID = "wx-before"
		f.login(before, "mo", base) // of another registration: it is data of the user all the same
		f.login(app, "mo", info)
		f.login(app, "mo2", info)
		f.login(app, "m", info)
		if _, _, err := s.Login(t.Context(), app, f.code(app, "mo", broker.SessionKey)); err != nil {
			t.Fatal(err)
		}
		f.get(s, app, "mo", info)
		n, err := s.Forget(t.Context(), app, "mo")
		if err != nil || n != 3 {
			t.Errorf("deleted %d, %v", n, err)
		}
		s.store.Fail(errDead)
		_, err = s.Token(t.Context(), app, "mo", info, 0)
		if err == nil {
			t.Error("it is served from memory")
		}
		s.store.Fail(nil)
		for _, s := range f.servers {
			_, err = s.Token(t.Context(), app, "mo", info, 0)
			f.fails(err, "no_grant")
			_, err = s.SessionKey(t.Context(), app, "mo")
			f.fails(err, "no_grant")
			_, err = s.Of(t.Context(), app, "mo")
			f.fails(err, "no_grant")
			_, err = s.Forget(t.Context(), app, "mo")
			f.fails(err, "no_grant")
			_, err = s.Forget(t.Context(), app, "")
			f.fails(err, "no_grant")
		}
		f.get(s, app, "mo2", info)
		f.get(s, app, "m", info)
		f.login(app, "mo", info)
		f.get(f.servers[1], app, "mo", info)
	})
}

// TestUserWithManyGrants: all of them are seen and deleted, however they are read, and nobody else's.
func TestUserWithManyGrants(t *testing.T) {
	t.Parallel()
	for n := range 9 {
		inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
			f.login(app, "m", info)
			f.login(app, "mo", info)
			f.login(app, "moe", info)
			for i := range n {
				g := f.row(app, "mo", info)
				g.Version, g.Key.Kind = 0, broker.Kind(fmt.Sprint("kind-", i))
				if _, err := f.store.Grants().Put(t.Context(), g); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := f.servers[0].Of(t.Context(), app, "mo"); err != nil || len(got) != n+1 {
				t.Errorf("of %d grants %d are seen, %v", n+1, len(got), err)
			}
			f.get(f.servers[0], app, "mo", info)
			if got, err := f.servers[0].Forget(t.Context(), app, "mo"); got != n+1 || err != nil {
				t.Errorf("of %d grants %d were deleted, %v", n+1, got, err)
			}
			if left, err := f.servers[0].List(t.Context(), app, broker.Key{}, 20); err != nil || len(left) != 2 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

// TestForgetWhileItIsRenewed: what a refresh or a check under way brings of a user who was deleted is
// kept by nobody.
func TestForgetWhileItIsRenewed(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{false, true} {
		inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
			f.login(app, "mo", info)
			f.usesUp = true
			expired()
			f.before = func(context.Context, string) error { time.Sleep(3 * time.Second); return nil }
			if away {
				f.before = func(context.Context, string) error { time.Sleep(3 * time.Second); return broker.ErrUnreachable }
			}
			together(20, func(i int) {
				if i == 0 {
					time.Sleep(time.Second)
					if n, err := f.servers[1].Forget(t.Context(), app, "mo"); n != 1 || err != nil {
						t.Errorf("deleted %d, %v", n, err)
					}
					return
				}
				_, err := f.servers[i%2].Token(t.Context(), app, "mo", info, 0)
				f.fails(err, "no_grant")
			})
			page, err := f.store.Grants().Page(t.Context(), "shop", broker.Key{}, 10)
			if err != nil || len(page) > 0 {
				t.Errorf("left: %v, %v", page, err)
			}
		})
	}
}

// TestForgetAmidEverything: after the last deletion nothing is left but what came after it.
func TestForgetAmidEverything(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, func(t *testing.T, f *fleet, app *broker.App) {
		f.before = func(context.Context, string) error {
			time.Sleep(time.Duration(f.count(exchanging)%7) * time.Millisecond)
			return nil
		}
		together(60, func(i int) {
			s := f.servers[i%3]
			for range 10 {
				time.Sleep(time.Duration(i) * time.Millisecond)
				switch i % 5 {
				case 0:
					if _, err := s.Forget(t.Context(), app, "mo"); err != nil {
						f.fails(err, "no_grant")
					}
				case 1:
					if _, err := s.Exchange(t.Context(), app, string(info), f.code(app, "mo", info)); err != nil {
						t.Errorf("log in: %v", err)
					}
				case 2:
					if _, err := s.Reseal(t.Context()); err != nil {
						t.Errorf("reseal: %v", err)
					}
				default:
					if tok, err := s.Token(t.Context(), app, "mo", info, 24*time.Hour); err == nil {
						f.good(app, "mo", tok)
					} else {
						f.fails(err, "no_grant")
					}
				}
			}
		})
		if _, err := f.servers[0].Forget(t.Context(), app, "mo"); err != nil {
			f.fails(err, "no_grant")
		}
		if page, err := f.store.Grants().Page(t.Context(), "shop", broker.Key{}, 10); err != nil || len(page) > 0 {
			t.Errorf("left: %v, %v", page, err)
		}
	})
}

// TestNewLoginDuringARefresh: the user has the last word, and whoever waited for the refresh
// gets what the login brought.
func TestNewLoginDuringARefresh(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		f.usesUp = true
		expired()
		f.before = func(_ context.Context, call string) error {
			if call == refreshing {
				time.Sleep(3 * time.Second)
			}
			return nil
		}
		var mu sync.Mutex
		var got []broker.Token
		var all sync.WaitGroup
		for i := range 2 {
			all.Go(func() {
				tok := f.get(f.servers[i], app, "mo", info)
				mu.Lock()
				defer mu.Unlock()
				got = append(got, tok)
			})
		}
		time.Sleep(time.Second)
		f.login(app, "mo", info)
		now := f.get(f.servers[0], app, "mo", info)
		all.Wait()
		if slices.ContainsFunc(got, func(t broker.Token) bool { return !t.Secret.Equal(now.Secret) }) {
			t.Error("somebody got a token that is not stored")
		}
		if again := f.get(f.servers[1], app, "mo", info); !again.Secret.Equal(now.Secret) {
			t.Error("the refresh has replaced what the login brought")
		}
		f.counts(refreshing, 1)
	})
}
