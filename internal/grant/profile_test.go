package grant_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestProfile(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", base)
		f.login(app, "mo", info)
		p, kind, err := f.servers[0].Profile(t.Context(), app, "mo", "en")
		if err != nil || p.OpenID != "mo" || p.Nickname != "Mo" || kind != info {
			t.Errorf("got %v, %q, %v", p, kind, err)
		}
		f.counts(profiling, 1)
	})
}

// TestProfileWithADeadToken is read again with a new one, once.
func TestProfileWithADeadToken(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		f.kill("mo")
		f.before = func(context.Context, string) error { time.Sleep(time.Second); return nil }
		together(100, func(int) {
			if p, _, err := f.servers[0].Profile(t.Context(), app, "mo", ""); err != nil || p.OpenID != "mo" {
				t.Errorf("got %v, %v", p, err)
			}
		})
		f.counts(refreshing, 1)
		f.counts(checking, 0) // the platform has said it itself
		f.counts(profiling, 200)

		f.end("mo")
		_, _, err := f.servers[0].Profile(t.Context(), app, "mo", "")
		f.fails(err, "authorization_ended")
	})
}

// TestProfileOfAGrantThatWasTakenBack: what the platform says of it at the profile holds for
// all who ask afterwards.
func TestProfileOfAGrantThatWasTakenBack(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		f.end("mo")
		f.before = func(_ context.Context, call string) error {
			if call == profiling {
				return broker.ErrGrantEnded
			}
			return nil
		}
		_, _, err := f.servers[0].Profile(t.Context(), app, "mo", "")
		f.fails(err, "authorization_ended")
		_, err = f.servers[0].Token(t.Context(), app, "mo", info, 0)
		f.fails(err, "authorization_ended")
		f.counts(refreshing, 1)
	})
}

// TestProfileThatTheScopeDoesNotReachI8 is not asked for.
func TestProfileThatTheScopeDoesNotReachI8(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", base)
		_, _, err := f.servers[0].Profile(t.Context(), app, "mo", "")
		f.fails(err, "scope_lacking")
		_, _, err = f.servers[0].Profile(t.Context(), app, "bo", "")
		f.fails(err, "no_grant")
		f.counts(profiling, 0)
	})
}

func TestProfileOfAnotherUserI8(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		f.profile = func(p *broker.Profile) { p.OpenID = "bo" }
		p, _, err := f.servers[0].Profile(t.Context(), app, "mo", "")
		f.fails(err, "wrong_user")
		if p.Nickname != "" {
			t.Error("it is shown all the same")
		}
		f.counts(refreshing, 0)
	})
}

func TestSessions(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		u, key, err := s.Login(t.Context(), app, f.code(app, "mo", broker.SessionKey))
		if want := (broker.Key{App: "shop", Kind: broker.SessionKey, Subject: "mo"}); err != nil || u.Key != want || key.IsZero() {
			t.Fatalf("logged in as %v: %v", u.Key, err)
		}
		kept, err := f.servers[1].SessionKey(t.Context(), app, "mo")
		if err != nil || !kept.Equal(key) {
			t.Errorf("another key is kept: %v", err)
		}
		_, newer, err := s.Login(t.Context(), app, f.code(app, "mo", broker.SessionKey))
		if err != nil {
			t.Fatal(err)
		}
		if kept, err = f.servers[1].SessionKey(t.Context(), app, "mo"); err != nil || !kept.Equal(newer) || kept.Equal(key) {
			t.Errorf("the latest key is not the one that is kept: %v", err)
		}
		// A session opens nothing that a user's token does, nor the other way round (I8).
		_, err = s.Token(t.Context(), app, "mo", "", 0)
		f.fails(err, "no_grant")
		_, err = s.Token(t.Context(), app, "mo", broker.SessionKey, 0)
		f.fails(err, "unknown_kind")
		_, _, err = s.Profile(t.Context(), app, "mo", "")
		f.fails(err, "no_grant")
		f.login(app, "bo", info)
		_, err = s.SessionKey(t.Context(), app, "bo")
		if f.fails(err, "no_grant"); !strings.Contains(broker.AsError(err).Hint, "wx.login") {
			t.Errorf("it does not say what brings a session: %v", err)
		}
		f.login(app, "mo", base)
		f.get(s, app, "mo", "")

		f.store.Fail(errDead)
		f.servers[1].store.Fail(errDead)
		if kept, err = f.servers[1].SessionKey(t.Context(), app, "mo"); err != nil || !kept.Equal(newer) {
			t.Errorf("I3: a store that is away takes the key: %v", err)
		}
	})
}
