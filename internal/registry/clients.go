package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// Authenticate finds the client a key belongs to, or returns nil. The key is hashed
// and looked up: no comparison depends on how much of it is right.
func (r *Registry) Authenticate(key string) *broker.Client {
	return r.clients.Load().byKey[HashKey(key)]
}

// Valid reports whether a client that was authenticated earlier still is what it was:
// neither revoked nor replaced by another of its name.
func (r *Registry) Valid(c *broker.Client) bool {
	if c == nil {
		return false
	}
	now := r.clients.Load().byName[c.Name]
	return now != nil && now.Key == c.Key
}

// Client finds a client by its name, or returns nil.
func (r *Registry) Client(name string) *broker.Client { return r.clients.Load().byName[name] }

// ClientsEpoch is another number whenever a client may be another one, so that what was
// found out about the clients can be kept for as long as it stays the same.
func (r *Registry) ClientsEpoch() uint64 { return r.clients.Load().epoch }

// EachClient yields all clients, in no order.
func (r *Registry) EachClient() iter.Seq[*broker.Client] { return maps.Values(r.clients.Load().byName) }

// Clients lists all clients by name.
func (r *Registry) Clients() []*broker.Client {
	t := r.clients.Load()
	return slices.SortedFunc(maps.Values(t.byName), func(a, b *broker.Client) int { return strings.Compare(a.Name, b.Name) })
}

// AddClient adds a client and returns its new key, which is kept nowhere.
func (r *Registry) AddClient(ctx context.Context, c *broker.Client) (broker.Secret, error) {
	r.writes.Lock()
	defer r.writes.Unlock()
	// Another server may have added or revoked it a moment ago.
	if err := r.hearClient(ctx, c.Name); err != nil {
		return broker.Secret{}, err
	}
	if r.clients.Load().byName[c.Name] != nil {
		return broker.Secret{}, ErrExists
	}
	key := NewKey()
	next := *c
	next.Key, next.Origin = HashKey(key.Reveal()), broker.FromAPI
	var err error
	if next.Version, err = unusedVersion(ctx, r.cfg.Clients, next.Name); err != nil {
		return broker.Secret{}, err
	}
	d, err := r.sealClient(&next)
	if err != nil {
		return broker.Secret{}, err
	}
	next.Version, err = r.cfg.Clients.Put(ctx, d)
	next.Stamp = stampOf(d)
	switch {
	case errors.Is(err, broker.ErrConflict):
		return broker.Secret{}, ErrExists
	case err != nil:
		return broker.Secret{}, fmt.Errorf("store client %q: %w", c.Name, err)
	}
	t := r.clients.Load().clone()
	t.add(&next)
	r.clients.Store(t)
	return key, nil
}

// DeleteClient revokes a client: its key stops working at once.
func (r *Registry) DeleteClient(ctx context.Context, name string) error {
	r.writes.Lock()
	defer r.writes.Unlock()
	if err := r.hearClient(ctx, name); err != nil {
		return err
	}
	c := r.clients.Load().byName[name]
	switch {
	case c == nil:
		return deleteUnused(ctx, r.cfg.Clients, name, ErrUnknownClient)
	case c.Origin == broker.FromFile:
		return ErrReadOnly
	}
	err := r.cfg.Clients.Delete(ctx, name, c.Version)
	switch {
	case errors.Is(err, broker.ErrConflict):
		return ErrChanged
	case err != nil && !errors.Is(err, broker.ErrNotFound):
		return fmt.Errorf("delete client %q: %w", name, err)
	}
	r.dropClient(name)
	return nil
}

func (t *clientTable) clone() *clientTable {
	return &clientTable{epoch: t.epoch + 1, byKey: maps.Clone(t.byKey), byName: maps.Clone(t.byName)}
}

func (t *clientTable) add(c *broker.Client) {
	if old := t.byName[c.Name]; old != nil {
		delete(t.byKey, old.Key)
	}
	t.byName[c.Name] = c
	t.byKey[c.Key] = c
}
