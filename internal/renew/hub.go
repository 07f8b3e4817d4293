package renew

import (
	"context"
	"slices"
	"sync"

	"github.com/hufu-io/hufu/internal/broker"
)

// hub tells subscriptions of new tokens. It costs nothing for apps nobody watches.
type hub struct {
	mu   sync.Mutex
	subs map[string]map[*Subscription]struct{} // by app
}

func newHub() *hub { return &hub{subs: map[string]map[*Subscription]struct{}{}} }

// Subscription hears of new tokens of some apps. A slow reader misses none of the
// keys, only versions in between: each key is told once, however often it changed.
type Subscription struct {
	hub  *hub
	apps []string

	mu      sync.Mutex
	pending []broker.Key
	ready   chan struct{} // has room for one
}

func (h *hub) subscribe(apps ...string) *Subscription {
	s := &Subscription{hub: h, apps: apps, ready: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range apps {
		if h.subs[a] == nil {
			h.subs[a] = map[*Subscription]struct{}{}
		}
		h.subs[a][s] = struct{}{}
	}
	return s
}

// tell lets all who watch the key's app know that it has a new token.
func (h *hub) tell(k broker.Key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs[k.App] {
		s.add(k)
	}
}

func (s *Subscription) add(k broker.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.pending, k) {
		return
	}
	s.pending = append(s.pending, k)
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Next waits for the next key that has a new token.
func (s *Subscription) Next(ctx context.Context) (broker.Key, error) {
	for {
		s.mu.Lock()
		if len(s.pending) > 0 {
			k := s.pending[0]
			s.pending = s.pending[1:]
			s.mu.Unlock()
			return k, nil
		}
		s.mu.Unlock()
		select {
		case <-s.ready:
		case <-ctx.Done():
			return broker.Key{}, ctx.Err()
		}
	}
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	for _, a := range s.apps {
		delete(s.hub.subs[a], s)
		if len(s.hub.subs[a]) == 0 {
			delete(s.hub.subs, a)
		}
	}
}

// Watch subscribes to new tokens of the given apps. What is there already is not
// told; ask for it after subscribing, and nothing is missed.
func (m *Manager) Watch(apps ...string) *Subscription { return m.hub.subscribe(apps...) }
