package access

import (
	"context"
	"sync"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/renew"
)

// Watch tells of new tokens of the given apps.
type Watch struct {
	s     *Service
	c     broker.Caller
	sub   *renew.Subscription
	leave func()
}

// Watch subscribes to apps whose access tokens the caller may have. What is there at the start is
// read with [Service.Read] afterwards, so that nothing is missed. The watch is to be
// closed.
func (s *Service) Watch(c broker.Caller, apps []string) (*Watch, error) {
	for _, a := range apps {
		if err := s.mayHave(c, a, broker.AccessToken); err != nil {
			return nil, err
		}
		if s.registry.App(a) == nil {
			return nil, broker.ErrUnknownApp
		}
	}
	if err := s.waits.enter(c.Name(), len(apps)); err != nil {
		return nil, s.refuse(err)
	}
	leave := sync.OnceFunc(func() { s.waits.leave(c.Name(), len(apps)) })
	return &Watch{s: s, c: c, sub: s.tokens.Watch(apps...), leave: leave}, nil
}

// Next waits for the next token that changed. Once the client has been revoked or
// changed it returns [broker.ErrNotAllowed], at the latest when ctx ends. The removal of
// an app is [broker.ErrUnknownApp]; [Watch.Has] says which apps are left.
//
// A virtual token is told again whenever the one behind it changes: it is the same, but
// what is said of how long it lasts counts from then.
func (w *Watch) Next(ctx context.Context) (Held, error) {
	for {
		k, err := w.sub.Next(ctx)
		if !w.s.registry.Valid(w.c.Client) {
			return Held{}, w.s.refuse(broker.ErrNotAllowed)
		}
		if err != nil {
			return Held{}, err
		}
		if acl.Allow(w.c.Client, w.s.rightToHave(w.c.Client, k.App, k.Kind), k.App) {
			return w.s.Read(ctx, w.c, k.App, k.Kind, 0)
		}
	}
}

// Has reports whether an app that is watched is there now.
func (w *Watch) Has(app string) bool { return w.s.registry.App(app) != nil }

// Close ends the watch.
func (w *Watch) Close() {
	w.sub.Close()
	w.leave()
}
