package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Where several servers share a store, each hears from it which definitions the others
// put or deleted ([Registry.Heard]), reads those again and takes them in
// ([Registry.Follow]). What it hears is a name and never a definition: what counts is what
// is stored when it is read, so that the order in which changes are told does not matter.

const (
	// hearAgain is how long a definition that could not be read is left alone.
	hearAgain = time.Second
	// maxHearAgain is the most that becomes of it.
	maxHearAgain = 15 * time.Second
	// hearTimeout bounds one look at the store, which others may have to wait for.
	hearTimeout = 5 * time.Second
)

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

// next takes one piece of news. Clients come first: one may have been revoked. Everything
// comes next, because it brings news of its own. ok is false where there is none.
func (n *news) next() (c broker.Change, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.clients {
		delete(n.clients, name)
		return broker.Change{Client: name}, true
	}
	if n.all {
		n.all = false
		return broker.Change{}, true
	}
	for id := range n.apps {
		delete(n.apps, id)
		return broker.Change{App: id}, true
	}
	return broker.Change{}, false
}

// Heard says that a definition was put or deleted, by whatever server; the zero Change
// that any of them may have been. It does not block. Such news are taken in by Follow.
func (r *Registry) Heard(c broker.Change) { r.news.add(c) }

// Follow takes in the definitions that other servers put and delete, until ctx ends. It is
// called once, after Load.
func (r *Registry) Follow(ctx context.Context) {
	pause := hearAgain
	for {
		select {
		case <-r.news.wake:
		case <-ctx.Done():
			return
		}
		var missed []broker.Change
		for c, ok := r.news.next(); ok && ctx.Err() == nil; c, ok = r.news.next() {
			if err := r.hear(ctx, c); err != nil && ctx.Err() == nil {
				missed = append(missed, c)
				r.cfg.Logger.WarnContext(ctx, "what another server changed could not be read; it is tried again", "app", c.App, "client_name", c.Client, "error", err)
			}
		}
		if len(missed) == 0 {
			pause = hearAgain
			continue
		}
		// Other news do not wait for it.
		time.AfterFunc(pause, func() {
			for _, c := range missed {
				r.news.add(c)
			}
		})
		pause = min(2*pause, maxHearAgain)
	}
}

// hear takes in one piece of news, while nothing else changes.
func (r *Registry) hear(ctx context.Context, c broker.Change) error {
	if c == (broker.Change{}) {
		return r.hearAll(ctx)
	}
	r.writes.Lock()
	defer r.writes.Unlock()
	if c.Client != "" {
		return r.hearClient(ctx, c.Client)
	}
	return r.hearApp(ctx, c.App)
}

// hearAll compares everything with what is stored. What differs becomes news, so that it
// is read again by itself, and nothing else has to wait for the whole.
func (r *Registry) hearAll(ctx context.Context) error {
	gone := map[string]bool{}
	for c := range r.EachClient() {
		gone[c.Name] = c.Origin == broker.FromAPI
	}
	var came []string
	for d, err := range r.cfg.Clients.All(ctx) {
		if err != nil {
			return fmt.Errorf("read stored clients: %w", err)
		}
		gone[d.Name] = false
		if old := r.Client(d.Name); old == nil || !sameDefinition(old.Origin, old.Version, old.Stamp, d) {
			r.news.add(broker.Change{Client: d.Name})
			came = append(came, d.Name)
		}
	}
	r.addGone(gone, func(name string) broker.Change { return broker.Change{Client: name} })
	if len(came) > 0 {
		r.cfg.Logger.WarnContext(ctx, "clients are not who they were when they were last looked at; if the store was restored from a backup, look whether one of them was revoked since",
			"clients", len(came), "some_names", came[:min(len(came), 10)])
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
		if old := r.App(d.Name); old == nil || !sameDefinition(old.Origin, old.Version, old.Stamp, d) {
			r.news.add(broker.Change{App: d.Name})
		}
	}
	r.addGone(gone, func(id string) broker.Change { return broker.Change{App: id} })
	return nil
}

