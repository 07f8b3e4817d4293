package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"github.com/hufu-io/hufu/internal/broker"
)

// Load registers the apps and clients of the file and those that are stored. Where
// both have one of the same name, the file's wins. A stored one that cannot be used is
// logged and left as it is: it must not keep all the others from being served, and it
// can be put again. It is called once, before the keeper starts.
func (r *Registry) Load(ctx context.Context, apps []*broker.App, clients []*broker.Client) error {
	r.writes.Lock()
	defer r.writes.Unlock()
	var errs []error
	inFile := map[string]bool{}
	for _, a := range apps {
		inFile[a.ID] = true
		errs = append(errs, r.register(ctx, a))
	}
	errs = append(errs, r.loadApps(ctx, inFile))
	t := r.clients.Load().clone()
	for d, err := range r.cfg.Clients.All(ctx) {
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("read stored clients: %w", err))...)
		}
		c, err := r.openClient(d)
		if err != nil {
			r.unusableClient(ctx, d.Name, err)
			continue
		}
		t.add(c)
	}
	for _, c := range clients {
		t.add(c)
	}
	r.clients.Store(t)
	return errors.Join(errs...)
}

// loadApps registers the stored apps. There may be a million: as many goroutines as
// there are cores open their secrets, while this one registers them in their order, so
// that of two that are the same it is always the same one that is used.
func (r *Registry) loadApps(ctx context.Context, inFile map[string]bool) error {
	var readErr error
	batches := make(chan *batch, 8)
	opened := make(chan *batch, 8)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(batches)
		defer close(opened)
		for b, err := range r.storedApps(ctx, inFile) {
			if err != nil {
				readErr = err
				return
			}
			batches <- b
			opened <- b
		}
	})
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for b := range batches {
				r.openAll(ctx, b)
			}
		})
	}
	for b := range opened {
		<-b.done
		for _, a := range b.apps {
			if err := r.loadApp(ctx, a); err != nil {
				r.unusable(ctx, a.ID, err)
			}
		}
	}
	wg.Wait()
	return readErr
}

// batch is some stored apps on their way.
type batch struct {
	defs []broker.Definition
	apps []*broker.App // those of them that could be opened
	done chan struct{} // closed when apps is there
}

func newBatch() *batch {
	const size = 256
	return &batch{defs: make([]broker.Definition, 0, size), done: make(chan struct{})}
}

// storedApps yields the stored apps that the file does not hide.
func (r *Registry) storedApps(ctx context.Context, inFile map[string]bool) iter.Seq2[*batch, error] {
	return func(yield func(*batch, error) bool) {
		b := newBatch()
		for d, err := range r.cfg.Apps.All(ctx) {
			if err != nil {
				yield(nil, fmt.Errorf("read stored apps: %w", err))
				return
			}
			if inFile[d.Name] {
				r.cfg.Logger.WarnContext(ctx, "an app is defined in the file and was stored through the API; the file's is used", "app", d.Name)
				continue
			}
			if b.defs = append(b.defs, d); len(b.defs) == cap(b.defs) {
				if !yield(b, nil) {
					return
				}
				b = newBatch()
			}
		}
		yield(b, nil)
	}
}

func (r *Registry) openAll(ctx context.Context, b *batch) {
	defer close(b.done)
	b.apps = make([]*broker.App, 0, len(b.defs))
	for _, d := range b.defs {
		a, err := r.openApp(d)
		if err != nil {
			r.unusable(ctx, d.Name, err)
			continue
		}
		b.apps = append(b.apps, a)
	}
}

func (r *Registry) unusable(ctx context.Context, id string, err error) {
	r.cfg.Logger.ErrorContext(ctx, "a stored app cannot be used; put it again or delete it", "app", id, "error", err)
}

func (r *Registry) unusableClient(ctx context.Context, name string, err error) {
	r.cfg.Logger.ErrorContext(ctx, "a stored client cannot be used; add it again or revoke it", "client_name", name, "error", err)
}

// loadApp registers a stored app, unless one that is registered is the same.
func (r *Registry) loadApp(ctx context.Context, a *broker.App) error {
	var few [4]*broker.App
	if len(r.ByPlatformID(few[:0], a.Platform, a.AppID)) == 0 {
		return r.register(ctx, a)
	}
	full, err := r.cfg.Keeper.Complete(a)
	if err != nil {
		return err
	}
	if twins := r.twins(full); len(twins) > 0 {
		r.hidden[a.ID] = struct{}{}
		return twinError(twins[0])
	}
	return r.register(ctx, a)
}

func twinError(other *broker.App) error {
	return fmt.Errorf("it is the same registration as app %q (platform, app_id, base_url, and mode, params or secret), and the two would kill each other's tokens", other.ID)
}
