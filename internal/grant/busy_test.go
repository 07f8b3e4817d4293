package grant_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Who has waited for the platform for too long, behind others of the app, is told to come
// again, and costs it no call (I7).
func TestWhoWaitsTooLongForATurnIsToldToComeAgainI7(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		const users = 6 * 64 // a call hangs for 10 s, and a flight lasts for less than 60 s
		for i := range users {
			f.login(app, fmt.Sprint("user-", i), info)
		}
		expired()
		f.before = func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		}
		before := f.calls["refresh"]
		var mu sync.Mutex
		told, begun := 0, time.Now()
		together(users, func(i int) {
			_, err := f.servers[0].Token(t.Context(), app, fmt.Sprint("user-", i), info, 0)
			e := broker.AsError(err)
			if e.Code != "busy" {
				return // the platform did not answer
			}
			mu.Lock()
			defer mu.Unlock()
			if told++; e.Class != broker.Transient || e.RetryAfter <= 0 {
				t.Errorf("%+v", e)
			}
		})
		if asked := f.calls["refresh"] - before; told == 0 || told+asked != users {
			t.Errorf("of %d users %d were told to come again, and %d calls were made", users, told, asked)
		}
		if d := time.Since(begun); d > time.Minute {
			t.Errorf("they waited for %v", d)
		}
	})
}

// Who wants something else than the flight that others are on waits for a few of them, and
// then gets what there is: a token that lives is served (I3).
func TestWhoMeetsOthersFlightsIsServedWhatIsThereI3(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		time.Sleep(time.Hour) // the token lives for another one
		first := f.get(f.servers[0], app, "mo", info)
		slow := f.keeper("slow", slowGrants{f.store.Handle().Grants()}, through)
		f.Cleanup(func() { _ = slow.Close(context.Background()) })
		f.before = func(context.Context, string) error {
			time.Sleep(time.Second)
			return &broker.Error{Code: "system_busy", Class: broker.Transient, Message: "no"}
		}
		// Everybody wants a token that lasts for another time, longer than this one does.
		together(20, func(i int) {
			tok, err := slow.Token(t.Context(), app, "mo", info, 90*time.Minute+time.Duration(i)*time.Second)
			if err != nil || tok.Version != first.Version {
				t.Errorf("version %d, %v: want %d", tok.Version, err, first.Version)
			}
		})
	})
}

// slowGrants takes its time for every flight, so that others meet it.
type slowGrants struct{ broker.GrantStore }

func (s slowGrants) Get(ctx context.Context, k broker.Key) (broker.Grant, error) {
	time.Sleep(100 * time.Millisecond)
	return s.GrantStore.Get(ctx, k)
}