func (r *Registry) addGone(gone map[string]bool, change func(name string) broker.Change) {
	for name, is := range gone {
		if is {
			r.news.add(change(name))
		}
	}
}

// sameDefinition reports whether what is registered needs no other look at what is stored:
// it is that, or the file's.
func sameDefinition(origin broker.Origin, v broker.Version, stamp uint64, d broker.Definition) bool {
	return origin == broker.FromFile || v == d.Version && stamp == stampOf(d)
}

// hearClient takes in what is stored of a client. writes is held.
func (r *Registry) hearClient(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, hearTimeout)
	defer cancel()
	d, err := r.cfg.Clients.Get(ctx, name)
	switch {
	case errors.Is(err, broker.ErrNotFound):
		r.dropClient(name)
		return nil
	case err != nil:
		return broker.StoreAway(fmt.Errorf("read client %q: %w", name, err))
	}
	return r.takeClient(ctx, d)
}

func (r *Registry) takeClient(ctx context.Context, d broker.Definition) error {
	old := r.Client(d.Name)
	if old != nil && sameDefinition(old.Origin, old.Version, old.Stamp, d) {
		return nil
	}
	c, err := r.openClient(d)
	if errors.Is(err, broker.ErrUnknownKey) {
		return err // the keys are being rotated, and the new one is not here yet
	}
	if err != nil {
		// Whoever it was before is not the one that is stored now.
		r.dropClient(d.Name)
		r.unusableClient(ctx, d.Name, err)
		return nil
	}
	t := r.clients.Load().clone()
	t.add(c)
	r.clients.Store(t)
	return nil
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
	read, cancel := context.WithTimeout(ctx, hearTimeout)
	defer cancel()
	d, err := r.cfg.Apps.Get(read, id)
	switch {
	case errors.Is(err, broker.ErrNotFound):
		r.dropApp(ctx, id)
		return nil
	case err != nil:
		return broker.StoreAway(fmt.Errorf("read app %q: %w", id, err))
	}
	return r.takeApp(ctx, d)
}

func (r *Registry) takeApp(ctx context.Context, d broker.Definition) error {
	old := r.App(d.Name)
	if old != nil && sameDefinition(old.Origin, old.Version, old.Stamp, d) {
		return nil
	}
	a, err := r.openApp(d)
	if errors.Is(err, broker.ErrUnknownKey) {
		return err // as of clients
	}
	if err == nil {
		err = r.admitHeard(ctx, a)
	}
	switch now := r.App(d.Name); {
	case err == nil:
	case now != nil && sameDefinition(now.Origin, now.Version, now.Stamp, d):
		// It is registered, and its tokens are read or issued as soon as that is possible.
		r.cfg.Logger.WarnContext(ctx, "the tokens of an app that another server has changed could not be read yet", "app", d.Name, "error", err)
	default:
		// What it was before is not what is stored now.
		r.dropApp(ctx, d.Name)
		r.unusable(ctx, d.Name, err)
	}
	return nil
}

// admitHeard registers an app that another server has stored. Two servers that each added
// the same registration before they heard of the other find the two here: all of them use
// the one whose id comes first, as they do at their next start.
func (r *Registry) admitHeard(ctx context.Context, a *broker.App) error {
	full, err := r.cfg.Keeper.Complete(a)
	if err != nil {
		return err
	}
	twins := r.twins(full)
	if i := slices.IndexFunc(twins, func(x *broker.App) bool { return x.Origin == broker.FromFile || x.ID < a.ID }); i >= 0 {
		r.hidden[a.ID] = struct{}{}
		return twinError(twins[i])
	}
	for _, other := range twins {
		r.dropApp(ctx, other.ID)
		r.hidden[other.ID] = struct{}{}
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
	r.tryTwins()
}

// tryTwins looks once more at the apps that were not used because another one was the
// same: that one may have gone, or be another one now. writes is held.
func (r *Registry) tryTwins() {
	for id := range r.hidden {
		r.news.add(broker.Change{App: id})
	}
	clear(r.hidden)
}
