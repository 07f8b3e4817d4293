package grant

import (
	"context"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/recent"
)

const (
	// maxTurns is how many calls are made for the refreshes of one app at a time: when all users come
	// back after an outage, the platform is not to fall over (I7).
	maxTurns = 64
	// maxTurnApps bounds the apps that are remembered. One that is forgotten while it has more
	// calls than it may is not worth the count.
	maxTurnApps = 4096
)

// turns are the places for calls, of each app its own: one whose platform hangs keeps no
// other waiting.
type turns struct {
	apps *recent.Map[string, chan struct{}]
}

func newTurns() *turns { return &turns{recent.New[string, chan struct{}](maxTurnApps)} }

// take waits for a place, and returns what gives it back.
func (t *turns) take(ctx context.Context, app string) (leave func(), err error) {
	places, known := t.apps.Get(app)
	if !known {
		t.apps.Update(app, func(was chan struct{}, known bool) (chan struct{}, bool) {
			if places = was; !known {
				places = make(chan struct{}, maxTurns)
			}
			return places, true
		})
	}
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, busy()
	}
}

// alone runs a call in its turn.
func alone[T any](ctx context.Context, t *turns, app *broker.App, call func() (T, error)) (T, error) {
	leave, err := t.take(ctx, app.ID)
	if err != nil {
		var none T
		return none, err
	}
	defer leave()
	return call()
}
