package grant_test

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// trouble is what happens to a process at its nth input or output.
type trouble int

const (
	diesBefore trouble = iota // and the call does not take place
	diesAfter                 // and the call has taken place
	fails                     // the call fails, and the process goes on
	loses                     // the call has taken place, and its answer is lost
)

// process is what one server does outside of itself, up to where something happens to it.
type process struct {
	mu   sync.Mutex
	n    int // calls so far
	at   int // the call at which it happens; zero: it does not
	what trouble
	dead bool
	hit  string // the call that it happened at
	// buried is closed when what was going on in a dead process may end.
	buried chan struct{}
}

// run has the process do something, and reports whether it has lived to see the end of it.
func (p *process) run(f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	synctest.Wait()
	p.mu.Lock()
	dead := p.dead
	p.mu.Unlock()
	if !dead {
		<-done
	}
	return !dead
}

// do makes a call, if the process lives and its time has not come.
func (p *process) do(name string, call func() error) error {
	p.mu.Lock()
	p.n++
	now := p.n == p.at
	if now {
		p.hit = name
		p.dead = p.dead || p.what == diesBefore
	}
	dead := p.dead
	p.mu.Unlock()
	switch {
	case dead:
		<-p.buried
		return errDead
	case now && p.what == fails:
		return errDead
	}
	err := call()
	if now && (p.what == diesAfter || p.what == loses) {
		p.mu.Lock()
		p.dead = p.what == diesAfter
		p.mu.Unlock()
		if p.what == diesAfter {
			<-p.buried
		}
		return errDead
	}
	return err
}

func (p *process) happened() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hit
}

// platform is the process' way to the platform. A call whose answer does not come has an
// outcome that is not known.
func (p *process) platform(_ context.Context, call func() error) error {
	var err error
	if p.do("the platform", func() error { err = call(); return nil }) != nil {
		return away()
	}
	return err
}

// disk is the process' way to the store.
type disk struct {
	p     *process
	store broker.GrantStore
}

var _ broker.GrantStore = disk{}

func (d disk) Get(ctx context.Context, k broker.Key) (g broker.Grant, err error) {
	err = d.p.do("get", func() error { g, err = d.store.Get(ctx, k); return err })
	return g, err
}

func (d disk) Put(ctx context.Context, g broker.Grant) (v broker.Version, err error) {
	err = d.p.do("put", func() error { v, err = d.store.Put(ctx, g); return err })
	return v, err
}

func (d disk) Delete(ctx context.Context, k broker.Key, v broker.Version) error {
	return d.p.do("delete", func() error { return d.store.Delete(ctx, k, v) })
}

func (d disk) Page(ctx context.Context, app string, after broker.Key, limit int) (page []broker.Grant, err error) {
	err = d.p.do("page", func() error { page, err = d.store.Page(ctx, app, after, limit); return err })
	return page, err
}

func (d disk) All(ctx context.Context) iter.Seq2[broker.Grant, error] { return d.store.All(ctx) }

// slow is a store that takes its time for reading a grant.
type slow struct{ broker.GrantStore }

func (s slow) Get(ctx context.Context, k broker.Key) (broker.Grant, error) {
	time.Sleep(100 * time.Millisecond)
	return s.GrantStore.Get(ctx, k)
}

// hanging is a store that may not answer.
type hanging struct {
	broker.GrantStore
	hangs *bool
}

func (h hanging) Page(ctx context.Context, app string, after broker.Key, limit int) ([]broker.Grant, error) {
	if *h.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.GrantStore.Page(ctx, app, after, limit)
}

// busy is a store in which something happens after everything was read and before anything of it is looked at.
type busy struct {
	broker.GrantStore
	happens func()
}

func (b busy) All(ctx context.Context) iter.Seq2[broker.Grant, error] {
	return func(yield func(broker.Grant, error) bool) {
		happened := false
		for g, err := range b.GrantStore.All(ctx) {
			if !happened {
				b.happens()
				happened = true
			}
			if !yield(g, err) {
				return
			}
		}
	}
}

// failing is a store that takes so many writes and no more.
type failing struct {
	broker.GrantStore
	after int64
	puts  atomic.Int64
}

func (s *failing) Put(ctx context.Context, g broker.Grant) (broker.Version, error) {
	if s.puts.Add(1) > s.after {
		return 0, broker.ErrUnreachable
	}
	return s.GrantStore.Put(ctx, g)
}
