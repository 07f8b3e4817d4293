package grant_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/seal"
)

// TestReseal: with the new key alone everything can be opened, but what could not be before;
// that stays as it is.
func TestReseal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	if err := seal.Create(path); err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	foreign := newSealer(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, keys, 1)
		app := newApp()
		for i := range 5 {
			f.login(app, fmt.Sprint("user-", i), info)
		}
		f.login(app, "over", info)
		f.end("over")
		expired()
		_, err := f.servers[0].Token(t.Context(), app, "over", info, 0)
		f.fails(err, "authorization_ended")
		stranger := f.row(app, "user-4", info)
		if stranger.Box, err = foreign.Seal([]byte(`{"a":"x"}`), []byte(stranger.Key.String())); err != nil {
			t.Fatal(err)
		}
		if _, err = f.store.Grants().Put(t.Context(), stranger); err != nil {
			t.Fatal(err)
		}
		stranger = f.row(app, "user-4", info)
		mixed := f.row(app, "user-3", info)
		mixed.Box = f.row(app, "user-2", info).Box // of another user (I8)
		if _, err = f.store.Grants().Put(t.Context(), mixed); err != nil {
			t.Fatal(err)
		}

		old := keys.Primary()
		if _, err := seal.Rotate(path); err != nil {
			t.Fatal(err)
		}
		if err := keys.Reload(); err != nil {
			t.Fatal(err)
		}
		n, err := f.servers[0].Reseal(t.Context())
		if err != nil || n != 3 {
			t.Errorf("sealed %d anew, %v", n, err)
		}
		for i := range 3 {
			g := f.row(app, fmt.Sprint("user-", i), info)
			if seal.SealedWith(g.Box) == old {
				t.Errorf("%v is sealed with the old key", g.Key)
			}
			f.get(f.servers[0], app, g.Key.Subject, info)
		}
		if got := f.row(app, "user-4", info); string(got.Box) != string(stranger.Box) || got.Version != stranger.Version {
			t.Error("a box that cannot be opened was changed")
		}
		for _, user := range []string{"user-3", "user-4"} {
			_, err = f.servers[0].Token(t.Context(), app, user, info, 0)
			f.fails(err, "grant_sealed")
			_, err = f.servers[0].Report(t.Context(), app, user, info, f.row(app, user, info).Token, broker.Secret{})
			f.fails(err, "grant_sealed")
		}
		f.login(app, "user-4", info) // which helps
		f.get(f.servers[0], app, "user-4", info)
	})
}

// TestUnopenedGrantHidesNoWiderOne.
func TestUnopenedGrantHidesNoWiderOne(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", base)
		f.login(app, "mo", info)
		g := f.row(app, "mo", base)
		g.Box[len(g.Box)-1]++
		if _, err := f.store.Grants().Put(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		f.get(f.servers[0], app, "mo", base)
		expired()
		f.get(f.servers[0], app, "mo", base)
	})
}

// TestResealDuringARefresh breaks no claim.
func TestResealDuringARefresh(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
			f.login(app, "mo", info)
			f.usesUp = true
			expired()
			f.before = func(context.Context, string) error {
				time.Sleep(3 * time.Second)
				if fails {
					return away()
				}
				return nil
			}
			together(20, func(i int) {
				if i > 0 {
					if tok, err := f.servers[i%2].Token(t.Context(), app, "mo", info, 0); fails {
						f.fails(err, "platform_timeout")
					} else if err != nil {
						t.Error(err)
					} else {
						f.good(app, "mo", tok)
					}
					return
				}
				for range 10 {
					time.Sleep(time.Second / 4)
					if _, err := f.servers[1].Reseal(t.Context()); err != nil {
						t.Errorf("reseal: %v", err)
					}
				}
			})
			f.counts(refreshing, 1)
			if g := f.row(app, "mo", info); g.Claim != (broker.RenewalClaim{}) || g.Failure.IsZero() == fails {
				t.Errorf("left: %+v", g)
			}
		})
	}
}

// TestResealOfWhatWasWrittenMeanwhile brings back neither an older token nor a user who was deleted.
func TestResealOfWhatWasWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		f.login(app, "bo", info)
		var now broker.Token
		k := f.keeper("resealing", busy{f.store.Handle().Grants(), func() {
			expired()
			now = f.get(f.servers[0], app, "mo", info)
			if _, err := f.servers[0].Forget(t.Context(), app, "bo"); err != nil {
				t.Error(err)
			}
		}}, through)
		if n, err := k.Reseal(t.Context()); n != 1 || err != nil {
			t.Errorf("sealed %d anew, %v", n, err)
		}
		if tok := f.get(f.servers[0], app, "mo", info); !tok.Secret.Equal(now.Secret) {
			t.Error("another token is there now")
		}
		_, err := f.servers[0].Token(t.Context(), app, "bo", info, 0)
		f.fails(err, "no_grant")
	})
}

// TestResealWhileTheStoreIsGone ends with what is wrong, and tells how far it came.
func TestResealWhileTheStoreIsGone(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		const users = 100
		for i := range users {
			f.login(app, fmt.Sprint("user-", i), info)
		}
		gone := &failing{GrantStore: f.store.Handle().Grants(), after: 30}
		n, err := f.keeper("resealing", gone, through).Reseal(t.Context())
		f.fails(err, "store_unreachable")
		if n != 30 || gone.puts.Load() > users/2 {
			t.Errorf("sealed %d anew by %d writes", n, gone.puts.Load())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if n, err := f.servers[0].Reseal(ctx); n > 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("sealed %d anew for nobody, %v", n, err)
		}
		if n, err := f.servers[0].Reseal(t.Context()); n != users || err != nil {
			t.Errorf("sealed %d of %d anew, %v", n, users, err)
		}
	})
}
