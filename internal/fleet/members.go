package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

// A server that has not been heard of for some beats is not waited for any more.
const (
	interval = 3 * time.Second
	within   = 10 * time.Second
	timeout  = 5 * time.Second
)

// Config is what [Members] are made of. Roll, Name and Logger are required.
type Config struct {
	Roll broker.Roll
	// Name of this server, which no other one has.
	Name       string
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: metrics are not exported
	// Forgotten is called when the store turns out to have lost what was written to it, and
	// again until it returns no error. Beats wait for it. Nil: nobody is told.
	Forgotten func(context.Context) error
}

// Members are the servers that share the store, as this one knows them. They are safe for
// concurrent use; [Members.Rank] waits for nothing.
type Members struct {
	cfg   Config
	self  uint64
	beats int64                    // that the store has noted; of the goroutine that beats
	list  atomic.Pointer[[]member] // never nil
}

// member is a server by its name and what stands for it in the order.
type member struct {
	name string
	hash uint64
}

// New returns the list with nobody on it but this server.
func New(c Config) (*Members, error) {
	if c.Roll == nil || c.Name == "" || c.Logger == nil {
		return nil, errors.New("fleet: roll, name and logger are required")
	}
	m := &Members{cfg: c, self: hash(c.Name)}
	m.set([]string{c.Name})
	if c.Registerer != nil {
		c.Registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "hufu", Name: "members", Help: "Live servers that share the store, this one included, as this one knows them.",
		}, func() float64 { return float64(len(*m.list.Load())) }))
	}
	return m, nil
}

// Join notes this server for the first time.
func (m *Members) Join(ctx context.Context) error {
	m.beats = 0
	return m.beat(ctx)
}

// Run notes this server until ctx ends, and then strikes it off, so that the others do
// not wait for it. It is called once, after [Members.Join].
func (m *Members) Run(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	away, forgotten := false, false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			m.leave(ctx)
			return
		}
		err := m.beat(ctx)
		switch {
		case errors.Is(err, broker.ErrForgotten):
			if !forgotten {
				m.cfg.Logger.ErrorContext(ctx, "the store has forgotten this server; it was restored from a backup, or failed over to a server that had less")
			}
			forgotten = m.cfg.Forgotten != nil && m.cfg.Forgotten(ctx) != nil
			if !forgotten {
				m.beats = 0 // and so the next beat is taken again
			}
		case err != nil && !away && ctx.Err() == nil:
			away = true
			m.cfg.Logger.WarnContext(ctx, "the store does not answer; tokens are served from memory", "error", err)
		case err == nil && away:
			away = false
			m.cfg.Logger.InfoContext(ctx, "the store answers again")
		}
	}
}

// beat notes this server once more. After a failure the store may have noted it or not,
// and the same beat is repeated.
func (m *Members) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	names, err := m.cfg.Roll.Beat(ctx, m.cfg.Name, m.beats+1, within)
	if err != nil {
		return fmt.Errorf("tell the store that this server is alive: %w", err)
	}
	m.beats++
	m.set(names)
	return nil
}

func (m *Members) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if err := m.cfg.Roll.Leave(ctx, m.cfg.Name); err != nil {
		m.cfg.Logger.WarnContext(ctx, "this server stays on the list of live ones for a moment", "error", err)
	}
}

func (m *Members) set(names []string) {
	list := make([]member, len(names))
	for i, name := range names {
		list[i] = member{name, hash(name)}
	}
	m.list.Store(&list)
}

// Names lists the live servers, sorted.
func (m *Members) Names() []string {
	names := []string{}
	for _, x := range *m.list.Load() {
		names = append(names, x.name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

// Rank says how many servers stand in line for a key before this one. Every server has
// the same order, and each is first for its share of the keys. When one goes, only the
// keys that it was first for go to others. With each attempt at the key that failed, the
// line moves on: a server that the platform does not let in, or that cannot reach it, does
// not keep the others from what they could do.
func (m *Members) Rank(k broker.Key, failed int) int {
	list := *m.list.Load()
	if len(list) < 2 {
		return 0
	}
	h := keyHash(k)
	own, rank := mix(m.self^h), 0
	for _, x := range list {
		if mix(x.hash^h) > own {
			rank++
		}
	}
	return (rank + failed) % len(list)
}

// The hashes have to be the same in every server, of whatever version.

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hash(s string) uint64 { return add(fnvOffset, s) }

func keyHash(k broker.Key) uint64 {
	h := add(fnvOffset, k.App)
	h = add(add(h, "/"), string(k.Kind))
	return add(add(h, "/"), k.Subject)
}

func add(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return h
}

// mix spreads what differs in a few bits over all of them.
func mix(h uint64) uint64 {
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	return h ^ h>>31
}
