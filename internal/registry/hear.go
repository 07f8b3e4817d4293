package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Where several servers share a store, each hears from it which definitions the others
// put or deleted ([Registry.Heard]), reads those again and takes them in
// ([Registry.Follow]). What it hears is a name and never a definition: what counts is what
// is stored when it is read, so that the order in which changes are told does not matter.

// hearAgain is how long a definition that could not be read is left alone.
const hearAgain = time.Second

// news are the names that have been told of and not been read yet.
type news struct {
	mu      sync.Mutex
	all     bool // any of them may have changed
	apps    map[string]struct{}
	clients map[string]struct{}
	wake    chan struct{} // has room for one
}

func newNews() *news {
	return &news{apps: map[string]struct{}{}, clients: map[string]struct{}{}, wake: make(chan struct{}, 1)}
}

func (n *news) add(c broker.Change) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case c.App != "":
		n.apps[c.App] = struct{}{}
	case c.Client != "":
		n.clients[c.Client] = struct{}{}
	default:
		n.all = true
	}
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// take returns the news and forgets them. Clients come first: one may have been revoked.
func (n *news) take() (all bool, clients, apps []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	all, clients, apps = n.all, slices.Sorted(maps.Keys(n.clients)), slices.Sorted(maps.Keys(n.apps))
	n.all = false
	clear(n.clients)
	clear(n.apps)
	return all, clients, apps
}

// Heard says that a definition was put or deleted, by whatever server; the zero Change
// that any of them may have been. It does not block. Such news are taken in by Follow.
func (r *Registry) Heard(c broker.Change) { r.news.add(c) }

// Follow takes in the definitions that other servers put and delete, until ctx ends. It is
// called once, after Load.
func (r *Registry) Follow(ctx context.Context) {
	for {
		select {
		case <-r.news.wake:
		case <-ctx.Done():
			return
		}
		all, clients, apps := r.news.take()
		var missed []broker.Change
		if all && r.hear(ctx, "", r.hearAll) != nil {
			missed = append(missed, broker.Change{})
		}
		for _, name := range clients {
			if r.hear(ctx, name, r.hearClient) != nil {
				missed = append(missed, broker.Change{Client: name})
			}
		}
		for _, id := range apps {
			if r.hear(ctx, id, r.hearApp) != nil {
				missed = append(missed, broker.Change{App: id})
			}
		}
		if len(missed) == 0 {
			continue
		}
		select {
		case <-time.After(hearAgain):
		case <-ctx.Done():
			return
		}
		for _, c := range missed {
			r.news.add(c)
		}
	}
}

// hear takes in one piece of news, while nothing else changes.
func (r *Registry) hear(ctx context.Context, name string, take func(context.Context, string) error) error {
	r.writes.Lock()
	defer r.writes.Unlock()
	err := take(ctx, name)
	if err != nil && ctx.Err() == nil {
		r.cfg.Logger.WarnContext(ctx, "what other servers changed could not be read; it is tried again", "error", err)
	}
	return err
}

// hearAll compares everything with what is stored. writes is held.
func (r *Registry) hearAll(ctx context.Context, _ string) error {
	gone := map[string]bool{}
	for _, c := range r.clients.Load().byName {
		gone[c.Name] = c.Origin == broker.FromAPI
	}
	for d, err := range r.cfg.Clients.All(ctx) {
		if err != nil {
			return fmt.Errorf("read stored clients: %w", err)
		}
		gone[d.Name] = false
		r.takeClient(ctx, d)
	}
	for name, is := range gone {
		if is {
			r.dropClient(name)
		}
	}
	clear(gone)
	for _, id := range r.cfg.Keeper.AppIDs() {
		if a := r.App(id); a != nil {
			gone[id] = a.Origin == broker.FromAPI
		}
	}
	for d, err := range r.cfg.Apps.All(ctx) {
		if err != nil {
			return fmt.Errorf("read stored apps: %w", err)
		}
		gone[d.Name] = false
		r.takeApp(ctx, d)
	}
	for id, is := range gone {
		if is {
			r.dropApp(ctx, id)
		}
	}
	return nil
}

// hearClient takes in what is stored of a client. writes is held.
func (r *Registry) hearClient(ctx context.Context, name string) error {
	d, err := r.cfg.Clients.Get(ctx, name)
	switch {
	case errors.Is(err, broker.ErrNotFound):
		r.dropClient(name)
		return nil
	case err != nil:
		return fmt.Errorf("read client %q: %w", name, err)
	}
	r.takeClient(ctx, d)
	return nil
}

func (r *Registry) takeClient(ctx context.Context, d broker.Definition) {
	old := r.Client(d.Name)
	if old != nil && (old.Origin == broker.FromFile || old.Version == d.Version) {
		return
	}
	c, err := r.openClient(d)
	if err != nil {
		// Whoever it was before is not the one that is stored now.
		r.dropClient(d.Name)
		r.unusableClient(ctx, d.Name, err)
		return
	}
	t := r.clients.Load().clone()
	t.add(c)
	r.clients.Store(t)
}

// dropClient forgets a client, unless the file has it.
func (r *Registry) dropClient(name string) {
	c := r.Client(name)
	if c == nil || c.Origin == broker.FromFile {
		return
	}
	t := r.clients.Load().clone()
	delete(t.byName, name)
	delete(t.byKey, c.Key)
	r.clients.Store(t)
}

// hearApp takes in what is stored of an app. writes is held.
func (r *Registry) hearApp(ctx context.Context, id string) error {
	d, err := r.cfg.Apps.Get(ctx, id)
	switch {
	case errors.Is(err, broker.ErrNotFound):
		r.dropApp(ctx, id)
		return nil
	case err != nil:
		return fmt.Errorf("read app %q: %w", id, err)
	}
	r.takeApp(ctx, d)
	return nil
}

func (r *Registry) takeApp(ctx context.Context, d broker.Definition) {
	old := r.App(d.Name)
	if old != nil && (old.Origin == broker.FromFile || old.Version == d.Version) {
		return
	}
	a, err := r.openApp(d)
	if err == nil {
		err = r.admitHeard(ctx, a)
	}
	if err != nil {
		r.unusable(ctx, d.Name, err)
	}
}

// admitHeard registers an app that another server has stored. Two servers that each added
// the same registration before they heard of the other find the two here: all of them use
// the one whose id comes first, as they do at their next start.
func (r *Registry) admitHeard(ctx context.Context, a *broker.App) error {
	full, err := r.cfg.Keeper.Complete(a)
	if err != nil {
		return err
	}
	if other := r.twin(full); other != nil {
		if other.Origin == broker.FromFile || other.ID < a.ID {
			return twinError(other)
		}
		r.dropApp(ctx, other.ID)
		r.unusable(ctx, other.ID, twinError(full))
	}
	return r.registerWith(ctx, a, r.cfg.Keeper.HearOfApp)
}

// dropApp forgets an app, unless the file has it. Its tokens are left to the server that
// removed it.
func (r *Registry) dropApp(ctx context.Context, id string) {
	a := r.App(id)
	if a == nil || a.Origin == broker.FromFile {
		return
	}
	r.unindex(a)
	if err := r.cfg.Keeper.HearOfRemoval(ctx, id); err != nil {
		r.cfg.Logger.WarnContext(ctx, "an app that another server removed was not removed here", "app", id, "error", err)
	}
	r.ids.changed(id)
}
