package grant_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/grant"
)

// kept are the users of whom something is stored, in order.
func (f *fleet) kept(app *broker.App) []string {
	page, err := f.store.Grants().Page(context.Background(), app.ID, broker.Key{App: app.ID}, 100)
	if err != nil {
		f.Errorf("list what is kept: %v", err)
	}
	var users []string
	for _, g := range page {
		users = append(users, g.Key.Subject)
	}
	return slices.Compact(users)
}

// TestWhatIsOfNoUseAnyMoreIsDeleted, once it has been so for as long as it is kept: a grant
// whose refresh token has run out, one that has ended, and a session.
func TestWhatIsOfNoUseAnyMoreIsDeleted(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(t *testing.T, f *fleet, app *broker.App) {
		const keep = 10 * 24 * time.Hour
		ctx, stop := context.WithCancel(t.Context())
		var pruning sync.WaitGroup
		for _, s := range f.servers {
			pruning.Go(func() { s.KeepPruning(ctx, keep) })
		}
		defer pruning.Wait()
		defer stop()
		f.login(app, "ada", info)
		f.login(app, "bo", info)
		if _, _, err := f.servers[0].Login(t.Context(), app, f.code(app, "cy", broker.SessionKey)); err != nil {
			t.Fatal(err)
		}
		f.end("bo")
		expired()
		if _, err := f.servers[0].Token(t.Context(), app, "bo", info, 0); err == nil {
			t.Fatal("a grant that was taken back is good")
		}
		for _, step := range []struct {
			wait time.Duration
			want []string
		}{
			{keep - 24*time.Hour, []string{"ada", "bo", "cy"}},
			{48 * time.Hour, []string{"ada"}},
			{month - 48*time.Hour, []string{"ada"}},
			{72 * time.Hour, nil},
		} {
			time.Sleep(step.wait)
			synctest.Wait()
			if got := f.kept(app); !slices.Equal(got, step.want) {
				t.Errorf("%v: kept are %v: want %v", time.Now(), got, step.want)
			}
		}
	})
}

// TestWhoComesBackIsNotDeleted, although she was about to be.
func TestWhoComesBackIsNotDeleted(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "ada", info)
		time.Sleep(2 * month)
		f.login(app, "ada", info)
		if n, err := f.servers[0].Prune(t.Context(), time.Now()); n != 0 || err != nil {
			t.Errorf("%d were deleted: %v", n, err)
		}
		f.get(f.servers[0], app, "ada", info)
	})
}

// TestAClockThatWentWrongDeletesNobody: the store's is ahead by years.
func TestAClockThatWentWrongDeletesNobody(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "ada", info)
		cfg := grant.Config{
			Store: f.store.Grants(), Sealer: f.sealer, Platforms: []broker.Platform{f.platform(nil)}, Holder: "astray",
			Now: func() time.Time { return time.Now().AddDate(5, 0, 0) },
		}
		astray, err := grant.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 24*time.Hour)
		defer stop()
		astray.KeepPruning(ctx, 24*time.Hour)
		if got := f.kept(app); !slices.Equal(got, []string{"ada"}) {
			t.Errorf("kept are %v", got)
		}
	})
}
