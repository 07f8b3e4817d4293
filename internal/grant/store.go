package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// storeTimeout bounds one call of the store.
	storeTimeout = 5 * time.Second
	// memoryTimeout bounds a read of what is remembered as well: nobody waits for long for a store that
	// hangs (I3).
	memoryTimeout = time.Second
	// fewKinds is more than most users' grants of one app. What is read beyond a user's own are
	// other users'.
	fewKinds = 3
)

// get reads one grant of the app. One that was made to another registration is none.
func (k *Keeper) get(ctx context.Context, app *broker.App, key broker.Key) (broker.Grant, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	g, err := k.cfg.Store.Get(ctx, key)
	switch {
	case errors.Is(err, broker.ErrNotFound):
		return broker.Grant{}, broker.ErrNoGrant
	case err != nil:
		return broker.Grant{}, broker.StoreAway(fmt.Errorf("read a grant of app %q: %w", key.App, err))
	case g.Source != k.source(app):
		return broker.Grant{}, broker.ErrNoGrant
	}
	return g, nil
}

// put writes a grant once, whoever has stopped waiting for it.
func (k *Keeper) put(ctx context.Context, g broker.Grant) (broker.Version, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	v, err := k.cfg.Store.Put(ctx, g)
	switch {
	case err == nil:
		g.Version = v
		k.memory.wrote(g)
		return v, nil
	case errors.Is(err, broker.ErrConflict):
		return 0, err
	default:
		return 0, broker.StoreAway(fmt.Errorf("write a grant of app %q: %w", g.Key.App, err))
	}
}

// putAgain is put for what cannot be had again, such as tokens that a used-up code has
// brought.
func (k *Keeper) putAgain(ctx context.Context, g broker.Grant) error {
	_, err := insist(ctx, func() (broker.Version, error) { return k.put(ctx, g) })
	return err
}

// stored reads what is there under a key, whatever it was granted to.
func (k *Keeper) stored(ctx context.Context, key broker.Key) (broker.Grant, error) {
	return insist(ctx, func() (broker.Grant, error) {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		g, err := k.cfg.Store.Get(ctx, key)
		switch {
		case errors.Is(err, broker.ErrNotFound):
			return broker.Grant{}, nil
		case err != nil:
			return broker.Grant{}, broker.StoreAway(fmt.Errorf("read a grant of app %q: %w", key.App, err))
		default:
			return g, nil
		}
	})
}

// insist calls the store again while it is away, until ctx ends.
func insist[T any](ctx context.Context, call func() (T, error)) (T, error) {
	pause := 50 * time.Millisecond
	for {
		v, err := call()
		if err == nil || errors.Is(err, broker.ErrConflict) {
			return v, err
		}
		if sleep(ctx, pause) != nil {
			return v, err
		}
		pause = min(2*pause, time.Second)
	}
}

// ofUser reads all that is kept of a user, in the order of kinds. While the store is away,
// what was read of it lately is good enough (I3).
func (k *Keeper) ofUser(ctx context.Context, app *broker.App, user string) ([]broker.Grant, error) {
	epoch := k.memory.epoch(app.ID, user)
	patience := storeTimeout
	if _, ok := k.memory.recall(app.ID, user, k.cfg.Now()); ok {
		patience = memoryTimeout
	}
	all, err := k.allOf(ctx, app, user, patience)
	if err != nil {
		// It may have been written, or deleted, meanwhile.
		if known, ok := k.memory.recall(app.ID, user, k.cfg.Now()); ok && ctx.Err() == nil {
			return k.grantedTo(app, known), nil
		}
		return nil, err
	}
	found := k.grantedTo(app, all)
	k.memory.remember(app.ID, user, found, k.cfg.Now(), epoch)
	return found, nil
}

// allOf reads all that is stored of a user, whatever it was granted to.
func (k *Keeper) allOf(ctx context.Context, app *broker.App, user string, patience time.Duration) ([]broker.Grant, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var all []broker.Grant
	after := broker.Key{App: app.ID, Subject: user}
	for {
		page, err := k.page(ctx, app.ID, after, fewKinds)
		if err != nil {
			return nil, err
		}
		for _, g := range page {
			if g.Key.Subject != user {
				return all, nil
			}
			all, after = append(all, g), g.Key
		}
		if len(page) < fewKinds {
			return all, nil
		}
	}
}

// grantedTo picks what was granted to the app as it is registered now (I8).
func (k *Keeper) grantedTo(app *broker.App, grants []broker.Grant) []broker.Grant {
	source := k.source(app)
	var found []broker.Grant
	for _, g := range grants {
		if g.Source == source {
			found = append(found, g)
		}
	}
	return found
}

func (k *Keeper) page(ctx context.Context, app string, after broker.Key, limit int) ([]broker.Grant, error) {
	page, err := k.cfg.Store.Page(ctx, app, after, limit)
	if err != nil {
		return nil, broker.StoreAway(fmt.Errorf("read grants of app %q: %w", app, err))
	}
	return page, nil
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
