package grant

import (
	"context"
	"errors"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// Of returns what is kept of one user. Nothing: [broker.ErrNoGrant].
func (k *Keeper) Of(ctx context.Context, app *broker.App, user string) ([]broker.GrantState, error) {
	found, err := k.ofUser(ctx, app, user)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, broker.ErrNoGrant
	}
	states := make([]broker.GrantState, 0, len(found))
	for _, g := range found {
		states = append(states, k.state(g))
	}
	return states, nil
}

// List returns a page of an app's grants, in the order of users, after the given one: at
// most limit of them. What was granted to another registration of the same id is among them, so
// that it can be deleted.
func (k *Keeper) List(ctx context.Context, app *broker.App, after broker.Key, limit int) ([]broker.GrantState, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	page, err := k.page(ctx, app.ID, after, limit)
	if err != nil {
		return nil, err
	}
	states := make([]broker.GrantState, 0, len(page))
	for _, g := range page {
		states = append(states, k.state(g))
	}
	return states, nil
}

func (k *Keeper) state(g broker.Grant) broker.GrantState {
	s := broker.GrantState{
		User: userOf(g), Token: g.Token, Authorized: g.Authorized, Expiry: g.Expiry, Deadline: g.Deadline, Ended: g.Ended,
	}
	if !g.Failure.IsZero() {
		s.Failure = g.Failure.Error(k.cfg.Now())
	}
	return s
}

// Forget deletes all that is kept of a user, whatever it was granted to, and returns how
// many grants that were. Nothing: [broker.ErrNoGrant].
func (k *Keeper) Forget(ctx context.Context, app *broker.App, user string) (int, error) {
	defer k.memory.drop(app.ID, user)
	n := 0
	for {
		left, err := k.allOf(ctx, app, user, storeTimeout)
		if err != nil {
			return n, err
		}
		for _, g := range left {
			switch err := k.remove(ctx, g); {
			case err == nil:
				n++
			case errors.Is(err, broker.ErrConflict), errors.Is(err, broker.ErrNotFound):
				// It was written or deleted meanwhile, and is looked for again.
			default:
				return n, broker.StoreAway(fmt.Errorf("delete a grant of app %q: %w", app.ID, err))
			}
		}
		switch {
		case len(left) > 0:
		case n == 0:
			return 0, broker.ErrNoGrant
		default:
			return n, nil
		}
	}
}

func (k *Keeper) remove(ctx context.Context, g broker.Grant) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return k.cfg.Store.Delete(ctx, g.Key, g.Version)
}
