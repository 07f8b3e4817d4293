package renew_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

func TestNewerAnswersAtOnceWhatIsNotAsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: wechat.Classic})
		defer f.close()
		r := f.replicas[0]
		want := f.token(r).Version
		for _, seen := range []broker.Version{0, want - 1, want + 1} {
			begun := time.Now()
			if tok, err := r.Newer(t.Context(), accessToken, seen); err != nil || tok.Version != want || time.Since(begun) > 0 {
				t.Errorf("seen %d: got version %d and %v after %v", seen, tok.Version, err, time.Since(begun))
			}
		}
		if _, err := r.Newer(t.Context(), broker.Key{App: "none", Kind: broker.AccessToken}, 0); !errors.Is(err, broker.ErrUnknownApp) {
			t.Errorf("got %v, want %v", err, broker.ErrUnknownApp)
		}
	})
}

func TestI9NewerWaitsForTheNextTokenOnEveryReplica(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 3, mode: wechat.Classic})
		defer f.close()
		seen := f.token(f.replicas[0]).Version
		for range 5 {
			at := make(chan time.Time, 3)
			for _, r := range f.replicas {
				go func() {
					tok, err := r.Newer(t.Context(), accessToken, seen)
					if err != nil || tok.Version <= seen {
						t.Errorf("%s: got version %d and %v, want one after %d", r.name, tok.Version, err, seen)
					}
					at <- time.Now()
				}()
			}
			first := <-at
			for range 2 {
				if last := <-at; last.Sub(first) > time.Second {
					t.Errorf("I9: the last replica heard of it %v after the first", last.Sub(first))
				}
			}
			seen = f.token(f.replicas[0]).Version
		}
	})
}

func TestNewerGivesTheKnownTokenWhenTheWaitIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: wechat.Classic})
		defer f.close()
		r := f.replicas[0]
		seen := f.token(r).Version
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begun := time.Now()
		// Another key of the app changes meanwhile, which wakes the wait and does not end it.
		go func() {
			time.Sleep(time.Second)
			if _, err := r.Token(t.Context(), jsapiTicket); err != nil {
				t.Error(err)
			}
		}()
		tok, err := r.Newer(ctx, accessToken, seen)
		if err != nil || tok.Version != seen || time.Since(begun) != 5*time.Second {
			t.Errorf("got version %d and %v after %v, want the known one after 5s", tok.Version, err, time.Since(begun))
		}
	})
}

func TestWatchersAreToldOfEveryKeyOfTheirApps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic})
		defer f.close()
		sub := f.replicas[1].Watch("shop")
		defer sub.Close()
		if _, err := f.replicas[0].Token(t.Context(), jsapiTicket); err != nil {
			t.Fatal(err)
		}
		told := map[broker.Kind]int{}
		for range 4 {
			k, err := sub.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			told[k.Kind]++
		}
		if told[broker.AccessToken] < 2 || told[broker.JSAPITicket] < 1 {
			t.Errorf("told of %v, want both kinds", told)
		}
	})
}
