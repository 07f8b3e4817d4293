package renew

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hufu-io/hufu/internal/broker"
)

const shards = 64

// index finds apps by id. Readers take a shared lock on one of many shards, for the
// time of a map look-up.
type index struct {
	seed   maphash.Seed
	shards [shards]struct {
		mu   sync.RWMutex
		apps map[string]*app
	}
}

func newIndex() *index {
	x := &index{seed: maphash.MakeSeed()}
	for i := range x.shards {
		x.shards[i].apps = map[string]*app{}
	}
	return x
}

func (x *index) get(id string) *app {
	s := &x.shards[maphash.String(x.seed, id)%shards]
	s.mu.RLock()
	a := s.apps[id]
	s.mu.RUnlock()
	return a
}

// getOrAdd returns the app with this definition's id, adding one if there is none.
func (x *index) getOrAdd(d *definition) *app {
	s := &x.shards[maphash.String(x.seed, d.app.ID)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[d.app.ID]
	if a == nil {
		a = &app{}
		a.def.Store(d) // before anybody can see it
		s.apps[d.app.ID] = a
	}
	return a
}

func (x *index) remove(id string) *app {
	s := &x.shards[maphash.String(x.seed, id)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[id]
	delete(s.apps, id)
	return a
}

// each calls f for every app, in no order, holding no lock meanwhile.
func (x *index) each(f func(*app)) {
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.RLock()
		apps := make([]*app, 0, len(s.apps))
		for _, a := range s.apps {
			apps = append(apps, a)
		}
		s.mu.RUnlock()
		for _, a := range apps {
			f(a)
		}
	}
}

// app is one registered app and the keys that are kept for it.
type app struct {
	def atomic.Pointer[definition] // never nil
	// list holds the entries in the order in which they were first asked for. It is
	// replaced as a whole, under mu.
	list atomic.Pointer[[]*entry]
	mu   sync.Mutex
	gone bool // it was removed: nothing is kept for it any more
}

// definition is what an app is at the moment. It never changes.
type definition struct {
	app   *broker.App
	kinds map[broker.Kind]broker.Source // shared by all apps of a platform and mode
	pool  *pool                         // shared by all apps of a platform host
}

func (a *app) entries() []*entry {
	if l := a.list.Load(); l != nil {
		return *l
	}
	return nil
}

func (a *app) find(k broker.Kind, subject string) *entry {
	for _, e := range a.entries() {
		if e.kind == k && e.subject == subject {
			return e
		}
	}
	return nil
}

// findOrAdd returns the entry for a kind, or nil if the platform has none such or the
// app was removed.
func (a *app) findOrAdd(k broker.Kind, subject string) *entry {
	if e := a.find(k, subject); e != nil {
		return e
	}
	if _, ok := a.def.Load().kinds[k]; !ok {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.find(k, subject); e != nil || a.gone {
		return e
	}
	e := &entry{app: a, kind: k, subject: subject, slot: -1}
	e.state.Store(noSnapshot)
	l := append(slices.Clip(slices.Clone(a.entries())), e)
	a.list.Store(&l)
	return e
}

// entry is what this process holds of one key.
type entry struct {
	app     *app
	kind    broker.Kind
	subject string
	state   atomic.Pointer[snapshot]

	mu     sync.Mutex
	flight *flight
	doubt  *doubt
	// offline is the record as it should be stored, while the store cannot be reached.
	offline *broker.Record
	// unsavedTerm is the term of the lease under which the offline record came about;
	// zero: there was none.
	unsavedTerm int64
	// insisting says that the store is still to take a refresh token that an issue has
	// brought. Nothing is issued meanwhile.
	insisting bool
	gone      bool // the app was removed
	// hashes of the current and the previous token, as they are in the token index.
	hashes   [2]uint64
	outlived atomic.Pointer[[]outlived] // nil: there are none

	// slot and wake belong to the scheduler.
	slot int
	wake int64
}

// now returns what the app is, and what is in memory of its token, never that of another
// registration that it was before or became meanwhile (I8).
func (e *entry) now() (*definition, *snapshot) {
	for {
		d := e.app.def.Load()
		if s := e.state.Load(); e.app.def.Load() == d {
			return d, s
		}
	}
}

// removed reports whether the app is not kept any more.
func (e *entry) removed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.gone
}

func (e *entry) key() broker.Key {
	return broker.Key{App: e.app.def.Load().app.ID, Kind: e.kind, Subject: e.subject}
}

// source says how the entry's tokens are issued and rotate for the app.
func (d *definition) source(k broker.Kind) (broker.Source, broker.Rotation) {
	s := d.kinds[k]
	return s, s.Rotation.For(d.app.Renew())
}
