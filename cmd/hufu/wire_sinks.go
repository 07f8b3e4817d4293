package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sink"
)

// lookAgain is how often an app's tokens are looked at when nobody tells of a new one: the
// promise on one may change without, and one that only a sink wants has to be asked for
// until there is one.
const lookAgain = time.Minute

// sinkFeed brings the tokens of apps with sinks to the sinks. Sinks are set in the
// configuration file only, so that they do not change while the server runs.
type sinkFeed struct {
	places  *sink.Places
	runner  *sink.Runner
	manager *renew.Manager
	table   []broker.Platform
	log     *slog.Logger

	apps      []*broker.App // those with sinks
	cancel    context.CancelFunc
	followers sync.WaitGroup
}

func newSinkFeed(m *renew.Manager, table []broker.Platform, log *slog.Logger, reg prometheus.Registerer) (*sinkFeed, error) {
	// Webhooks go by the same rules as calls at platforms: plain http, which is for hosts
	// next door, through no proxy.
	places, err := sink.NewPlaces(sink.PlacesConfig{Now: m.Now, Transport: platform.NewTransport()})
	if err != nil {
		return nil, fmt.Errorf("wire sinks: %w", err)
	}
	r, err := sink.NewRunner(sink.Config{Open: places.Open, Log: log, Registerer: reg})
	if err != nil {
		return nil, fmt.Errorf("wire sinks: %w", err)
	}
	return &sinkFeed{places: places, runner: r, manager: m, table: table, log: log}, nil
}

// start sets the sinks of the apps and follows their tokens until stop.
func (f *sinkFeed) start(ctx context.Context, apps []*broker.App) {
	ctx, f.cancel = context.WithCancel(ctx)
	for _, a := range apps {
		if len(a.Sinks) == 0 {
			continue
		}
		f.apps = append(f.apps, a)
		f.runner.Set(a.ID, a.Sinks)
		f.followers.Go(func() { f.follow(ctx, a) })
	}
}

// run writes to the sinks until ctx ends, and then whatever the sinks do not have yet.
func (f *sinkFeed) run(ctx context.Context) {
	defer f.places.Close()
	if err := f.runner.Run(ctx); err != nil {
		f.log.WarnContext(ctx, "sinks are behind at the end", "error", err)
	}
}

// stop ends the following. What the apps have by then is delivered.
func (f *sinkFeed) stop() {
	if f.cancel == nil {
		return
	}
	f.cancel()
	f.followers.Wait()
	for _, a := range f.apps {
		for _, k := range kindsOf(a) {
			f.deliver(a.ID, k)
		}
	}
}

// follow delivers the tokens that an app has and every new one.
func (f *sinkFeed) follow(ctx context.Context, a *broker.App) {
	sub := f.manager.Watch(a.ID) // before what is there is read, so that nothing is missed
	defer sub.Close()
	kinds := kindsOf(a)
	for ctx.Err() == nil {
		for _, k := range kinds {
			if !f.deliver(a.ID, k) && f.waits(a.ID, k) {
				f.demand(ctx, broker.Key{App: a.ID, Kind: k})
			}
		}
		wait, cancel := context.WithTimeout(ctx, lookAgain)
		_, _ = sub.Next(wait) // Whatever woke it, it looks at everything.
		cancel()
	}
}

// deliver hands the current token of a kind over, if there is one.
func (f *sinkFeed) deliver(app string, k broker.Kind) bool {
	t, _, ok := f.manager.Peek(app, k)
	if ok {
		f.runner.Deliver(t)
	}
	return ok
}

// demand asks for a token of a kind that is only issued once somebody does.
func (f *sinkFeed) demand(ctx context.Context, k broker.Key) {
	t, err := f.manager.Token(ctx, k)
	if err != nil {
		// The renewal that failed has been logged where it failed.
		f.log.DebugContext(ctx, "a sink waits for its first token", "app", k.App, "kind", k.Kind, "error", err)
		return
	}
	f.runner.Deliver(t)
}

// waits reports whether tokens of a kind are only issued once somebody asks.
func (f *sinkFeed) waits(app string, k broker.Kind) bool {
	a := f.manager.App(app)
	if a == nil {
		return false
	}
	i := slices.IndexFunc(f.table, func(p broker.Platform) bool { return p.Name == a.Platform })
	return i >= 0 && f.table[i].Kinds(a.Mode)[k].Waits()
}

// kindsOf lists the kinds that the app's sinks take.
func kindsOf(a *broker.App) []broker.Kind {
	var kinds []broker.Kind
	for _, s := range a.Sinks {
		if k := cmp.Or(s.Kind, broker.AccessToken); !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}
